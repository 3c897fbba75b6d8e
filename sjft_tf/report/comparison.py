"""A comparison of arms: what comparison.json holds, checked."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, TypeVar

from sjft_tf import artifacts
from sjft_tf.comparison import ChoiceRecord, RunRecord, TrialRecord
from sjft_tf.report import schema
from sjft_tf.report.bounds import MOST
from sjft_tf.report.damage import Damages, core
from sjft_tf.report.links import run_folder
from sjft_tf.schema import mismatch
from sjft_tf.study import Summary
from sjft_tf.workdir import ComparisonFiles, Workdir

_KEYS = {"target", "source", "seeds", "metric", "baseline", "arms"}
_ARM_KEYS = {"name", "runs", "summary"}


@dataclasses.dataclass(frozen=True)
class RecordedArm:
    """An arm, as recorded; accuracies are shares of 1, what is missing is None.

    Attributes:
        name: of the arm.
        title: what it is called.
        description: a sentence; "" for none.
        rate, weight: the learning rate and source weight that were chosen.
        trials: what they were chosen by.
        choice: how; None without trials, and in records of before it was told.
        runs: one a seed.
        summary: against the baseline.
    """

    name: str
    title: str
    description: str
    rate: float | None
    weight: float | None
    trials: tuple[TrialRecord, ...]
    runs: tuple[RunRecord, ...]
    summary: Summary
    choice: ChoiceRecord | None = None


@dataclasses.dataclass(frozen=True)
class RecordedComparison:
    """Arms x seeds, as recorded.

    Attributes:
        root: the folder that the workdirs in it are relative to.
        facts: what the page says of the whole, by name.
        settings: that all arms share, by name.
        seeds: whose runs are paired.
        metric: the figure that arms are compared by.
        baseline: name of the arm that others are compared with.
        arms: in the order of the file.
        damages: what was left out because it is damaged.
    """

    root: Path
    facts: dict[str, object]
    settings: dict[str, object]
    seeds: tuple[int, ...]
    metric: str
    baseline: str
    arms: tuple[RecordedArm, ...]
    damages: Damages = dataclasses.field(default_factory=Damages)

    def folder(self, run: str) -> Path | None:
        """The workdir `run` of a run or trial, if there is an ordinary run in it and inside of this comparison."""
        return run_folder(self.root, run)

    def representative(self) -> tuple[RecordedArm, RunRecord, Path] | None:
        """`(arm, run, its workdir)` to be shown in full: of the best arm that borrows, the run with the median figure.

        Arms are tried from the best mean down: the first that is not the baseline and has a run that borrowed.
        """
        ranked = sorted(
            (arm for arm in self.arms if arm.name != self.baseline), key=lambda arm: -(arm.summary.mean or 0.0)
        )
        for arm in ranked:
            folders = [(run, self.folder(run.workdir)) for run in arm.runs]
            runs = [(run, folder) for run, folder in folders if folder is not None and self._borrowed(folder)]
            if runs:
                runs.sort(key=lambda pair: pair[0].test or 0.0)
                return arm, *runs[(len(runs) - 1) // 2]
        return None

    def _borrowed(self, folder: Path) -> bool:
        return self.damages.read(Workdir(folder).config, lambda _: _borrowed(folder), False)


def read_comparison(root: Path) -> RecordedComparison:
    """Reads comparison.json in `root`.

    Raises:
        InputError: it is damaged or of another shape.
    """
    return core(root / ComparisonFiles.RECORD, lambda path: _comparison(root, _checked(artifacts.read_json(path))))


def _comparison(root: Path, content: dict[str, Any]) -> RecordedComparison:
    return RecordedComparison(
        root,
        facts={name: content.get(name) for name in ("target", "source", "per_class", "seeds", "command")},
        settings=content.get("settings") or {},
        seeds=tuple(content["seeds"]),
        metric=content["metric"],
        baseline=content["baseline"],
        arms=tuple(_arm(arm) for arm in content["arms"]),
    )


def _arm(content: dict[str, Any]) -> RecordedArm:
    chosen = content.get("chosen") or {}
    return RecordedArm(
        name=content["name"],
        title=content.get("title") or content["name"],
        description=content.get("description") or "",
        rate=chosen.get("learning_rate"),
        weight=chosen.get("source_weight"),
        trials=tuple(_entry(TrialRecord, trial) for trial in content.get("trials") or []),
        runs=tuple(_entry(RunRecord, run) for run in content["runs"]),
        summary=Summary(**{item.name: content["summary"].get(item.name) for item in dataclasses.fields(Summary)}),
        choice=ChoiceRecord.from_json(content["choice"]) if content.get("choice") is not None else None,
    )


Entry = TypeVar("Entry", TrialRecord, RunRecord)


def _entry(kind: type[Entry], content: dict[str, Any]) -> Entry:
    values: dict[str, Any] = {item.name: content.get(item.name) for item in dataclasses.fields(kind)}
    return kind(**values | {"workdir": content.get("workdir") or ""})


def _checked(content: Any) -> dict[str, Any]:
    missing = _KEYS - set(content) if isinstance(content, dict) else _KEYS
    schema.need(not missing, f"a comparison. Missing in it: {', '.join(sorted(missing))}")
    schema.need(all(isinstance(content[name], str) for name in ("metric", "baseline")), "`metric`, `baseline` as text")
    seeds, arms = content["seeds"], content["arms"]
    schema.need(isinstance(seeds, list) and all(type(seed) is int for seed in seeds), "`seeds` as whole numbers")
    schema.mapping(content.get("settings") or {}, "`settings`")
    schema.need(isinstance(arms, list) and len(arms) > 0, "a comparison. Missing in it: arms")
    for arm in arms:
        _check_arm(schema.mapping(arm, "an arm"))
    schema.need(len({arm["name"] for arm in arms}) == len(arms), "arms of different names")
    return content


def _check_arm(arm: dict[str, Any]) -> None:
    missing = _ARM_KEYS - set(arm)
    schema.need(not missing, f"a comparison. Missing in it: {', '.join(f'arms: {key}' for key in sorted(missing))}")
    for name in ("name", "title", "description"):
        schema.need(isinstance(arm.get(name) or "", str), f"`{name}` of an arm as text")
    schema.need(isinstance(arm["name"], str) and bool(arm["name"]), "`name` of an arm as text")
    what = f"arm {arm['name']}"
    schema.numbers(arm["summary"], ("n", "sd", "seconds"), what)
    schema.numbers(arm["summary"], ("mean", "difference", "low", "high"), what, -1.0 - 1e-9, 1.0 + 1e-9)
    schema.numbers(arm.get("chosen") or {}, ("learning_rate", "source_weight"), what)
    runs, trials = arm["runs"], arm.get("trials") or []
    schema.need(isinstance(runs, list) and isinstance(trials, list), f"`runs` and `trials` of {what} as lists")
    for entry in (*runs, *trials):
        schema.numbers(entry, ("validation", "test", "top1"), what, 0.0, 1.0 + 1e-9)
        schema.numbers(entry, ("learning_rate", "source_weight", "seconds"), what)
        schema.need(isinstance(entry.get("workdir") or "", str), f"`workdir` in {what} as text")
    if arm.get("choice") is not None:
        _check_choice(arm["choice"], f"`choice` of {what}")
    schema.need(all(type(entry.get("seed")) is int for entry in runs), f"a `seed` of each run of {what}")


def _check_choice(choice: Any, what: str) -> None:
    wrong = mismatch(choice, ChoiceRecord.FORM, what)
    schema.need(wrong is None, f"{what} of the form that a comparison writes: {wrong}")
    entries, chosen, second = choice["settings"], choice["chosen"], choice["second"]
    schema.need(chosen is None or 0 <= chosen < len(entries), f"`chosen` in {what} as a place among its settings")
    for entry in entries:
        schema.numbers(entry, ("accuracy", "accuracy_error"), what, 0.0, 1.0 + 1e-9)
    for entry in (*entries, *([second] if second is not None else [])):
        schema.numbers(entry, ("learning_rate", "source_weight", "loss_error", "trials", "dropped"), what)
        schema.numbers(entry, ("accuracy", "accuracy_error"), what, -1.0 - 1e-9, 1.0 + 1e-9)
        schema.numbers(entry, ("loss",), what, -MOST, MOST)
    for rate in choice["further"]:
        schema.number(rate, f"`further` in {what}")


def _borrowed(folder: Path) -> bool:
    record = schema.configuration(artifacts.read_json(Workdir(folder).config))
    decision = Workdir(folder).decision
    if (selector := record["config"]["selection"]["selector"]) == "auto" and decision.is_file():
        selector = artifacts.read_json(decision, {"selector": str})["selector"]
    return selector != "none"
