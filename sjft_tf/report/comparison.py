"""A comparison of arms: what comparison.json holds, checked."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from sjft_tf import artifacts
from sjft_tf.report import schema
from sjft_tf.report.damage import Damages, core
from sjft_tf.report.reading import is_run

FILE = "comparison.json"
_KEYS = {"target", "source", "seeds", "metric", "baseline", "arms"}
_ARM_KEYS = {"name", "runs", "summary"}


@dataclasses.dataclass(frozen=True)
class RecordedComparison:
    """Arms x seeds, as recorded.

    Attributes:
        root: the folder that the workdirs in it are relative to.
        found: the file's content; accuracies are shares of 1, what is missing is None.
    """

    root: Path
    found: dict[str, Any]
    damages: Damages = dataclasses.field(default_factory=Damages)

    @property
    def arms(self) -> list[dict[str, Any]]:
        """In the order of the file."""
        return self.found["arms"]

    def title(self, arm: dict[str, Any]) -> str:
        """What an arm is called."""
        return arm.get("title") or arm["name"]

    def folder(self, entry: dict[str, Any]) -> Path | None:
        """The workdir of a run or trial, if there is an ordinary run in it and inside of this comparison."""
        place = entry.get("workdir")
        if not place:
            return None
        try:
            folder = (self.root / place).resolve()
        except (OSError, ValueError, RuntimeError):  # a name too long, with NUL, a loop of links
            return None
        return self.root / place if folder.is_relative_to(self.root.resolve()) and is_run(folder) else None

    def representative(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """`(arm, run)` to be shown in full: of the best arm that borrows, the run with the median figure.

        Arms are tried from the best mean down: the first that is not the baseline and has a run that borrowed.
        """
        ranked = sorted(
            (arm for arm in self.arms if arm["name"] != self.found["baseline"]),
            key=lambda arm: -(arm["summary"].get("mean") or 0.0),
        )
        for arm in ranked:
            runs = [(run, folder) for run in arm["runs"] if (folder := self.folder(run)) and self._borrowed(folder)]
            if runs:
                runs.sort(key=lambda pair: pair[0].get("test") or 0.0)
                return arm, runs[(len(runs) - 1) // 2][0]
        return None

    def _borrowed(self, folder: Path) -> bool:
        return self.damages.read(folder / "config.json", lambda _: _borrowed(folder), False)


def read_comparison(root: Path) -> RecordedComparison:
    """Reads comparison.json in `root`.

    Raises:
        InputError: it is damaged or of another shape.
    """
    return RecordedComparison(root, core(root / FILE, lambda path: _checked(artifacts.read_json(path))))


def _checked(found: Any) -> dict[str, Any]:
    missing = _KEYS - set(found) if isinstance(found, dict) else _KEYS
    schema.need(not missing, f"a comparison. Missing in it: {', '.join(sorted(missing))}")
    schema.need(all(isinstance(found[name], str) for name in ("metric", "baseline")), "`metric`, `baseline` as text")
    seeds, arms = found["seeds"], found["arms"]
    schema.need(isinstance(seeds, list) and all(type(seed) is int for seed in seeds), "`seeds` as whole numbers")
    schema.mapping(found.get("settings") or {}, "`settings`")
    schema.need(isinstance(arms, list) and len(arms) > 0, "a comparison. Missing in it: arms")
    for arm in arms:
        _check_arm(schema.mapping(arm, "an arm"))
    schema.need(len({arm["name"] for arm in arms}) == len(arms), "arms of different names")
    return found


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
    schema.need(all(type(entry.get("seed")) is int for entry in runs), f"a `seed` of each run of {what}")


def _borrowed(folder: Path) -> bool:
    found = schema.configuration(artifacts.read_json(folder / "config.json"))
    return found["config"]["selection"]["selector"] != "none"
