"""A comparison: every arm's settings chosen on validation images, then run over all seeds.

Nothing here imports TensorFlow: the runs do, in processes of their own, so that their memory comes back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping

from sjft_tf import artifacts
from sjft_tf.comparison import (
    Arm,
    ArmRecord,
    ChoiceRecord,
    ComparisonRecord,
    ComparisonSpec,
    Point,
    RunRecord,
    Trial,
    TrialRecord,
    choice_sentence,
    search,
    write_tables,
)
from sjft_tf.evaluation import Outcomes
from sjft_tf.parallel import side_by_side
from sjft_tf.pipeline.comparing.runs import ComparisonRuns
from sjft_tf.pipeline.studying.engine import Engine, nothing
from sjft_tf.pipeline.studying.progress import Progress
from sjft_tf.pipeline.studying.runs import Launch, read_result
from sjft_tf.study import held_out_note
from sjft_tf.workdir import ComparisonFiles, Workdir


class Comparison(Engine):
    """All runs of a comparison, each resumable in its own folder.

    Args:
        spec: what is compared.
        workdir: folder of everything; the caller holds its lock.
        launch: does a job in a process. If `at_once` is above 1, several threads call it, and it makes them wait.
        at_once: runs that `launch` does at the same time.
        stop: makes all that `launch` is doing end.
        rest: ends processes that wait for a further job, when there is none.
    """

    FILES = ComparisonFiles

    def __init__(
        self,
        spec: ComparisonSpec,
        workdir: Workdir,
        launch: Launch,
        at_once: int = 1,
        stop: Callable[[], object] = nothing,
        rest: Callable[[], object] = nothing,
    ) -> None:
        self.spec = spec.check()
        self._runs = ComparisonRuns(spec, workdir.root, launch)
        super().__init__(self._runs, at_once, stop, rest)
        self._records: list[ArmRecord] = []

    def run(self) -> Iterator[str]:
        """Looks, chooses, trains; yields lines for the screen as they come."""
        yield from self._open()
        self._progress = Progress(self._runs)
        arms = [self._arm(record) for record in self._records if record.arm.kind != "fusion"]
        if self._at_once > 1:
            # What comes next depends on what came before within an arm only.
            yield from side_by_side(arms, self._stop)
        else:
            for lines in arms:
                yield from lines
        for record in self._records:
            if record.arm.kind == "fusion":
                self._fuse(record)
        yield from self._end()

    def _arm(self, record: ArmRecord) -> Iterator[str]:
        yield from self._choose(record)
        yield from self._all_seeds(record)
        if not self.spec.keep_weights:
            self._runs.drop_weights([run.workdir for run in record.runs], [trial.workdir for trial in record.trials])

    def plan(self) -> Iterator[str]:
        """The runs there would be, and what of them is finished."""
        yield from self._open()
        for arm in (record.arm for record in self._records):
            if arm.kind == "fusion":
                yield f"{arm.name}: from the runs of rounds, nothing is trained"
                continue
            points = self.spec.choice(arm).points() if arm.kind == "train" else [None]
            judges = self._judges()
            first = search(self.spec.choice(arm), {}, len(judges)).missing if self._has_choice(arm) else ()
            for trial in (Trial(arm.name, point, *judges[0]) for point in first):
                yield f"choose  {trial}{self._done(arm, trial, final=False)}"
            if later := self._most_trials(arm) - len(first):
                yield (
                    f"choose  {arm.name}: {later} more at most: further seeds and folds of what is not clearly worse, "
                    "rates beyond an end where the best is, other source weights at the best rate"
                )
            for seed in self.spec.seeds:
                if self._has_choice(arm):
                    yield f"run     {arm.name}, seed {seed}, as chosen"
                else:
                    trial = Trial(arm.name, points[0], seed)
                    yield f"run     {trial}{self._done(arm, trial, final=True)}"
        yield f"{sum(self._expected(record.arm) for record in self._records)} runs at most"

    def _open(self) -> Iterator[str]:
        begun = time.perf_counter()
        self._runs.look()
        sets = self._runs.sets
        yield from sets.opened
        yield from sets.warnings
        sizes = ", ".join(f"{count} {role}" for role, count in sets.images.items())
        yield f"{sizes} images; opened in {time.perf_counter() - begun:.0f} s"
        if sets.holdout:
            yield held_out_note(sets)
        if self._runs.folds:
            yield f"No validation images: settings are chosen by {self._runs.folds} folds of the training images."
        for arm in self.spec.arms:
            if arm.learned_bank and not self.spec.bank_weights:
                yield f"{arm.name}: left out, because --learned_bank_weights names no file for its bank"
            else:
                self._records.append(ArmRecord(arm))

    # What is to be run

    def _has_choice(self, arm: Arm) -> bool:
        return arm.kind == "train" and len(self.spec.choice(arm).points()) > 1

    def _judges(self) -> list[tuple[int, tuple[int, int] | None]]:
        """The (seed, fold) pairs that a point is tried with."""
        folds = self._runs.folds
        parts: list[tuple[int, int] | None] = [(number, folds) for number in range(1, folds + 1)] if folds else [None]
        return [(seed, part) for seed in self.spec.judging_seeds(folds) for part in parts]

    def _most_trials(self, arm: Arm) -> int:
        return self.spec.choice(arm).most * len(self._judges()) if self._has_choice(arm) else 0

    def _expected(self, arm: Arm) -> int:
        """Runs that are trained, at most; a trial that is also a run counts once."""
        if arm.kind == "fusion":
            return 0
        both = {*self.spec.seeds} & {*self.spec.judging_seeds(self._runs.folds)}
        return (
            self._most_trials(arm)
            + len(self.spec.seeds)
            - (0 if self._runs.folds or not self._has_choice(arm) else len(both))
        )

    def _done(self, arm: Arm, trial: Trial, final: bool) -> str:
        return "" if self._runs.finished(self._runs.run_of(arm, trial, final)) is None else "  (finished)"

    # Running

    def _choose(self, record: ArmRecord) -> Iterator[str]:
        arm, choice = record.arm, self.spec.choice(record.arm)
        if not self._has_choice(arm):
            record.chosen = choice.points()[0] if arm.kind == "train" else None
            return
        trials: dict[Point, list[Outcomes | None]] = {}
        judges, further = self._judges(), 0
        while (found := search(choice, trials, len(judges))).decision is None:
            for rate in found.further[further:]:
                yield f"{arm.name}: the best rate so far is at an end of those tried: {rate:g} is tried too"
            further = len(found.further)
            for point in found.missing:
                own = trials.setdefault(point, [])
                own.append((yield from self._tried(record, Trial(arm.name, point, *judges[len(own)]))))
        record.decision, record.chosen = found.decision, found.decision.chosen
        yield f"{arm.name}: {choice_sentence(ChoiceRecord.of(found.decision))}"

    def _all_seeds(self, record: ArmRecord) -> Iterator[str]:
        if record.arm.kind == "head" or record.chosen is not None:
            for seed in self.spec.seeds:
                yield from self._reported(record, Trial(record.arm.name, record.chosen, seed))

    def _tried(self, record: ArmRecord, trial: Trial) -> Generator[str, None, Outcomes | None]:
        """Runs and records a trial; yields its line, returns what its judges say, None where it failed."""
        result, worked = self._runs.trial(record.arm, trial, final=False)
        entry = TrialRecord.of(trial, result)
        record.trials.append(entry)
        if worked:
            self._write()
            yield self._line(trial, {"validation": entry.validation}, entry.seconds)
        return self._runs.outcomes(trial) if result is not None else None

    def _reported(self, record: ArmRecord, trial: Trial) -> Iterator[str]:
        """Runs and records a run that is reported; yields its line."""
        result, worked = self._runs.trial(record.arm, trial, final=True)
        reached: dict[str, float] = {}
        if result is not None:
            record.runs.append(RunRecord.of(trial, result.final, result.seconds))
            reached = result.final.mean_class_accuracy
        if worked:
            self._write()
            yield self._line(trial, reached, result.seconds if result else None)

    def _line(self, trial: Trial, accuracy: Mapping[str, float | None], seconds: float | None) -> str:
        # A trial that is also a run comes twice, the second time for its test images alone.
        steps = {
            one.arm.name: (len(one.trials) if one.decision else self._most_trials(one.arm)) + len(self.spec.seeds)
            for one in self._records
        }
        left = sum(
            max(0, steps[one.arm.name] - len(one.trials) - len(one.runs))
            for one in self._records
            if one.arm.kind != "fusion"
        )
        return self._progress.line(trial, accuracy, seconds, left)

    def _fuse(self, record: ArmRecord) -> None:
        rounds = next(one for one in self._records if one.arm.name == "rounds")
        record.chosen = rounds.chosen
        for run in rounds.runs:
            result = read_result(self.root / run.workdir / ComparisonFiles.RESULT)
            if result.fusion.mean_class_accuracy:
                record.runs.append(RunRecord.of(Trial("rounds", rounds.chosen, run.seed), result.fusion, None))

    def _write(self, complete: bool = False) -> None:
        with self._writing:
            content, sets = ComparisonRecord(self.spec, tuple(self._records)), self._runs.sets
            artifacts.write_json(self.root / ComparisonFiles.RECORD, content.to_json())
            notes = [held_out_note(sets)] if sets.holdout else []
            notes += [f"Failed: {name}: {error}" for name, error in self.failed.items()]
            write_tables(self.root, content, notes, sets, with_images=complete)
