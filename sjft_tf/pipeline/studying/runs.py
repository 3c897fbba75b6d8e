"""The runs of a study, each a job of its own: what is finished is found again, not repeated."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from sjft_tf import artifacts
from sjft_tf.catalog import WEIGHT_SELECTORS
from sjft_tf.config import RunConfig
from sjft_tf.pipeline.studying.job_types import HeadJob, Job, LinearJob, TableJob, TrainJob
from sjft_tf.study import FROZEN, Run, RunResult, table_name
from sjft_tf.workdir import RoundFiles, StudyFiles, Workdir

Launch = Callable[[Job, Path], str]
"""Does a job in a process of its own, its output in the file; returns the error, "" for none."""


def read_result(path: Path) -> RunResult:
    """A run's result.json.

    Raises:
        InputError: it is missing or damaged.
    """
    remedy = "Remove it and start the same command again: it is made again from the run's rounds, or from a new run."
    return RunResult.from_json(artifacts.read_json(path, RunResult.FORM, remedy))


class Runs:
    """Makes sure that runs are there: neighbor tables once, then training and scoring.

    Args:
        root: the study's workdir.
        launch: see `Launch`.
        command: the command line, for the record.

    Attributes:
        shared: folder of what the runs share.
        failed: the message of each run that failed.
        done: runs that were made, not found again, or failed.
    """

    def __init__(self, root: Path, launch: Launch, command: str) -> None:
        self.root, self.shared, self._launch, self._command = root, root / StudyFiles.SHARED, launch, command
        self.failed: dict[str, str] = {}
        self.done = 0
        self._tables: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def check_results(self) -> None:
        """Raises InputError if a result that is there is damaged: not after hours of other runs."""
        for path in sorted((self.root / StudyFiles.RUNS).rglob(StudyFiles.RESULT)):
            read_result(path)

    def one(self, run: Run) -> tuple[RunResult | None, bool]:
        """Makes sure that a run is there. Several threads may call it for different runs.

        Returns:
            `(its result, whether something was done)`; None for a run that failed, see `failed`.
        """
        if (result := self.finished(run)) is not None:
            return result, False
        folder = self.root / run.folder
        table, error = "", ""
        if run.table is not None:
            table = table_name(run.table) + (f"-{run.table_key}" if run.table_key else "")
            with self._tables[table]:
                error = self._table(run.table, table)
        if not error:
            error = self._launch(self._job(run, table), folder / StudyFiles.LOG)
        self.done += 1
        if error:
            self.failed[str(run)] = error
            return None, True
        return read_result(folder / StudyFiles.RESULT), True

    def _job(self, run: Run, table: str) -> Job:
        shared, folder = str(self.shared), str(self.root / run.folder)
        if run.kind == "head":
            return HeadJob(run.config, shared, self._command, folder, run.stamp, run.folds)
        if run.kind in FROZEN:
            return LinearJob(run.config, shared, self._command, folder, run.stamp, run.folds, run.kind)
        return TrainJob(run.config, shared, self._command, folder, table, run.stamp, run.trunk)

    def _table(self, longest: RunConfig, table: str) -> str:
        """Makes a shared table if it is not there; returns the error, "" for none."""
        folder = self.shared / table
        made = Workdir(folder)
        if longest.selection.selector == "auto":
            if made.decision.is_file():
                return ""
        elif any(path.is_file() for path in (made.neighbors, *map(made.source_weights, WEIGHT_SELECTORS))):
            return ""
        job = TableJob(longest, str(self.shared), self._command, str(folder), table)
        return self._launch(job, folder / StudyFiles.LOG)

    def finished(self, run: Run) -> RunResult | None:
        """The result of a run that is there, with the files it must have beside it."""
        folder = self.root / run.folder
        path = folder / StudyFiles.RESULT
        if not path.is_file():
            return None
        result = read_result(path)
        if not all((folder / name).is_file() for name in run.files):
            return None
        return result if result.made_from in run.stamps else None

    def drop_weights(self, kept: Iterable[str], others: Iterable[str] = ()) -> None:
        """Weights are the bulk of a run: of `kept` those of the last round stay, of `others` none.

        Args:
            kept: workdirs, relative to the study's.
            others: likewise.
        """
        chosen = set(kept)
        for run in {*chosen, *others}:
            rounds = sorted((self.root / run / "rounds").glob("[0-9]*"))
            for folder in rounds[:-1] if run in chosen else rounds:
                for name in (RoundFiles.OPTIMIZER, RoundFiles.MODEL):
                    (folder / name).unlink(missing_ok=True)
