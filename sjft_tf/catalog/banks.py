"""The filter banks by name, and what each wants beside it."""

from __future__ import annotations

from collections.abc import Sequence

from sjft_tf.catalog.trunks import SMALL, trunk_names
from sjft_tf.errors import InputError
from sjft_tf.weight_files import existing_file

BANKS = ("gabor", "alexnet", "squeezenet_conv1", "keras:APPLICATION[?option=value&...]", "model:PATH.keras")
"""Forms of a bank spec."""

WEIGHT_ARRAYS: dict[str, dict[str, tuple[int, ...]]] = {
    "alexnet": {
        "conv1/kernel": (11, 11, 3, 96),
        "conv1/bias": (96,),
        "conv2/kernel": (5, 5, 48, 256),
        "conv2/bias": (256,),
    },
    "squeezenet_conv1": {"conv1/kernel": (7, 7, 3, 96), "conv1/bias": (96,)},
}
"""Bank -> arrays of its `.npz` weight file and their shapes; the two groups of AlexNet's conv2 are one array there."""


def bank_applications() -> tuple[str, ...]:
    """What `keras:` may be followed by, sorted: the models of keras.applications whose module knows its pixels."""
    return tuple(sorted(n for n in trunk_names() if n not in SMALL and not n.startswith("MobileNetV3")))


def check_bank_name(spec: str) -> None:
    """Checks what a bank is called, as `--bank` gives it.

    Raises:
        InputError: there is no such bank, or no such model of keras.applications.
    """
    kind, _, rest = spec.partition(":")
    if spec in ("gabor", *WEIGHT_ARRAYS) or (kind == "model" and rest):
        return
    if kind != "keras" or not rest:
        raise InputError(f"Unknown filter bank {spec!r}. Choices: {', '.join(BANKS)}")
    if (name := rest.partition("?")[0]) not in bank_applications():
        raise InputError(f"keras.applications has no model {name!r}. Choices: {', '.join(bank_applications())}")


def check_bank(spec: str, layers: Sequence[str], weights: str) -> None:
    """Checks what is known of a bank without opening it: its name, and whether layers and weights fit that.

    Args:
        spec: one of the forms in `BANKS`.
        layers: names of layers; whether a network has them is seen when it is built.
        weights: path of a weight file, imagenet, or "".

    Raises:
        InputError: there is no such bank, no such file, or a bank that has neither layers nor weights is given some.
    """
    check_bank_name(spec)
    kind, _, path = spec.partition(":")
    if spec == "gabor":
        if layers or weights:
            raise InputError("Bank gabor has neither layers nor weights to choose: leave both out.")
    elif spec in WEIGHT_ARRAYS:
        if not weights:
            listed = "; ".join(f"{key} {shape}" for key, shape in WEIGHT_ARRAYS[spec].items())
            raise InputError(
                f"Bank {spec} needs weights: a local .npz file with the arrays {listed} (kernels [height, width, in, "
                "out], BGR input minus its mean), or a .weights.h5 file of the same Keras model."
            )
        if not weights.endswith(".npz"):
            _check_keras_weights(weights)
        existing_file(weights)
    elif kind == "model":
        if weights:
            raise InputError("A bank `model:PATH.keras` has its weights in the file: leave `weights` out.")
        if not path.endswith(".keras"):
            raise InputError(f"A bank `model:` needs a file that ends in .keras. Received: {path!r}")
        existing_file(path)
    elif weights not in ("", "imagenet"):
        _check_keras_weights(weights)
        existing_file(weights)


def _check_keras_weights(weights: str) -> None:
    if not weights.endswith(".weights.h5"):
        raise InputError(f"A local weight file must end in .weights.h5. Received: {weights!r}")
