"""A comparison: every arm's settings chosen on validation images, then run over all seeds, each run a process.

Nothing here imports TensorFlow: the runs do, in processes of their own, so that their memory comes back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sjft_tf import artifacts
from sjft_tf.comparison.arms import Arm
from sjft_tf.comparison.choice import Point, Score, best_point, next_points
from sjft_tf.comparison.planning import Asked, Found, run_stamp, table_name, uses_table
from sjft_tf.comparison.records import ArmRecord, comparison_json, run_record, trial_record
from sjft_tf.comparison.tables import write_tables
from sjft_tf.comparison.trials import Trial
from sjft_tf.errors import InputError
from sjft_tf.workdir import Workdir

Launch = Callable[[dict[str, Any], Path], str]
"""Does a job of `comparison_jobs` in a process of its own, its output in the file; returns the error, "" for none."""

RESULT = "result.json"


class Comparison:
    """All runs of a comparison, each resumable in its own folder.

    Args:
        asked: what for.
        workdir: folder of everything; the caller holds its lock.
        launch: see `Launch`.
    """

    def __init__(self, asked: Asked, workdir: Workdir, launch: Launch) -> None:
        self.asked, self.root, self._launch = asked.check(), workdir.root, launch
        self.shared = self.root / "shared"
        self._spent: list[float] = []
        self._done = 0
        self.failed: dict[str, str] = {}

    def run(self) -> Iterator[str]:
        """Looks, chooses, trains; yields lines for the screen as they come."""
        yield from self._look()
        skipped, arms = self._arms()
        yield from skipped
        self.records = [ArmRecord(arm) for arm in arms]
        for record in self.records:
            if record.arm.kind == "fusion":
                self._fuse(record)
            else:
                yield from self._choose(record)
                yield from self._seeds(record)
                self._tidy(record)
            self._write()
        self._write()
        yield ""
        yield from (self.root / "comparison.md").read_text(encoding="utf-8").splitlines()
        yield ""
        yield f"results: {', '.join(str(self.root / f'comparison.{kind}') for kind in ('json', 'md', 'csv'))}"
        # The HTML report of a comparison is written here, from comparison.json.

    def plan(self) -> Iterator[str]:
        """The runs there would be, and what of them is finished."""
        yield from self._look()
        skipped, arms = self._arms()
        yield from skipped
        total = 0
        for arm in arms:
            if arm.kind == "fusion":
                yield f"{arm.name}: from the runs of rounds, nothing is trained"
                continue
            first = next_points(self.asked.choice(arm), {}) if self._has_choice(arm) else []
            trials = [trial for point in first for trial in self._trials(arm, point)]
            for trial in trials:
                yield f"choose  {trial}{self._state(arm, trial, final=False)}"
            later = len(self._all_trials(arm)) - len(trials)
            if later:
                yield f"choose  {arm.name}: {later} more, other source weights at the best rate"
            for seed in self.asked.seeds:
                point = (
                    self.asked.choice(arm).points()[0] if arm.kind == "train" and not self._has_choice(arm) else None
                )
                trial = Trial(arm.name, point, seed)
                known = arm.kind == "head" or point is not None
                yield (
                    f"run     {trial}{self._state(arm, trial, True)}"
                    if known
                    else (f"run     {arm.name}, seed {seed}, as chosen")
                )
            total += self._expected(arm)
        yield f"{total} runs at most"

    # Opening

    def _look(self) -> Iterator[str]:
        """Opens the sets once, in a process; refuses other sets and settings than the workdir was begun with."""
        self._check_settings()
        output = self.shared / "sets.json"
        before = artifacts.read_json(output) if output.is_file() else None
        fresh = self.shared / "sets-now.json"
        job = self._job("look", self.asked.base, shared=str(self.shared), output=str(fresh.absolute()))
        begun = time.perf_counter()
        if error := self._launch(job | {"holdout_test": self.asked.holdout_test}, self.shared / "log.txt"):
            raise InputError(error)
        now = artifacts.read_json(fresh)
        fresh.unlink()
        if before is not None:
            artifacts.check_made_from(output, before["fingerprints"], now["fingerprints"])
        artifacts.write_json(output, now)
        self.found = Found(**{**now, "warnings": tuple(now["warnings"])})
        self.folds = self.found.folds(self.asked)
        yield from self.found.warnings
        sizes = ", ".join(f"{count} {role}" for role, count in self.found.images.items())
        yield f"{sizes} images; opened in {time.perf_counter() - begun:.0f} s"
        if self.found.holdout:
            yield held_out_note(self.found)
        if self.folds:
            yield f"No validation images: settings are chosen by {self.folds} folds of the training images."

    def _check_settings(self) -> None:
        path = self.root / "settings.json"
        sections = ("view", "augmentation", "retrieval", "selection", "model", "training")
        chosen = ("learning_rate", "source_weight", "seed")
        stamp = {name: value for name, value in self.asked.base.stamp(*sections).items() if name not in chosen}
        data = self.asked.base.data
        stamp |= {"per_class": data.per_class, "exclude_leaks": data.exclude_leaks}
        if path.is_file():
            artifacts.check_made_from(path, artifacts.read_json(path), stamp)
        else:
            artifacts.write_json(path, stamp)

    def _arms(self) -> tuple[list[str], list[Arm]]:
        skipped, arms = [], []
        for arm in self.asked.arms:
            if arm.learned_bank and not self.asked.bank_weights:
                skipped.append(f"{arm.name}: left out, because --learned_bank_weights names no file for its bank")
            else:
                arms.append(arm)
        return skipped, arms

    # What is to be run

    def _has_choice(self, arm: Arm) -> bool:
        return arm.kind == "train" and len(self.asked.choice(arm).points()) > 1

    def _trials(self, arm: Arm, point: Point) -> list[Trial]:
        folds: list[tuple[int, int] | None] = [(number, self.folds) for number in range(1, self.folds + 1)]
        folds = folds or [None]
        return [Trial(arm.name, point, seed, fold) for seed in self.asked.choice_seeds for fold in folds]

    def _all_trials(self, arm: Arm) -> list[Trial]:
        if not self._has_choice(arm):
            return []
        choice = self.asked.choice(arm)
        number = len(choice.points()) if choice.kind == "grid" else len(choice.rates) + max(0, len(choice.weights) - 1)
        return [trial for point in choice.points()[:number] for trial in self._trials(arm, point)]

    def _expected(self, arm: Arm) -> int:
        """Runs of an arm, at most; a trial that is also a run counts once."""
        if arm.kind == "fusion":
            return 0
        shared = 0 if self.folds or not self._has_choice(arm) else len({*self.asked.seeds} & {*self.asked.choice_seeds})
        return len(self._all_trials(arm)) + len(self.asked.seeds) - shared

    # Running

    def _choose(self, record: ArmRecord) -> Iterator[str]:
        arm, choice = record.arm, self.asked.choice(record.arm)
        if not self._has_choice(arm):
            record.chosen = choice.points()[0] if arm.kind == "train" else None
            return
        found: dict[Point, list[Score] | None] = {}
        while points := next_points(choice, found):
            for point in points:
                scores: list[Score] | None = []
                for trial in self._trials(arm, point):
                    line, result = self._one(arm, trial, final=False)
                    yield from line
                    record.trials.append(trial_record(trial, result))
                    judged = result["final"] if result else {}
                    if "validation" in judged.get("loss", {}) and scores is not None:
                        scores.append(Score(judged["mean_class_accuracy"]["validation"], judged["loss"]["validation"]))
                    else:
                        scores = None
                    self._write()
                found[point] = scores
        record.chosen = best_point(found)
        if record.chosen is None:
            yield f"{arm.name}: every trial failed, nothing can be chosen"

    def _seeds(self, record: ArmRecord) -> Iterator[str]:
        arm = record.arm
        if arm.kind == "train" and record.chosen is None:
            return
        for seed in self.asked.seeds:
            trial = Trial(arm.name, record.chosen, seed)
            line, result = self._one(arm, trial, final=True)
            yield from line
            if result:
                record.runs.append(run_record(trial, result))
            self._write()

    def _one(self, arm: Arm, trial: Trial, final: bool) -> tuple[list[str], dict[str, Any] | None]:
        """Makes sure that a run is there: `(lines for the screen, its result or None)`."""
        config = self.asked.config(arm, trial, self.found, final)
        folder, stamp = self.root / trial.folder, run_stamp(config, self.found)
        if (there := self._finished(arm, trial, final)) is not None:
            return [], there
        begun, table = time.perf_counter(), ""
        (folder / RESULT).unlink(missing_ok=True)
        error = ""
        if arm.kind == "train" and uses_table(config):
            longest = self.asked.table_config(config)
            table = table_name(longest)
            if not (self.shared / table / "neighbors.npz").is_file():
                job = self._job("table", longest, folder=str(self.shared / table), shared=str(self.shared), table=table)
                error = self._launch(job, self.shared / table / "log.txt")
        if not error:
            job = self._job(
                arm.kind,
                config,
                folder=str(folder),
                shared=str(self.shared),
                table=table,
                stamp=stamp,
                folds=self.folds,
            )
            error = self._launch(job, folder / "log.txt")
        spent = time.perf_counter() - begun
        self._spent.append(spent)
        if error:
            self.failed[str(trial)] = error
            return [f"{trial}: FAILED: {error}"], None
        result = artifacts.read_json(folder / RESULT)
        return [self._progress(trial, result, spent)], result

    def _finished(self, arm: Arm, trial: Trial, final: bool) -> dict[str, Any] | None:
        """The result of a run that is finished; one that was scored on test images serves as a trial too."""
        path = self.root / trial.folder / RESULT
        if not path.is_file():
            return None
        result = artifacts.read_json(path)
        kinds = (True,) if final or trial.fold else (False, True)
        wanted = [run_stamp(self.asked.config(arm, trial, self.found, kind), self.found) for kind in kinds]
        if trial.fold:
            wanted = [run_stamp(self.asked.config(arm, trial, self.found, False), self.found)]
        return result if result["made_from"] in wanted else None

    def _state(self, arm: Arm, trial: Trial, final: bool) -> str:
        return "  (finished)" if self._finished(arm, trial, final) is not None else ""

    def _progress(self, trial: Trial, result: dict[str, Any], spent: float) -> str:
        found = result["final"]["mean_class_accuracy"]
        reached = ", ".join(f"{name} {value:.2%}" for name, value in found.items())
        left = self._left() * sum(self._spent) / len(self._spent)
        return f"{trial}: {reached}; {spent:.0f} s; about {_duration(left)} left"

    def _left(self) -> int:
        """Runs that are still to come, at most."""
        left = 0
        for record in self.records:
            if record.arm.kind != "fusion":
                left += max(0, self._expected(record.arm) - len(record.trials) - len(record.runs))
        return max(0, left - 1)

    def _fuse(self, record: ArmRecord) -> None:
        rounds = next(one for one in self.records if one.arm.name == "rounds")
        record.chosen = rounds.chosen
        for run in rounds.runs:
            result = artifacts.read_json(self.root / run["workdir"] / RESULT)
            if result["fusion"]["mean_class_accuracy"]:
                trial = Trial("rounds", rounds.chosen, run["seed"])
                record.runs.append(run_record(trial, {"final": result["fusion"], "seconds": None}))

    def _tidy(self, record: ArmRecord) -> None:
        """Weights are the bulk of a run: what was not chosen loses them, what was keeps those of its last round."""
        if self.asked.keep_weights:
            return
        kept = {run["workdir"] for run in record.runs}
        for place in {trial["workdir"] for trial in record.trials} | kept:
            rounds = sorted((self.root / place / "rounds").glob("[0-9]*"))
            for folder in rounds[:-1] if place in kept else rounds:
                for name in ("optimizer.npz", "model.weights.h5"):
                    (folder / name).unlink(missing_ok=True)

    def _write(self) -> None:
        content = comparison_json(self.asked, self.records)
        artifacts.write_json(self.root / "comparison.json", content)
        notes = [held_out_note(self.found)] if self.found.holdout else []
        notes += [f"Failed: {name}: {error}" for name, error in self.failed.items()]
        write_tables(self.root, content, notes, self.found)

    def _job(self, kind: str, config: Any, **more: Any) -> dict[str, Any]:
        return {"kind": kind, "config": config.to_json(), "command": self.asked.command, **more}


def held_out_note(found: Found) -> str:
    """What must be said of figures on held-out images."""
    return (
        f"NOTE: there are no test images. {found.holdout:.0%} of each class of the target was set aside for testing: "
        "the same images for all arms and seeds, trained on by none. Figures are of these images."
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def numbers(values: Sequence[str], flag: str, kind: type = float) -> tuple[Any, ...]:
    """The numbers of a flag that may be repeated, hold commas, or both.

    Raises:
        InputError: something is no number.
    """
    words = [word for text in values for word in text.split(",") if word.strip()]
    try:
        return tuple(kind(word) for word in words)
    except ValueError as error:
        what = "whole numbers" if kind is int else "numbers"
        raise InputError(f"{flag} must be {what}, separated by commas. Received: {', '.join(values)}") from error
