"""What moves fine-tuning, one factor at a time: a study, what it found, what changed inside the trunk."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from sjft_tf import artifacts
from sjft_tf.factors import FactorSpec, Prepared, best_values, gains_told, study_of, told
from sjft_tf.pipeline.studying.preparing import prepared
from sjft_tf.pipeline.studying.program import in_processes
from sjft_tf.pipeline.studying.runs import Launch
from sjft_tf.pipeline.studying.studied import Studied
from sjft_tf.study import StudyRecord, write_tables
from sjft_tf.workdir import StudyFiles, Workdir


class Factored:
    """A study of one factor: all runs, then what they say.

    Args:
        spec: what is asked for.
        workdir: folder of everything; the caller holds its lock.
        launch, at_once, stop, rest: as of `Studied`.
        prepare: finds out what must be known of the sets before.

    Attributes:
        failed: the message of each run that failed.
    """

    def __init__(
        self,
        spec: FactorSpec,
        workdir: Workdir,
        launch: Launch,
        at_once: int = 1,
        stop: Callable[[], object] = lambda: None,
        rest: Callable[[], object] = lambda: None,
        prepare: Callable[[FactorSpec, Path], Prepared] = prepared,
    ) -> None:
        self._spec, self._workdir = spec.check(), workdir
        known = prepare(spec, workdir.root)
        self._study = study_of(spec, known)
        for cell in self._study.cells:
            self._study.config(cell, self._study.seeds_of(cell)[0]).check_network()
        self._studied = Studied(self._study, workdir, launch, at_once, stop, rest)
        self.failed = self._studied.failed
        self._distances = {target: ratio for (target, source), ratio in known.distances.items() if not source}

    def plan(self) -> Iterator[str]:
        """The runs there are, and which are finished."""
        return self._studied.plan()

    def run(self) -> Iterator[str]:
        """All runs; then what was best, and with `drift` what changed inside, on the page too."""
        yield from self._studied.run()
        path = self._workdir.root / StudyFiles.RECORD
        record = StudyRecord.from_json(artifacts.read_json(path, StudyRecord.FORM))
        lines = self._told(record)
        if self._spec.drift:
            yield from self._drift()
        if lines:
            record = dataclasses.replace(record, notes=(*record.notes, *lines))
            artifacts.write_json(path, record.to_json())
            write_tables(self._workdir.root, record)
            yield ""
            yield from lines
        if lines or self._spec.drift:
            from sjft_tf.report import write_report

            write_report(self._workdir.root)

    def _told(self, record: StudyRecord) -> list[str]:
        if self._spec.factor == "distance":
            return gains_told(record)
        by_axis = {
            str(cell.axes["target"]): self._distances[str(cell.changes["target"])]
            for cell in self._study.cells
            if "target" in cell.axes and cell.changes["target"] in self._distances
        }
        training = self._spec.base.training
        return told(record, best_values(record), by_axis, training.momentum if training.optimizer == "sgd" else 0.0)

    def _drift(self) -> Iterator[str]:
        # Late, as the page: with it comes TensorFlow.
        from sjft_tf.images import ImageSet
        from sjft_tf.pipeline.stages.drifting import drift_of
        from sjft_tf.pipeline.studying.jobs import forget
        from sjft_tf.run_sets import open_targets

        opened: dict[str, ImageSet] = {}
        shared = Workdir(self._workdir.root / StudyFiles.SHARED)
        for cell, seed in self._study.runs():
            run = Workdir(self._workdir.root / cell.folder(seed))
            if not (run.root / StudyFiles.RESULT).is_file():
                continue
            config = run.read_config()
            key = self._study.sets_key(cell, seed)
            if key not in opened:
                target, scored, _ = open_targets(config, shared, lambda _: None)
                opened = {key: scored.get("test", target)}  # one at a time: pixels may be in memory
            first = not run.drift.is_file()
            stages = drift_of(run, opened[key], self._spec.drift)
            forget()
            if first:
                moved = ", ".join(f"{one.name} {one.weight_distance or 0:.3f}" for one in stages)
                yield f"{cell.name}/seed{seed}: relative distance of the weights: {moved}"


def factors(spec: FactorSpec, workdir: Workdir, at_once: int = 1) -> AbstractContextManager[Factored]:
    """A study of one factor to run or to plan, see `in_processes`."""
    return in_processes(Factored, spec, workdir, at_once)
