"""A finished run: told in words, restored as a model, written as a SavedModel."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import keras

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.evaluation import SCORED, EarlyStopping, RunFigures, SetFigures
from sjft_tf.export import check_exported, export_saved_model, read_description
from sjft_tf.pipeline.inputs import network_view
from sjft_tf.pipeline.networks import as_kept, build_model
from sjft_tf.pipeline.stages.results import counting_round
from sjft_tf.training import finished_rounds, load_round_weights, weights_digest
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Report:
    """A finished run: its figures (as in metrics.json) and where everything lies."""

    figures: RunFigures
    workdir: Workdir

    @property
    def several_labels(self) -> bool:
        """Whether the target's images may have several labels."""
        return self.workdir.has_several_labels()

    def lines(self) -> Iterator[str]:
        """The last lines on the screen."""
        final, fusion, last = self.figures.final.sets, self.figures.fusion, self.figures.counting
        yield ""
        for name in SCORED:
            if name in final:
                yield f"{name:>10}: {describe(final[name])}"
            if name in fusion:
                yield f"{'fusion':>10}: {describe(fusion[name])}"
        if not final and last.scoring is not None:
            yield f"no --test images; on the training images {last.scoring.train_top1:.1%}"
        if (early := self.figures.early_stopping) is not None:
            yield f"      kept: {_kept(last.round, len(self.figures.rounds), early)}"
        if (chosen := self.figures.chosen) is not None:
            yield f"  selector: {chosen.selector} (--selector=auto): {chosen.reason}"
        if last.co_tuned:
            loss = last.training["co_tuning_loss"]
            yield f" co-tuning: the source's head learned on target images too, loss {loss:.3f}"
        elif self.figures.co_tuned is False:
            why = (
                "images have several labels" if self.several_labels else "the source's classes do not tell the target's"
            )
            yield f" co-tuning: left out, since {why}"
        if last.borrowed is not None:
            yield (
                f"  borrowed: {last.borrowed.union_size} source images of {last.borrowed.source_classes} classes, "
                f"K {last.borrowed.mean_k:.0f} on average, {last.borrowed.max_k} at most"
            )
        if self.workdir.times.is_file():
            times = self.workdir.read_times()
            yield "      time: " + ", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in times.items())
        yield f"     model: {self.workdir.saved_model}"
        yield f"     board: tensorboard --logdir {self.workdir.logs}"
        run = self.workdir
        paths = (run.metrics, run.report, run.predictions, run.borrowed, run.picture, run.leaks_picture)
        yield f"   details: {', '.join(str(path) for path in paths if path.exists())}"


def _kept(best: int, done: int, early: EarlyStopping) -> str:
    best_one = f"round {best}, the best on the validation images (--early_stopping={early.patience})"
    if done == early.rounds:
        return f"{best_one} of all {done}"
    return f"{best_one}; ended after round {done} of {early.rounds}"


def describe(figures: SetFigures) -> str:
    """One set's figures in words."""
    if figures.several_labels:
        precision = figures.mean_average_precision
        return (
            f"mean average precision {'unknown' if precision is None else f'{precision:.2%}'}, "
            f"F1 {figures.micro_f1:.2%} (micro), {figures.macro_f1:.2%} (macro), "
            f"loss {figures.loss:.3f} ({figures.count} images)"
        )
    return (
        f"top-1 {figures.top1:.2%}, mean class accuracy {figures.mean_class_accuracy:.2%}, "
        f"loss {figures.loss:.3f} ({figures.count} images)"
    )


class RestoredRun(NamedTuple):
    """A run's model as it was after one of its rounds.

    Attributes:
        config: the run's settings.
        model: the joint model.
        class_names: of the target.
        number: the round, from 1.
    """

    config: RunConfig
    model: keras.Model
    class_names: list[str]
    number: int


def restore(workdir: Workdir, number: int, precision: str = "") -> RestoredRun:
    """The trained model of a run.

    Args:
        workdir: a run with at least one finished round.
        number: round from 1, or 0 for the one that counts: the last finished one, with --early_stopping the best.
        precision: what the model computes in; "" for what it was trained in.
    """
    config, rounds = workdir.read_config(), finished_rounds(workdir.rounds)
    if not rounds or not 0 <= number <= len(rounds):
        raise InputError(f"--round must be between 1 and {len(rounds)}, the finished rounds, or 0. Received: {number}")
    classes = workdir.read_classes()
    fresh = as_kept(config, workdir)
    fresh = fresh.replace("model", precision=precision or config.model.precision)
    several = workdir.has_several_labels()
    model = build_model(fresh, len(classes["target"]), len(classes["source"]) or None, several_labels=several)
    number = number or counting_round(workdir, config.training.early_stopping) + 1
    load_round_weights(workdir.rounds, number - 1, model)
    return RestoredRun(config, model, classes["target"], number)


def is_exported(workdir: Workdir, number: int) -> bool:
    """Whether the SavedModel in the workdir, damaged or not, says it is of round `number`."""
    with contextlib.suppress(InputError, OSError):
        made_from = read_description(workdir.saved_model)["made_from"]
        return bool(made_from.get("weights") == weights_digest(workdir.rounds, number - 1))
    return False


def described(config: RunConfig, workdir: Workdir, number: int, figures: Mapping[str, SetFigures]) -> dict[str, object]:
    """What an exported model of round `number` is said to be made from."""
    return {
        "config": config.to_json(),
        "round": number,
        "weights": weights_digest(workdir.rounds, number - 1),
        "figures": {name: figures[name].headline.to_json() for name in SCORED if name in figures},
    }


def export_round(
    config: RunConfig,
    class_names: tuple[str, ...],
    model: Callable[[], keras.Model],
    workdir: Workdir,
    number: int,
    path: Path,
    figures: Mapping[str, SetFigures],
) -> None:
    """Writes the SavedModel of round `number`, which `model` gives, to `path`, unless the one there is the same."""
    description = described(config, workdir, number, figures)
    if path.exists():
        try:
            check_exported(path)
            if read_description(path)["made_from"] == description:
                return
        except InputError as error:
            log.warning("%s The model is exported again.", error)
    data = config.data
    export_saved_model(model(), class_names, network_view(config), path, description, data.values(), data.aspect_ratio)
