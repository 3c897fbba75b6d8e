"""The optimizers and schedules by name, and learning rates of single layers as flags give them."""

from __future__ import annotations

from collections.abc import Sequence

from sjft_tf.compat import KERAS_3
from sjft_tf.errors import InputError

OPTIMIZERS = ("sgd", "adam", "adamw")
SCHEDULES = ("step", "cosine", "constant")
ADDONS_OPTIMIZERS = (
    *("AdaBelief", "AdamW", "ConditionalGradient", "LAMB", "LazyAdam", "NovoGrad", "ProximalAdagrad"),
    *("RectifiedAdam", "SGDW", "Yogi"),
)
"""Those of TensorFlow Addons that take a learning rate. A test compares them with the installed one."""


def check_optimizer(name: str) -> None:
    """Checks the name of an optimizer.

    Raises:
        InputError: there is no such optimizer on this dependency stack.
    """
    if name.startswith("tfa:"):
        if KERAS_3:
            raise InputError(
                f"Optimizer {name!r} needs TensorFlow Addons, which runs on TensorFlow 2.15 and Keras 2.15 only. "
                "Install the addons stack (pip install 'sjft_tf[addons]', or make ... STACK=addons), or use one of "
                "sgd, adam, adamw."
            )
        if name.removeprefix("tfa:") not in ADDONS_OPTIMIZERS:
            raise InputError(f"There is no optimizer {name!r}. There are: {', '.join(ADDONS_OPTIMIZERS)}")
    elif name not in OPTIMIZERS:
        raise InputError(f"There is no optimizer {name!r}; choose one of {', '.join(OPTIMIZERS)}, or tfa:NAME")


def parse_rates(texts: Sequence[str]) -> list[tuple[str, float]]:
    """`["conv3:0.01", "trunk:0.1"]` to `[("conv3", 0.01), ("trunk", 0.1)]`.

    Raises:
        InputError: not of the form PLACE:FACTOR with a positive factor.
    """
    rates = []
    for text in texts:
        layer, _, factor = text.rpartition(":")
        try:
            value = float(factor)
        except ValueError:
            value = 0.0
        if not layer or not 0 < value <= 1e3:
            raise InputError(
                f"--layer_rate is PLACE:FACTOR, e.g. conv3:0.01 or trunk:0.1, with a factor above 0. Received: {text!r}"
            )
        rates.append((layer, value))
    return rates
