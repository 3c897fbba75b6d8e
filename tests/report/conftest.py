"""Workdirs as training and comparing leave them, made by hand, with names that try to break the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from sjft_tf import artifacts
from sjft_tf.config import RunConfig
from sjft_tf.evaluation import (
    EvaluationStamp,
    FinalFigures,
    RoundEvaluation,
    RoundFigures,
    RunFigures,
    StampedMetrics,
    class_report,
    evaluate_probabilities,
    save_report,
)
from sjft_tf.images import open_image_set
from sjft_tf.pipeline.stages.results import round_figures
from sjft_tf.retrieval import NeighborTable
from sjft_tf.summaries import RoundSummaries
from sjft_tf.workdir import Workdir

HOSTILE = ("<script>alert(1)</script>", '$a_b^c$ & "q" id="x"', "long " * 12)
SOURCES = ("<img src=x onerror=alert(2)>", "</svg>", "plain", "$\\frac$")

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """Ids, headings, text, addresses and unbalanced tags of an HTML file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.tags: dict[str, int] = {}
        self.problems: list[str] = []
        self.alts: list[str | None] = []
        self.text = ""
        self._open: list[str] = []
        self.source = path.read_text()
        self.feed(self.source)
        self.close()
        self.problems += [f"<{tag}> is not closed" for tag in self._open]

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags[tag] = self.tags.get(tag, 0) + 1
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("href", "src", "xlink:href", "srcset", "action"):
                self.addresses.append(value)
            if name.startswith("on"):
                self.problems.append(f"{tag} has {name}")
        if tag == "img":
            self.alts.append(dict(attrs).get("alt"))

    def handle_endtag(self, tag):
        if not self._open or self._open.pop() != tag:
            self.problems.append(f"</{tag}> closes nothing")

    def handle_data(self, data):
        self.text += data


def check_alone(page: Page, folder: Path) -> None:
    """The page is well-formed and asks for nothing from elsewhere; links to files lead somewhere."""
    assert page.problems == []
    assert len(set(page.ids)) == len(page.ids)
    assert "http:" not in page.source.replace("$", "")
    assert "https:" not in page.source
    assert "@import" not in page.source
    assert "url(http" not in page.source
    assert "script" not in page.tags
    assert all(page.alts)
    for address in page.addresses:
        if address.startswith("#"):
            assert address[1:] in page.ids, address
        elif not address.startswith("data:"):
            assert (folder / address.replace("%20", " ")).exists(), address


def make_images(folder: Path) -> tuple[str, str]:
    """Specs of 9 target images of 40 px and 20 source images of 8 px."""
    rng = np.random.default_rng(0)
    for name, count, side, names in (("target", 9, 40, HOSTILE), ("source", 20, 8, SOURCES)):
        np.savez(
            folder / f"{name}.npz",
            x=rng.integers(0, 256, (count, side, side, 3), np.uint8),
            y=np.arange(count) % len(names),
            class_names=np.array(names),
        )
    return f"npz:{folder / 'target.npz'}", f"npz:{folder / 'source.npz'}"


def make_run(folder: Path, specs: tuple[str, str], rounds: int = 2, selector: str = "nearest", seed: int = 0) -> Path:
    """A workdir with everything a report can show."""
    rng, workdir, config = np.random.default_rng(seed), Workdir(folder), RunConfig()
    data = replace(config.data, target=specs[0], source=[specs[1]] if selector != "none" else [])
    config = replace(config, data=data, selection=replace(config.selection, selector=selector, k0="2"))
    workdir.write_config(replace(config, training=replace(config.training, rounds=rounds, steps_per_round=10)))
    artifacts.write_json(workdir.classes, {"target": HOSTILE, "source": SOURCES if selector != "none" else ()})
    artifacts.write_json(workdir.times, {"training and scoring": 61.5, "export": 0.2})
    labels = np.arange(9) % 3
    lines = []
    for index in range(rounds):
        lines.append(_round(workdir, index, rng, labels, selector != "none", seed))
        with RoundSummaries(workdir.logs, index, 10 * index) as board:
            for step in (5, 10):
                board.scalars(10 * index + step, {"loss/target": 1 / (index + 1), "accuracy/target": 0.5})
    final = FinalFigures(round_figures(workdir, rounds - 1), rounds)
    artifacts.write_json(workdir.metrics, RunFigures("center", final, rounds=tuple(lines)).to_json())
    if selector != "none":
        order = np.array([rng.permutation(20)[:8] for _ in range(9)], np.int32)
        distances = np.sort(rng.random((9, 8), np.float32), axis=1)
        target, source = (open_image_set(spec) for spec in specs)
        stamp = {"target": target.fingerprint, "source": source.fingerprint, "source_size": 20}
        NeighborTable(order, distances, stamp).save(workdir.neighbors)
        workdir.leaks_csv.write_text("source_id,role,target_id,kind,score\n<b>s</b>,test,t,identical,1.0000\n")
    return folder


