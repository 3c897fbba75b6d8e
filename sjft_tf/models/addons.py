"""The one door to TensorFlow Addons optimizers, which exist on the addons stack (TensorFlow 2.15) alone."""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Sequence
from types import ModuleType
from typing import TypeAlias

import keras

from sjft_tf.errors import InputError

Rate: TypeAlias = float | keras.optimizers.schedules.LearningRateSchedule
"""A learning rate, or a schedule of it."""
_DECAY_EXEMPT = ["bias", "gamma", "beta"]


def make_addons_optimizer(
    name: str, schedule: Rate, **settings: float | bool | list[str]
) -> keras.optimizers.Optimizer:
    """`tfa.optimizers.NAME(schedule, ...)`, given those of `settings` that its constructor knows.

    Args:
        name: one of `catalog.ADDONS_OPTIMIZERS`. Those that wrap another optimizer
            (Lookahead, SWA, ...) are not reachable by name.
        schedule: learning rate or schedule.
        settings: momentum, weight_decay, nesterov.

    Raises:
        InputError: TensorFlow Addons is not there.
    """
    optimizers = _addons(f"Optimizer 'tfa:{name}'")
    optimizer: type[keras.optimizers.Optimizer] = getattr(optimizers, name)
    parameters = inspect.signature(optimizer.__init__).parameters
    settings["exclude_from_weight_decay"] = _DECAY_EXEMPT
    known = {key: value for key, value in settings.items() if key in parameters}
    return optimizer(learning_rate=schedule, **known)


def make_multi_optimizer(
    optimizers_and_layers: Sequence[tuple[keras.optimizers.Optimizer, Sequence[keras.layers.Layer]]],
) -> keras.optimizers.Optimizer:
    """`tfa.optimizers.MultiOptimizer`: an optimizer for each group of layers.

    Args:
        optimizers_and_layers: `(optimizer, layers)`; every layer with trainable weights is in one group.

    Raises:
        InputError: TensorFlow Addons is not there.
    """
    optimizers = _addons("A learning rate of their own for some layers (--layer_rate)")
    return optimizers.MultiOptimizer([(optimizer, list(layers)) for optimizer, layers in optimizers_and_layers])


def parts_of(
    optimizer: keras.optimizers.Optimizer,
) -> list[tuple[keras.optimizers.Optimizer, frozenset[str]]] | None:
    """A multi-optimizer's optimizers, each with the names of its variables; None for any other optimizer."""
    specs = getattr(optimizer, "optimizer_specs", None)
    return None if specs is None else [(spec["optimizer"], frozenset(spec["weights"])) for spec in specs]


def _addons(what: str) -> ModuleType:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TFA announces its end of life at import
            return importlib.import_module("tensorflow_addons").optimizers
    except ImportError as error:
        raise InputError(f"{what} needs TensorFlow Addons: pip install 'sjft_tf[addons]'. ({error})") from error
