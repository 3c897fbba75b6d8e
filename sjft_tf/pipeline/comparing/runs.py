"""The runs of a comparison, each a process of its own: what is finished is found again, not repeated."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sjft_tf import artifacts
from sjft_tf.comparison import Arm, ComparisonSpec, SetsSummary, Trial
from sjft_tf.comparison.planning import run_stamp, table_name, uses_table
from sjft_tf.comparison.records import RESULT_FORM, SETS_FORM
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError

Launch = Callable[[dict[str, Any], Path], str]
"""Does a job of `comparison_jobs` in a process of its own, its output in the file; returns the error, "" for none."""

RESULT = "result.json"
"""Written last into a run's folder: figures, seconds, and a stamp of what it was made from."""


def read_result(path: Path) -> dict[str, Any]:
    """A run's result.json.

    Raises:
        InputError: it is missing or damaged.
    """
    remedy = "Remove it and start the same command again: it is made again from the run's rounds, or from a new run."
    return artifacts.read_json(path, RESULT_FORM, remedy)


class ComparisonRuns:
    """Opens the image sets, makes neighbor tables once, trains and scores.

    Args:
        asked: what is compared.
        root: the comparison's workdir.
        launch: see `Launch`.

    Attributes:
        found: what opening the image sets told; set by `look`.
        folds: folds that judge; 0 where there are validation images.
        failed: the message of each run that failed.
        done: runs that were made, not found again, or failed.
    """

    found: SetsSummary
    folds: int

    def __init__(self, asked: ComparisonSpec, root: Path, launch: Launch) -> None:
        self.asked, self.root, self.shared, self._launch = asked, root, root / "shared", launch
        self.failed: dict[str, str] = {}
        self.done = 0
        self._tables: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def look(self) -> None:
        """Opens the sets once, in a process. Refused, nothing in the workdir of a begun comparison has changed.

        Raises:
            ArtifactMismatch: the workdir was begun with other settings or images.
            InputError: the sets do not fit together, or cannot be divided; a result that is there is damaged.
        """
        settings = self._settings()
        for result in sorted((self.root / "runs").rglob(RESULT)):
            read_result(result)  # not after hours of other runs
        path = self.shared / "sets.json"
        known = artifacts.read_json(path, SETS_FORM)["fingerprints"] if path.is_file() else None
        now = self._looked(known)
        if known is not None:
            artifacts.check_made_from(path, known, now["fingerprints"], artifacts.OTHER_WORKDIR)
        self.found = SetsSummary(**{**now, "warnings": tuple(now["warnings"])})
        self.folds = self.found.folds(self.asked)
        artifacts.write_json(path, now)
        artifacts.write_json(self.root / "settings.json", settings)

    def _looked(self, known: dict[str, str] | None) -> dict[str, Any]:
        # Of a begun comparison also the log lies elsewhere. It stays for the one whom an error sends there.
        place = self.shared if known is None else Path(tempfile.mkdtemp(prefix="sjft-look-"))
        fresh, error = place / "sets-now.json", ""
        job = self._job("look", self.asked.base, output=str(fresh), holdout_test=self.asked.holdout_test, known=known)
        try:
            if error := self._launch(job, place / "log.txt"):
                raise InputError(error)
            now = artifacts.read_json(fresh, SETS_FORM)
            fresh.unlink()
            return now
        finally:
            if place != self.shared and not error:
                shutil.rmtree(place, ignore_errors=True)

    def _settings(self) -> dict[str, Any]:
        """What all runs of the workdir have in common; checked if it was begun."""
        path, base = self.root / "settings.json", self.asked.base
        stamp = base.stamp("view", "augmentation", "retrieval", "selection", "model", "training")
        for chosen in ("learning_rate", "source_weight", "seed"):
            del stamp[chosen]
        stamp |= {"per_class": base.data.per_class, "exclude_leaks": base.data.exclude_leaks}
        if path.is_file():
            artifacts.check_made_from(path, artifacts.read_json(path), stamp, artifacts.OTHER_WORKDIR)
        return stamp

    def one(self, arm: Arm, trial: Trial, final: bool) -> tuple[dict[str, Any] | None, bool]:
        """Makes sure that a run is there. Several threads may call it for different runs.

        Args:
            arm: the trial's arm.
            trial: what it is.
            final: it is scored on test images; else on validation images only.

        Returns:
            `(its result, whether something was done)`; None for a run that failed, see `failed`.
        """
        if (there := self.finished(arm, trial, final)) is not None:
            return there, False
        config, folder = self.asked.config(arm, trial, self.found, final), self.root / trial.folder
        table, error = "", ""
        if arm.kind == "train" and uses_table(config):
            longest = self.asked.table_config(config)
            table = table_name(longest)
            with self._tables[table]:
                error = self._table(longest, table)
        if not error:
            stamp = run_stamp(config, self.found)
            job = self._job(arm.kind, config, folder=str(folder), table=table, stamp=stamp, folds=self.folds)
            error = self._launch(job, folder / "log.txt")
        self.done += 1
        if error:
            self.failed[str(trial)] = error
            return None, True
        return read_result(folder / RESULT), True

    def _table(self, longest: RunConfig, table: str) -> str:
        """Makes a shared table if it is not there; returns the error, "" for none."""
        if any((self.shared / table / name).is_file() for name in ("neighbors.npz", "class_importance.npz")):
            return ""
        job = self._job("table", longest, folder=str(self.shared / table), table=table)
        return self._launch(job, self.shared / table / "log.txt")

    def finished(self, arm: Arm, trial: Trial, final: bool) -> dict[str, Any] | None:
        """The result of a run that is there; one that was scored on test images is a trial too."""
        path = self.root / trial.folder / RESULT
        if not path.is_file():
            return None
        result = read_result(path)
        kinds = (True,) if final else (False,) if trial.fold else (False, True)
        stamps = [run_stamp(self.asked.config(arm, trial, self.found, kind), self.found) for kind in kinds]
        return result if result["made_from"] in stamps else None

    def drop_weights(self, chosen: Sequence[str], others: Sequence[str]) -> None:
        """Weights are the bulk of a run: those that were chosen keep them of their last round, `others` of none.

        Args:
            chosen: workdirs, relative to the comparison's.
            others: likewise.
        """
        for place in {*chosen, *others}:
            rounds = sorted((self.root / place / "rounds").glob("[0-9]*"))
            for folder in rounds[:-1] if place in chosen else rounds:
                for name in ("optimizer.npz", "model.weights.h5"):
                    (folder / name).unlink(missing_ok=True)

    def _job(self, kind: str, config: Any, **more: Any) -> dict[str, Any]:
        common = {"kind": kind, "config": config.to_json(), "shared": str(self.shared), "command": self.asked.command}
        return {**common, **more}