def _round(
    workdir: Workdir, index: int, rng: np.random.Generator, labels: np.ndarray, borrows: bool, seed: int
) -> RoundFigures:
    place, p = workdir.rounds / f"{index:02d}", rng.dirichlet(np.ones(3), 9)
    scoring = {"train_top1": 0.5, "wrong": 4 - index, "uncertain": 2, "mean_entropy": 0.4}
    borrowed = {"union_size": 10 + index, "source_classes": 4, "mean_k": 2.0 + index, "max_k": 8}
    metrics = {"scoring": scoring, "seconds": 3.5} | ({"borrowed": borrowed} if borrows else {})
    counts = np.full(9, 2 + 2 * index, np.int32)
    meta = {"index": index, "global_step": 10 * (index + 1), "k0": 2 if borrows else 0, "metrics": metrics}
    artifacts.save_npz(
        place / "state.npz", {"counts": counts}, meta | {"made_from": {}, "weights": f"{seed} {index}", "optimizer": ""}
    )
    record = {
        "entropy": rng.random(9, np.float32),
        "predicted": p.argmax(1).astype(np.int32),
        "wrong": p.argmax(1) != labels,
        "labels": labels.astype(np.int32),
    }
    if borrows:
        record |= {
            **{"counts": counts, "class_images": np.array([5, 4, 3, 0], np.int32)},
            **{"class_share": np.array([0.5, 0.3, 0.2, 0.0]), "drawn_rows": np.array([3, 1], np.int32)},
            "drawn_share": np.array([0.2, 0.1]),
        }
    artifacts.save_npz(place / "scoring.npz", record, {"weights": f"{seed} {index}"})
    figures = evaluate_probabilities(p, labels, HOSTILE)
    stamp = EvaluationStamp("i", "center", f"{seed} {index}")
    artifacts.write_json(place / "metrics.json", RoundEvaluation({"test": StampedMetrics(figures, stamp)}).to_json())
    save_report(workdir.report, class_report(p, labels, HOSTILE))
    told = {"round": index + 1, "global_step": meta["global_step"], "test": figures.headline.to_json(), **metrics}
    return RoundFigures.from_json(told)


def _choice() -> dict:
    """Of four settings: one failed, one was dropped."""
    settings = [
        {"learning_rate": rate, "source_weight": weight, "trials": trials, "accuracy": accuracy, "loss": 1.5}
        | {"accuracy_error": None if accuracy is None else 0.012, "loss_error": 0.04, "dropped": dropped}
        | {"failed": accuracy is None}
        for rate, weight, trials, accuracy, dropped in [
            *((0.01, 0.5, 1, 0.4, 1), (0.1, 0.5, 2, 0.6, None), (0.01, 1.0, 0, None, None), (0.1, 1.0, 2, 0.61, None))
        ]
    ]
    second = {"learning_rate": 0.1, "source_weight": 0.5, "accuracy": 0.01, "accuracy_error": 0.013, "loss": -0.02}
    return {
        **{"clear": False, "edge": True, "further": [0.1], "second": second | {"loss_error": 0.03}},
        **{"settings": settings, "chosen": 3},
    }


def make_comparison(root: Path, specs: tuple[str, str]) -> Path:
    """Three arms over three seeds, the last without workdirs of its own."""
    arms = []
    for place, (name, selector) in enumerate((("fine-tune", "none"), ("sjft", "nearest"), ("fusion", None))):
        runs = []
        for seed in (0, 1, 2):
            folder = f"{name}/seed {seed}" if selector else None
            if folder:
                make_run(root / folder, specs, 2, selector, seed)
            value = 0.6 + 0.02 * seed + 0.03 * place
            figures = {"validation": value, "test": value, "top1": None, "seconds": 10.0 if selector else None}
            runs.append({"seed": seed, "learning_rate": 0.1, "source_weight": None, "workdir": folder, **figures})
        trials = [
            {"learning_rate": rate, "source_weight": weight, "seed": 0, "fold": 0, "validation": 0.6, "workdir": None}
            for rate in (0.01, 0.1)
            for weight in ((0.5, 1.0) if name == "sjft" else (None,))
        ]
        gap = None if not place else 0.03 * place
        summary = {"n": 3, "mean": 0.62 + 0.03 * place, "sd": 0.02, "difference": gap, "low": gap, "high": gap}
        arms.append(
            {
                **{"name": name, "title": f"<em>{name}</em>", "description": "$x$ <b>", "trials": trials, "runs": runs},
                "chosen": {"learning_rate": 0.1, "source_weight": 1.0 if name == "sjft" else None},
                "summary": summary | {"seconds": None if name == "fusion" else 10.0},
            }
        )
    arms[1]["choice"] = _choice()  # the others are as written before there was one
    content = {"target": specs[0], "source": [specs[1]], "seeds": [0, 1, 2], "metric": "mean_class_accuracy"}
    content |= {"baseline": "fine-tune", "command": "compare <x>", "per_class": 3, "settings": {"batch_size": 10}}
    artifacts.write_json(root / "comparison.json", content | {"arms": arms})
    return root


@pytest.fixture(scope="session")
def specs(tmp_path_factory) -> tuple[str, str]:
    return make_images(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="session")
def run(tmp_path_factory, specs) -> Path:
    """A finished run; not to be changed."""
    return make_run(tmp_path_factory.mktemp("runs") / "borrowed", specs)


@pytest.fixture(scope="session")
def comparison(tmp_path_factory, specs) -> Path:
    """A finished comparison; not to be changed."""
    return make_comparison(tmp_path_factory.mktemp("comparison"), specs)


@pytest.fixture(scope="session")
def opened() -> Callable[..., Page]:
    """Parses a page and checks that it is well-formed and alone."""

    def read(path: Path) -> Page:
        page = Page(path)
        check_alone(page, path.parent)
        return page

    return read


@pytest.fixture
def plain_run(tmp_path, specs) -> Path:
    """One round of plain fine-tuning."""
    return make_run(tmp_path / "plain", specs, 1, "none")
