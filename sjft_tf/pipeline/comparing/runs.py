"""The runs of a comparison, each a process of its own: what is finished is found again, not repeated."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from sjft_tf import artifacts
from sjft_tf.catalog import WEIGHT_SELECTORS
from sjft_tf.comparison import Arm, ArmResult, ComparisonSpec, SetsSummary, Trial, run_stamp, table_name, uses_table
from sjft_tf.config import RunConfig, Setting
from sjft_tf.errors import InputError
from sjft_tf.evaluation import Outcomes, load_outcomes
from sjft_tf.pipeline.comparing.job_types import HeadJob, Job, LookJob, TableJob, TrainJob
from sjft_tf.workdir import ComparisonFiles, RoundFiles, Workdir

Launch = Callable[[Job, Path], str]
"""Does a job in a process of its own, its output in the file; returns the error, "" for none."""


def read_result(path: Path) -> ArmResult:
    """A run's result.json.

    Raises:
        InputError: it is missing or damaged.
    """
    remedy = "Remove it and start the same command again: it is made again from the run's rounds, or from a new run."
    return ArmResult.from_json(artifacts.read_json(path, ArmResult.FORM, remedy))


class ComparisonRuns:
    """Opens the image sets, makes neighbor tables once, trains and scores.

    Args:
        spec: what is compared.
        root: the comparison's workdir.
        launch: see `Launch`.

    Attributes:
        sets: what opening the image sets told; set by `look`.
        folds: folds that judge; 0 where there are validation images.
        failed: the message of each run that failed.
        done: runs that were made, not found again, or failed.
    """

    sets: SetsSummary
    folds: int

    def __init__(self, spec: ComparisonSpec, root: Path, launch: Launch) -> None:
        self.spec, self.root, self.shared, self._launch = spec, root, root / ComparisonFiles.SHARED, launch
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
        for result in sorted((self.root / ComparisonFiles.RUNS).rglob(ComparisonFiles.RESULT)):
            read_result(result)  # not after hours of other runs
        path = self.shared / ComparisonFiles.SETS
        known = _read_sets(path).fingerprints if path.is_file() else None
        self.sets = self._looked(known)
        if known is not None:
            artifacts.check_made_from(path, known, self.sets.fingerprints, artifacts.OTHER_WORKDIR)
        self.folds = self.sets.folds(self.spec)
        artifacts.write_json(path, self.sets.to_json())
        artifacts.write_json(self.root / ComparisonFiles.SETTINGS, settings)

    def _looked(self, known: dict[str, str] | None) -> SetsSummary:
        # Of a begun comparison also the log lies elsewhere. It stays for the one whom an error sends there.
        folder = self.shared if known is None else Path(tempfile.mkdtemp(prefix="sjft-look-"))
        fresh, error, spec = folder / "sets-now.json", "", self.spec
        job = LookJob(spec.base, str(self.shared), spec.command, str(fresh), spec.holdout_test, known)
        try:
            if error := self._launch(job, folder / ComparisonFiles.LOG):
                raise InputError(error)
            sets = _read_sets(fresh)
            fresh.unlink()
            return sets
        finally:
            if folder != self.shared and not error:
                shutil.rmtree(folder, ignore_errors=True)

    def _settings(self) -> dict[str, Setting]:
        """What all runs of the workdir have in common; checked if it was begun."""
        path, base = self.root / ComparisonFiles.SETTINGS, self.spec.base
        stamp = base.stamp("view", "augmentation", "retrieval", "selection", "model", "training")
        for chosen in ("learning_rate", "source_weight", "seed"):
            del stamp[chosen]
        stamp |= {"per_class": base.data.per_class, "exclude_leaks": base.data.exclude_leaks}
        if base.data.aspect_ratio != "squash":  # as in older workdirs
            stamp |= {"aspect_ratio": base.data.aspect_ratio}
        if path.is_file():
            artifacts.check_made_from(path, artifacts.read_json(path), stamp, artifacts.OTHER_WORKDIR)
        return stamp

    def one(self, arm: Arm, trial: Trial, final: bool) -> tuple[ArmResult | None, bool]:
        """Makes sure that a run is there. Several threads may call it for different runs.

        Args:
            arm: the trial's arm.
            trial: what it is.
            final: it is scored on test images; else on validation images only.

        Returns:
            `(its result, whether something was done)`; None for a run that failed, see `failed`.
        """
        if (result := self.finished(arm, trial, final)) is not None:
            return result, False
        config, folder = self.spec.config(arm, trial, self.sets, final), self.root / trial.folder
        table, error = "", ""
        if arm.kind == "train" and uses_table(config):
            longest = self.spec.table_config(config)
            table = table_name(longest)
            with self._tables[table]:
                error = self._table(longest, table)
        if not error:
            error = self._launch(self._job(arm, config, folder, table), folder / ComparisonFiles.LOG)
        self.done += 1
        if error:
            self.failed[str(trial)] = error
            return None, True
        return read_result(folder / ComparisonFiles.RESULT), True

    def _job(self, arm: Arm, config: RunConfig, folder: Path, table: str) -> Job:
        shared, command, stamp = str(self.shared), self.spec.command, run_stamp(config, self.sets)
        if arm.kind == "head":
            return HeadJob(config, shared, command, str(folder), stamp, self.folds)
        return TrainJob(config, shared, command, str(folder), table, stamp)

    def _table(self, longest: RunConfig, table: str) -> str:
        """Makes a shared table if it is not there; returns the error, "" for none."""
        folder = self.shared / table
        made = Workdir(folder)
        if longest.selection.selector == "auto":
            if made.decision.is_file():
                return ""
        elif any(path.is_file() for path in (made.neighbors, *map(made.source_weights, WEIGHT_SELECTORS))):
            return ""
        job = TableJob(longest, str(self.shared), self.spec.command, str(folder), table)
        return self._launch(job, folder / ComparisonFiles.LOG)

    def finished(self, arm: Arm, trial: Trial, final: bool) -> ArmResult | None:
        """The result of a run that is there; one that was scored on test images is a trial too."""
        path = self.root / trial.folder / ComparisonFiles.RESULT
        if not path.is_file():
            return None
        result = read_result(path)
        if trial.point is not None and not final and not self._outcomes(trial).is_file():
            return None  # of a program before this one: judged anew
        kinds = (True,) if final else (False,) if trial.fold else (False, True)
        stamps = [run_stamp(self.spec.config(arm, trial, self.sets, kind), self.sets) for kind in kinds]
        return result if result.made_from in stamps else None

    def outcomes(self, trial: Trial) -> Outcomes:
        """What the judges of a finished trial say.

        Raises:
            InputError: they are missing or damaged.
        """
        remedy = "Remove the run's folder and start the same command again: the run is made anew."
        return load_outcomes(self._outcomes(trial), remedy)

    def _outcomes(self, trial: Trial) -> Path:
        return self.root / trial.folder / ComparisonFiles.OUTCOMES

    def drop_weights(self, chosen: Sequence[str], others: Sequence[str]) -> None:
        """Weights are the bulk of a run: those that were chosen keep them of their last round, `others` of none.

        Args:
            chosen: workdirs, relative to the comparison's.
            others: likewise.
        """
        for run in {*chosen, *others}:
            rounds = sorted((self.root / run / "rounds").glob("[0-9]*"))
            for folder in rounds[:-1] if run in chosen else rounds:
                for name in (RoundFiles.OPTIMIZER, RoundFiles.MODEL):
                    (folder / name).unlink(missing_ok=True)


def _read_sets(path: Path) -> SetsSummary:
    return SetsSummary.from_json(artifacts.read_json(path, SetsSummary.FORM))
