"""From settings to a compiled joint model: what is frozen, the optimizer with its schedule, how a step is made."""

from __future__ import annotations

import logging

import keras
import numpy as np
import tensorflow as tf

from sjft_tf.compat import KERAS_3
from sjft_tf.config import ModelConfig, TrainingConfig
from sjft_tf.errors import InputError
from sjft_tf.models import (
    CoTuning,
    JointModel,
    build_optimizer,
    freeze,
    make_multi_optimizer,
    make_optimizer,
    make_schedule,
    mix_start_statistics,
    parse_rates,
    rate_factors,
    shadow,
    trunk_of,
    with_loss_scale,
)

log = logging.getLogger(__name__)

_STEADY_RATE = 0.01
"""The highest rate at which training with mixed statistics held together without a warm-up, wherever it was tried."""


def compile_joint(
    model: JointModel,
    training: TrainingConfig,
    network: ModelConfig,
    co_tuning: CoTuning | None = None,
    borrows: bool = True,
    class_weights: np.ndarray | None = None,
) -> None:
    """Compiles the joint model with the optimizer over the global step and the rules of a step.

    To be called with the starting weights in the model: L2-SP remembers them, batch normalization its statistics.

    Args:
        model: from `build_joint_model`.
        training: optimizer, schedule, losses, how a step is made.
        network: what is frozen, the precision, and what batch normalization goes by.
        co_tuning: what the source head is taught on target rows; None: nothing.
        borrows: whether batches have source images; else a source head learns by Co-Tuning alone.
        class_weights: float [C_t], of the losses of target rows by their label; None: all are 1.

    Raises:
        InputError: a place in the trunk that does not exist, or an option that the optimizer does not know.
    """
    freeze(trunk_of(model), network.freeze, network.freeze_batch_norm)
    mixed = mix_start_statistics(trunk_of(model), network.start_statistics)
    if mixed and training.learning_rate > _STEADY_RATE and not training.warmup_steps:
        log.warning(
            "--learning_rate=%g with --start_statistics=%g: above %g training may break in its first steps. "
            "--warmup_steps=%d, a tenth of the run, held it together where it did; --start_statistics=0 does too",
            *(training.learning_rate, network.start_statistics, _STEADY_RATE, max(1, training.total_steps // 10)),
        )
    if "source" in model.output and not borrows and co_tuning is None:
        model.get_layer("source_head").trainable = False  # Co-Tuning was left out: no loss would reach it
    optimizer = _optimizer(model, training, network.precision)
    heads = list(model.output) if borrows else ["target"]
    # The weights balance two losses. One alone counts whole, or plain fine-tuning would train at half its rate.
    weights = (
        {"target": training.target_weight, "source": training.source_weight} if len(heads) > 1 else {"target": 1.0}
    )
    model.prepare(
        {head: weights[head] for head in heads},
        label_smoothing=training.label_smoothing,
        clip_norm=training.clip_norm,
        accumulate=training.accumulate,
        average_momentum=training.average_weights,
        co_tuning=co_tuning,
        class_weights=class_weights,
    )
    model.compile(
        optimizer=optimizer,
        jit_compile=training.jit,
        steps_per_execution=largest_divisor(training.steps_per_round, wanted_execution(training.steps_per_execution)),
        **({"auto_scale_loss": False} if KERAS_3 else {}),
    )
    build_optimizer(model.optimizer, model)


def schedule_of(training: TrainingConfig, factor: float = 1.0) -> keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate over the global step; `factor` multiplies it."""
    return make_schedule(
        training.schedule,
        training.learning_rate * factor,
        training.total_steps,
        decay_steps=training.decay_steps or max(1, training.total_steps // 4),
        warmup_steps=training.warmup_steps,
    )


def wanted_execution(steps: int) -> int:
    """Of how many steps one call of the compiled loop can be: 1 in a strategy's scope on Keras 3, else `steps`."""
    # Its loop does not find its own counter where replicas are inside it.
    return 1 if KERAS_3 and tf.distribute.has_strategy() else steps


def largest_divisor(steps: int, wanted: int) -> int:
    """The largest divisor of `steps` up to `wanted`: Keras runs whole executions only, and none may leave its round."""
    return max(d for d in range(1, min(steps, wanted) + 1) if steps % d == 0)


def run_in_steps_of(model: keras.Model, steps: int) -> None:
    """Sets the steps of one execution after `compile`: the rest of a round may not be divisible by the usual ones."""
    if KERAS_3:
        if model.steps_per_execution == steps:
            return
        model.steps_per_execution = steps
    else:
        if int(model._steps_per_execution.numpy()) == steps:
            return
        model._steps_per_execution.assign(steps)
    model.train_function = None  # was made for the other number


def _optimizer(model: JointModel, training: TrainingConfig, precision: str) -> keras.optimizers.Optimizer:
    trunk = trunk_of(model)
    factors = rate_factors(trunk, parse_rates(training.layer_rate))

    def make(factor: float = 1.0) -> keras.optimizers.Optimizer:
        optimizer = make_optimizer(
            training.optimizer,
            schedule_of(training, factor),
            momentum=training.momentum,
            weight_decay=training.weight_decay,
        )
        if training.l2_sp:
            if not hasattr(optimizer, "pull_to_start"):
                raise InputError(f"--l2_sp works with sgd, adam and adamw. Received: --optimizer={training.optimizer}")
            variables = [v for v in trunk.trainable_variables if len(v.shape) >= 2]
            starts = [(v, shadow(v, f"start_{i:03d}")) for i, v in enumerate(variables)]
            optimizer.pull_to_start(training.l2_sp, starts)
        return optimizer

    if not factors:
        optimizer = make()
    elif KERAS_3:
        optimizer = make()
        optimizer.scale_rates(
            (v, factors[layer.name])
            for layer in model.layers
            if layer.name in factors
            for v in layer.trainable_variables
        )
    else:
        if precision == "float16":
            raise InputError("--layer_rate and --precision=float16 do not go together on TensorFlow Addons' stack")
        if tf.distribute.has_strategy():
            # It keeps the gradients in one place, into which all replicas would write.
            raise InputError("--layer_rate works on one device on TensorFlow Addons' stack: leave out --strategy")
        groups: dict[float, list[keras.layers.Layer]] = {}
        for layer in model.layers:
            if layer.trainable_variables:
                groups.setdefault(factors.get(layer.name, 1.0), []).append(layer)
        # The heads' group comes last: its rate is the one that is shown.
        order = sorted(groups, key=lambda factor: factor == 1.0)
        optimizer = make_multi_optimizer([(make(factor), groups[factor]) for factor in order])
    return with_loss_scale(optimizer, precision)
