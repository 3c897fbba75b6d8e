"""A comparison of arms: what comparison.json holds, checked."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.report.reading import is_run

FILE = "comparison.json"
_KEYS = {"target", "source", "seeds", "metric", "baseline", "arms"}
_ARM_KEYS = {"name", "runs", "summary"}


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Arms x seeds, as recorded.

    Attributes:
        root: the folder that the workdirs in it are relative to.
        found: the file's content; accuracies are shares of 1, what is missing is None.
    """

    root: Path
    found: dict[str, Any]

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
        folder = (self.root / place).resolve()
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
            runs = [(run, folder) for run in arm["runs"] if (folder := self.folder(run)) and _borrowed(folder)]
            if runs:
                runs.sort(key=lambda pair: pair[0].get("test") or 0.0)
                return arm, runs[(len(runs) - 1) // 2][0]
        return None


def read_comparison(root: Path) -> Comparison:
    """Reads comparison.json in `root`.

    Raises:
        InputError: it is damaged or of another shape.
    """
    path = root / FILE
    found = artifacts.read_json(path)
    missing = _KEYS - set(found) if isinstance(found, dict) else _KEYS
    if not missing:
        arms = found["arms"]
        missing = {f"arms: {key}" for arm in arms for key in _ARM_KEYS - set(arm)} if arms else {"arms"}
    if missing:
        raise InputError(f"{path} is not a comparison. Missing in it: {', '.join(sorted(missing))}")
    return Comparison(root, found)


def _borrowed(folder: Path) -> bool:
    return artifacts.read_json(folder / "config.json")["config"]["selection"]["selector"] != "none"
