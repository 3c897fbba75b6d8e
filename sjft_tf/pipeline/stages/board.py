"""What a run shows on TensorBoard: which figures, cards and pictures are written when."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from sjft_tf.config import RunConfig
from sjft_tf.evaluation import BorrowingFigures, SetFigures
from sjft_tf.pipeline.stages.results import round_figures
from sjft_tf.run_sets import Sets
from sjft_tf.selection import TABLE_SELECTORS
from sjft_tf.summaries import (
    RoundSummaries,
    StepProfiler,
    TrainingSummaries,
    chart_layout,
    configuration_card,
    confusion_picture,
    hardest_picture,
    hardest_rows,
    image_set_card,
    weight_norms,
)
from sjft_tf.training import RoundState, TargetScores
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)
_HARDEST = 24  # images in the picture
_LARGEST_CONFUSION = 1000  # classes; beyond, a cell is less than a pixel


class Board:
    """The event files of a run, round by round. Closes what is open when it is left.

    Args:
        config: all settings.
        sets: the image sets.
        workdir: its `logs` is written to.
        command: the command line, for the card; None leaves it out.
    """

    def __init__(self, config: RunConfig, sets: Sets, workdir: Workdir, command: str | None = None) -> None:
        self._config, self._sets, self._workdir, self._command = config, sets, workdir, command
        self._summaries: RoundSummaries | None = None
        self._profiler: StepProfiler | None = None
        self._counts: np.ndarray | None = None  # K of the round that trains; None: K0 for all
        self._told = False
        self._begin = 0  # steps done when the open round began or went on

    def __enter__(self) -> Board:
        return self

    def __exit__(self, *_: object) -> None:
        if self._profiler is not None:
            self._profiler.close()
        if self._summaries is not None:
            self._summaries.close()

    def mark(self, index: int, step: int) -> None:
        """Opens round `index`, which begins or goes on at `step`; begins a new file if it is open already."""
        if self._summaries is not None:
            self._summaries.cut(step)
            return
        self._summaries, self._begin = RoundSummaries(self._workdir.logs, index, step), step
        if not self._told:
            self._tell(step)
            self._told = True

    def callbacks(self, index: int) -> list[keras.callbacks.Callback]:
        """What round `index`, which `mark` opened, writes while it trains."""
        training = self._config.training
        images = training.batch_size * training.accumulate * (1 if self._config.selection.selector == "none" else 2)
        every = max(1, min(50, training.steps_per_round // 20))
        self._profiler = StepProfiler(
            self._workdir.logs, self._config.monitor.profiled_steps(self._config.training.total_steps), self._begin
        )
        return [TrainingSummaries(self._open(), every, images), self._profiler]

    def resumed(self, state: RoundState) -> None:
        """Takes note of the last round of an earlier start."""
        self._counts = state.counts

    def finished(
        self, state: RoundState, figures: Mapping[str, SetFigures], model: keras.Model, scores: TargetScores
    ) -> None:
        """Writes what is known of a round at its end, and closes its file.

        Args:
            state: of the round.
            figures: headline figures of the validation and test images.
            model: with the round's weights.
            scores: how the target was scored at its end.
        """
        board, step = self._open(), state.global_step
        with board:
            for name, of_set in figures.items():
                told = of_set.headline.to_json()
                board.scalars(step, {f"{name}/{key}": told[key] for key in told if key != "count"})
            self._scored(board, state)
            self._hard(board, step, state, scores)
            if "borrowed" in state.metrics:
                borrowed = vars(BorrowingFigures.from_json(state.metrics["borrowed"]))
                board.scalars(step, {f"borrowed/{name}": value for name, value in borrowed.items()})
                counts = np.full(len(state.counts), state.k0) if self._counts is None else self._counts
                board.histogram(step, "borrowed/k_per_target", counts)
            if state.index == 0 and self._config.selection.selector in TABLE_SELECTORS:
                board.picture(step, "borrowed/neighbors", self._workdir.picture)
            board.scalars(step, {f"weights/{name}": value for name, value in weight_norms(model).items()})
            board.scalars(step, {"speed/round_seconds": state.metrics["seconds"]})
        self._counts, self._summaries, self._profiler = state.counts, None, None

    def _open(self) -> RoundSummaries:
        if self._summaries is None:
            raise ValueError("no round is open: `mark` opens one")
        return self._summaries

    def _tell(self, step: int) -> None:
        summaries = self._open()
        recorded = self._workdir.read_record() if self._workdir.config.is_file() else {}
        versions = {"sjft_tf": recorded.get("sjft_tf"), "revision": recorded.get("revision")}
        versions |= {"Python": recorded.get("python"), "platform": recorded.get("platform")}
        facts = {"command": self._command, "devices": ", ".join(_devices())} | versions | recorded.get("packages", {})
        card = configuration_card(self._config.to_json(), RunConfig().to_json(), facts)
        summaries.text(step, "run/configuration", card)
        sets = {"target": self._sets.target, **self._sets.scored()}
        sets |= {"source": self._sets.source} if self._sets.source is not None else {}
        summaries.text(step, "run/image_sets", image_set_card(sets))
        if not step:
            summaries.layout(chart_layout())
        steps = self._config.monitor.profiled_steps(self._config.training.total_steps)
        if steps and steps.start < step:
            log.info("--profile=%s: this start goes on at step %d, no trace", self._config.monitor.profile, step)

    def _scored(self, board: RoundSummaries, state: RoundState) -> None:
        step = state.global_step
        for name, metrics in round_figures(self._workdir, state.index).items():
            accuracies = [value for value in metrics.per_class_accuracy if value is not None]
            board.histogram(step, f"{name}/class_accuracy", np.array(accuracies))
            if 0 < len(metrics.confusion) <= _LARGEST_CONFUSION:
                picture = confusion_picture(metrics.confusion, metrics.class_names, name)
                board.image(step, f"{name}/confusion", picture)

    def _hard(self, board: RoundSummaries, step: int, state: RoundState, scores: TargetScores) -> None:
        scoring = state.metrics["scoring"]
        board.scalars(step, {f"hard/{name}": scoring[name] for name in ("wrong", "uncertain", "mean_entropy")})
        board.scalars(step, {"train/top1": scoring["train_top1"]})
        board.histogram(step, "hard/entropy", scores.entropy)
        rows = hardest_rows(scores.wrong, scores.entropy, _HARDEST)
        picture = hardest_picture(self._sets.target, rows, scores.wrong, scores.predicted, scores.entropy)
        board.image(step, "hard/images", picture)


def _devices() -> list[str]:
    gpus = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus]
    return names or ["CPU only"]
