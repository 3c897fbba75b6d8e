"""Damaged caches, kept descriptors, comparisons and exports: read right, refused by name, or made again and told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sjft_tf import artifacts, outputs
from sjft_tf.csv_files import read_rows
from sjft_tf.descriptors import DescriptorStore
from sjft_tf.evaluation import FinalFigures, RoundFigures, RunFigures, evaluate_probabilities
from sjft_tf.export import DESCRIPTION_FILE, DIGESTS_FILE, FORMAT, check_exported, read_description
from sjft_tf.images.kinds import shards
from sjft_tf.images.sets.scan_results import ScanResult, ScanStore
from sjft_tf.influence import kept_rows, save_kept
from sjft_tf.pipeline.stages.results import read_metrics
from sjft_tf.pipeline.studying.runs import read_result
from sjft_tf.report.comparison import read_comparison
from sjft_tf.report.study import read_study, study_context
from sjft_tf.retrieval import Layout, Search, SearchCheckpoint
from sjft_tf.sealed import file_digest
from sjft_tf.study import Axis, CellRecord, CellRun, SetsSummary, StudyRecord, paired_summary
from sjft_tf.summaries.projector import CONFIG, FOLDER, STAMP, projector_made_from
from sjft_tf.training import Checkpoints
from sjft_tf.workdir import Workdir

MADE_FROM = {"target": "abc", "view": [8, 8]}
HISTOGRAMS = np.array([[0.25, 0.75], [0.5, 0.5], [1, 0]], np.float32)


class Target:
    """Of an image set what lists of kept images ask for."""

    fingerprint, ids = "abc", np.array(["a/0", "a/1", "b/0"])

    def __len__(self) -> int:
        return len(self.ids)


def _store(root: Path) -> DescriptorStore:
    return DescriptorStore.open(Workdir(root).descriptors)


def _search(root: Path) -> dict[str, np.ndarray] | None:
    search = Search(HISTOGRAMS[:2], 2, Layout((1,), 2))
    checkpoint = SearchCheckpoint(root / "search.npz", MADE_FROM, 2, 1)
    if not (root / "search.npz").exists():
        search.add(np.arange(3, dtype=np.int32), HISTOGRAMS)
        checkpoint.save(search)
    return search.state() if checkpoint.load(search) else None


def _table(path: Path) -> list[dict[str, str]]:
    outputs.check(path, "Restore it.")
    return read_rows(path)


def _settings(root: Path) -> bool:
    artifacts.check_made_from(root / "settings.json", artifacts.read_json(root / "settings.json"), MADE_FROM)
    return True


def _sets(root: Path) -> SetsSummary:
    return SetsSummary.from_json(artifacts.read_json(root / "sets.json", SetsSummary.FORM))


def _comparison(root: Path) -> dict:
    recorded = read_comparison(root)
    return {name: value for name, value in vars(recorded).items() if name not in ("root", "damages")}


def _make_run(root: Path) -> None:
    workdir = Workdir(root)
    writer = DescriptorStore.create(workdir.descriptors, 3, [2], [4], 2, MADE_FROM)
    writer.write(np.arange(3), np.array([[2, 2, 1, 3], [4, 0, 0, 4], [3, 1, 2, 2]]))
    writer.finish()
    _search(root)
    artifacts.write_json(workdir.times, {"training": 2.5, "export": 1})
    metrics = evaluate_probabilities(HISTOGRAMS[:2], np.array([0, 1]), ("a", "b"))
    rounds = (RoundFigures(1, 3, sets={"test": metrics.headline}),)
    figures = RunFigures("center", FinalFigures({"test": metrics}, 1), {"test": metrics}, rounds)
    artifacts.write_json(workdir.metrics, figures.to_json())
    save_kept(workdir.influence / "kept.json", Target(), np.array([True, False, True]), {"how": "by hand"})
    found = [ScanResult(plain, bytes(range(32)), error) for plain, error in ((True, ""), (False, "cut off"))]
    ScanStore(workdir.scans / "target.npz", 100, None).write(["a.png", "ö\udcff.png"], [(3, 4), (5, 6)], found)
    index = shards.Index(
        *(np.array([16, 90]), np.array([60, 70], np.int32), np.ones(2, bool), np.zeros((2, 32), np.uint8)),
        *(np.array([0, 1], np.int32), [("cat", ""), ("dog", "1")], {1: "cut off"}, ["x", "y"]),
    )
    shards._cached(workdir.scans / "shard.npz", MADE_FROM).get(lambda: index)
    place = workdir.checkpoints / "step-00000003"
    meta = {"made_from": MADE_FROM, "step": 3, "seconds": 1.5, "weights": "w", "optimizer": "o"}
    artifacts.save_npz(place / "state.npz", {"000": np.ones(2, np.float32)}, meta)
    workdir.leaks_csv.write_text("source_id,role,target_id,kind,score\na,test,b,near,0.9\n")
    outputs.record(workdir.leaks_csv)
    artifacts.write_json(workdir.logs / FOLDER / STAMP, {"weights": "w", "images": {"train": "abc"}})
    (workdir.logs / CONFIG).touch()


def _make_comparison(root: Path) -> None:
    part = {"mean_class_accuracy": {"test": 0.5}, "top1": {"test": 0.5}, "loss": {"test": 1.0}}
    artifacts.write_json(root / "result.json", {"made_from": "abc", "seconds": 2.5, "final": part, "fusion": part})
    sets = {"validation": True, "holdout": 0.0, "smallest": 2, "smallest_name": "cat", "images": {"target": 4}}
    sets |= {"fingerprints": {"target": "abc", "source": "def"}, "source_rows": "", "warnings": ["few images"]}
    artifacts.write_json(root / "sets.json", sets)
    artifacts.write_json(root / "settings.json", MADE_FROM)
    entry = {"seed": 0, "learning_rate": 0.1, "source_weight": None, "validation": 0.5, "test": 0.5, "top1": 0.5}
    entry |= {"seconds": 2.5, "workdir": "runs/plain/seed0"}
    arm = {"name": "plain", "title": "Plain", "description": "", "chosen": {"learning_rate": 0.1}}
    arm |= {"trials": [entry], "runs": [entry], "summary": vars(paired_summary({0: 0.5}, {0: 0.5}, [2.5]))}
    whole = {"target": "folder:a", "source": ["folder:b"], "seeds": [0], "metric": "mean_class_accuracy"}
    whole |= {"baseline": "plain", "command": "", "per_class": 0, "settings": {"depth": 8}, "arms": [arm]}
    artifacts.write_json(root / "comparison.json", whole)


def _make_study(root: Path) -> None:
    run = CellRun(0, 0.5, 0.5, 0.5, 1.0, 2.5, "runs/plain/seed0")
    cell = CellRecord(
        "plain", "Plain", "", {"n": 1}, {"freeze": "1"}, "", "", (run,), paired_summary({0: 0.5}, {}), None, None
    )
    whole = StudyRecord("s", "Study", "", (0,), "n", "plain", (Axis("n", "layers"),), "folder:a", (), (cell,))
    artifacts.write_json(root / "study.json", whole.to_json())


def _make_export(root: Path) -> None:
    (root / "variables").mkdir()
    (root / "saved_model.pb").write_bytes(bytes(range(256)))
    (root / "variables" / "variables.data-00000-of-00001").write_bytes(bytes(range(200)))
    description = {"format": FORMAT, "class_names": ["a", "b"], "resize": 8, "crop": 8, "made_from": MADE_FROM}
    artifacts.write_json(root / DESCRIPTION_FILE, description | {"versions": {"keras": "3"}})
    files = ("saved_model.pb", "variables/variables.data-00000-of-00001", DESCRIPTION_FILE.as_posix())
    artifacts.write_json(root / DIGESTS_FILE, {"files": {name: file_digest(root / name) for name in files}})


def _exported(root: Path) -> dict:
    check_exported(root)
    return read_description(root)


# By file: in which folder it lies, what it is read by, and of a cache what a damaged one is read as.
LOADERS = {
    "descriptors-source/counts.npy": ("run", lambda root: _store(root).counts([2, 0, 1])),
    "descriptors-source/checksums.npz": ("run", lambda root: _store(root).histograms([0, 1, 2])),
    "search.npz": ("run", _search, None),
    "times.json": ("run", lambda root: Workdir(root).read_times(), {}),
    "metrics.json": ("run", lambda root: read_metrics(Workdir(root)).to_json()),
    "influence/kept.json": ("run", lambda root: kept_rows(root / "influence/kept.json", Target())),
    "images/target.npz": ("run", lambda root: ScanStore(root / "images/target.npz", 100, None).read(), {}),
    "images/shard.npz": (
        "run",
        lambda root: (one := shards._cached(root / "images/shard.npz", MADE_FROM).stored()) and vars(one),
        None,
    ),
    "checkpoints/step-00000003/state.npz": (
        "run",
        lambda root: Checkpoints(root / "checkpoints", 1, MADE_FROM).origin_of_newest("the beginning")[1],
    ),
    "leaks.csv": ("run", lambda root: _table(root / "leaks.csv")),
    "outputs.json": ("run", lambda root: outputs.intact(root / "leaks.csv"), False),
    f"logs/{FOLDER}/{STAMP}": ("run", lambda root: projector_made_from(root / "logs"), None),
    "result.json": ("comparison", lambda root: read_result(root / "result.json").to_json()),
    "sets.json": ("comparison", lambda root: _sets(root).fingerprints),
    "settings.json": ("comparison", _settings),
    "comparison.json": ("comparison", lambda root: _comparison(root)),
    "study.json": ("study", lambda root: study_context(read_study(root), root, root / "report.html")["rows"]),
    "saved_model.pb": ("export", _exported),
    "variables/variables.data-00000-of-00001": ("export", _exported),
    DESCRIPTION_FILE.as_posix(): ("export", _exported),
    DIGESTS_FILE.as_posix(): ("export", _exported),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("others")
    for name, make in (
        ("run", _make_run),
        ("comparison", _make_comparison),
        ("study", _make_study),
        ("export", _make_export),
    ):
        (folder / name).mkdir()
        make(folder / name)
    return folder


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.filterwarnings("ignore:Reading `.npy` or `.npz` file required additional header parsing")
def test_damaged_artifacts(name, made, attack):
    where, load, *again = LOADERS[name]
    attack(made / where, name, load, *again)
