"""A study: all its runs, seed by seed, each resumable in its own folder.

Nothing here imports TensorFlow: the runs do, in processes of their own, so that their memory comes back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from sjft_tf import artifacts
from sjft_tf.config import RunConfig
from sjft_tf.parallel import side_by_side
from sjft_tf.pipeline.studying.engine import Engine, nothing
from sjft_tf.pipeline.studying.looks import Look, check_settings
from sjft_tf.pipeline.studying.order import Order, Task
from sjft_tf.pipeline.studying.progress import Progress
from sjft_tf.pipeline.studying.runs import Launch, Runs
from sjft_tf.study import (
    Run,
    RunResult,
    SetsSummary,
    Study,
    StudyRecord,
    held_out_note,
    write_tables,
)
from sjft_tf.workdir import StudyFiles, Workdir


class Studied(Engine):
    """All runs of a study.

    Args:
        study: what is run.
        workdir: folder of everything; the caller holds its lock.
        launch: does a job in a process. If `at_once` is above 1, several threads call it, and it makes them wait.
        at_once: runs that `launch` does at the same time.
        stop: makes all that `launch` is doing end.
        rest: ends processes that wait for a further job, when there is none.
    """

    def __init__(
        self,
        study: Study,
        workdir: Workdir,
        launch: Launch,
        at_once: int = 1,
        stop: Callable[[], object] = nothing,
        rest: Callable[[], object] = nothing,
    ) -> None:
        self.study, self._launch, self._runs = study.check(), launch, Runs(workdir.root, launch, study.command)
        super().__init__(self._runs, at_once, stop, rest)
        self._sets: dict[str, SetsSummary] = {}
        self._results: dict[str, dict[int, RunResult]] = {cell.name: {} for cell in study.cells}

    def run(self) -> Iterator[str]:
        """Looks and trains; yields lines for the screen as they come."""
        yield from self._open()
        self._progress, self._left = Progress(self._runs), len(self.study.runs())
        threads = min(self._at_once, self._left)
        order = Order([Task(cell.name, seed, cell.after) for cell, seed in self.study.runs()])
        yield from side_by_side([self._work(order) for _ in range(threads)], self._stop)
        if not self.study.keep_weights:
            self._runs.drop_weights(str(cell.folder(seed)) for cell, seed in self.study.runs())
        yield from self._end()

    def plan(self) -> Iterator[str]:
        """The runs there are, and which are finished."""
        yield from self._open()
        runs = [self._run(cell.name, seed) for cell, seed in self.study.runs()]
        for run in runs:
            yield f"{run}{'' if self._runs.finished(run) is None else '  (finished)'}"
        yield f"{len(runs)} runs"

    def _run(self, name: str, seed: int) -> Run:
        return self.study.run(self.study.by_name[name], seed, self._sets, self.root)

    def _open(self) -> Iterator[str]:
        """Looks at every choice of image sets once. Refused, nothing of a begun study has changed."""
        begun, settings, path = time.perf_counter(), self.study.settings(), self.root / StudyFiles.SETTINGS
        check_settings(path, settings)
        yield from self.study.notes
        self._runs.check_results()
        configs: dict[str, RunConfig] = {}
        for cell, seed in self.study.runs():
            config = self.study.config(cell, seed, self.root)
            if cell.after:  # whose trunk is not there yet
                config = config.replace("model", weights="none", reset_from="", partial_weights=False)
            key = self.study.sets_key(cell, seed)
            # One that uses the source looks at it too.
            if key not in configs or (config.uses_source and not configs[key].uses_source):
                configs[key] = config
        shared, looks, told = self._runs.shared, {}, set[str]()
        for number, (key, config) in enumerate(configs.items(), start=1):
            folder, more = shared / StudyFiles.LOOKS / key, number < len(configs)
            looks[key] = Look(config, self.study.holdout_test, folder, shared, self._launch, self.study.command, more)
            sets = looks[key].sets
            lines = [*sets.opened, *sets.warnings, *([held_out_note(sets)] if sets.holdout else [])]
            yield from (line for line in lines if line not in told)
            told |= set(lines)
        for key, look in looks.items():
            look.write()
            self._sets[key] = look.sets
        artifacts.write_json(path, settings)
        yield f"opened in {time.perf_counter() - begun:.0f} s"

    def _work(self, order: Order) -> Iterator[str]:
        """What one thread does: one run after the other."""
        try:
            while (task := order.take()) is not None:
                yield from self._done(task)
                order.done(task)
        finally:  # also when it was stopped: nobody is to wait for what will not be done
            order.end()

    def _done(self, task: Task) -> Iterator[str]:
        if task.after and task.seed not in self._results[task.after]:
            name = f"{task.name}/seed{task.seed}"
            self.failed[name] = f"{task.after}/seed{task.seed}, whose trunk it starts from, failed"
            self._left -= 1
            yield f"{name}: FAILED: {self.failed[name]}"
            return
        run = self._run(task.name, task.seed)
        result, worked = self._runs.one(run)
        self._left -= 1
        if result is not None:
            self._results[task.name][task.seed] = result
        if worked:
            self._write()
            accuracy = result.final.mean_class_accuracy if result else {}
            yield self._progress.line(run, accuracy, result.seconds if result else None, self._left)

    def _write(self, complete: bool = False) -> None:
        with self._writing:
            held = next((sets for sets in self._sets.values() if sets.holdout), None)
            notes = (held_out_note(held),) if held else ()
            record = StudyRecord.of(self.study, self._results, notes, self.failed)
            artifacts.write_json(self.root / StudyFiles.RECORD, record.to_json())
            write_tables(self.root, record)
