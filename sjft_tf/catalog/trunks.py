"""The trunks: their names, and what is known of each without building it."""

from __future__ import annotations

import difflib

from sjft_tf.compat import KERAS_3
from sjft_tf.errors import InputError
from sjft_tf.weight_files import existing_file

PREACT_RESNET = "preact_resnet"
PLAIN = ("plain5", "plain5_bn")
"""Five convolutions, without and with batch normalization."""
SMALL = (PREACT_RESNET, *PLAIN)
"""The trunks for small images, which are built here."""
MODEL, KERAS_HUB = "model:", "keras_hub:"
"""What the names of saved trunks begin with: a file of a Keras model, a preset of KerasHub."""
PIXELS = ("auto", "none", "unit", "symmetric", "torch", "caffe")
"""How a saved trunk can want its pixels."""
PRECISIONS = ("float32", "bfloat16", "float16")
"""What a trunk can compute in."""

# The classes of keras.applications. A test compares them with the installed Keras.
_APPLICATIONS = (
    *(f"ConvNeXt{size}" for size in ("Base", "Large", "Small", "Tiny", "XLarge")),
    *("DenseNet121", "DenseNet169", "DenseNet201"),
    *(f"EfficientNetB{number}" for number in range(8)),
    *(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "L", "M", "S")),
    *("InceptionResNetV2", "InceptionV3", "Xception", "VGG16", "VGG19", "NASNetLarge", "NASNetMobile"),
    *("MobileNet", "MobileNetV2", "MobileNetV3Large", "MobileNetV3Small"),
    *("ResNet50", "ResNet101", "ResNet152", "ResNet50V2", "ResNet101V2", "ResNet152V2"),
)
_REGNETS = ("002", "004", "006", "008", "016", "032", "040", "064", "080", "120", "160", "320")
_KERAS_2_ALONE = (
    *(f"RegNet{kind}{size}" for kind in "XY" for size in _REGNETS),
    *(f"ResNetRS{depth}" for depth in (50, 101, 152, 200, 270, 350, 420)),
)
# Smallest side of an image in pixels, where it is not 32.
_SMALLEST = {**dict.fromkeys(SMALL, 8), "InceptionV3": 75, "InceptionResNetV2": 75, "Xception": 71}
# Widths that Keras has ImageNet weights for.
_IMAGENET_ALPHAS = {
    "MobileNet": (0.25, 0.5, 0.75, 1.0),
    "MobileNetV2": (0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
    "MobileNetV3": (0.75, 1.0),
}


def trunk_names() -> tuple[str, ...]:
    """Every trunk that can be built with the installed Keras, sorted."""
    names = (*_APPLICATIONS, *(() if KERAS_3 else _KERAS_2_ALONE), *SMALL)
    return tuple(sorted(names, key=str.lower))


def is_saved(name: str) -> bool:
    """Whether a trunk's name says where it was saved: `model:PATH.keras` or `keras_hub:PRESET`."""
    return name.startswith((MODEL, KERAS_HUB))


def trunk_called(name: str) -> str:
    """The trunk's name in its own capitals, from one in any capitals; that of a saved one as it is.

    Raises:
        InputError: there is none; the message lists the names, close ones first.

    Example:
        >>> trunk_called("resnet50v2")
        'ResNet50V2'
    """
    if is_saved(name):
        return name
    by_lower = {choice.lower(): choice for choice in trunk_names()}
    choice = by_lower.get(name.strip().lower())
    if choice is None:
        close = [by_lower[c] for c in difflib.get_close_matches(name.lower(), by_lower, n=5, cutoff=0.6)]
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        if "/" in name or "." in name:
            hint = f" For a model of your own say {MODEL}PATH.keras."
        others = ", ".join([*close, *(c for c in trunk_names() if c not in close)])
        raise InputError(
            f"There is no trunk {name!r}.{hint} The trunks of this Keras: {others}; also {MODEL}PATH.keras, a saved "
            f"model, and {KERAS_HUB}PRESET"
        )
    return choice


def has_alpha(name: str) -> bool:
    """Whether a trunk, by its own name, has a width multiplier."""
    return name.startswith("MobileNet")


def check_trunk(name: str, image_size: int, weights: str, alpha: float | None) -> None:
    """What is known without building the trunk: its smallest image, its widths, whether there are ImageNet weights.

    Args:
        name: in any capitals.
        image_size: side in pixels.
        weights: none, imagenet, or the path of a file.
        alpha: the width multiplier; None is the family's own.

    Raises:
        InputError: there is no such trunk, or it cannot be built like this.
    """
    name = trunk_called(name)
    if is_saved(name):
        _check_saved(name, weights, alpha)
        return
    smallest = _SMALLEST.get(name, 32)
    if image_size < smallest:
        raise InputError(
            f"{name} needs images of at least {smallest} px. Received: image_size={image_size}. "
            "Raise --image_size or choose another trunk (preact_resnet and plain5 take 8 px and more)."
        )
    if alpha is not None and not has_alpha(name):
        raise InputError(f"{name} has no width multiplier. Received: alpha={alpha}; leave it out")
    if weights == "imagenet" and name in SMALL:
        raise InputError(f"There are no ImageNet weights for {name}; give a file or weights=none")
    if weights == "imagenet" and has_alpha(name):
        known = _IMAGENET_ALPHAS[name[:11] if name.startswith("MobileNetV") else name]
        if alpha is not None and alpha not in known:
            raise InputError(
                f"ImageNet weights of {name} are for alpha {', '.join(map(str, known))}. Received: "
                f"alpha={alpha}; take one of these, or weights=none"
            )


def _check_saved(name: str, weights: str, alpha: float | None) -> None:
    if alpha is not None:
        raise InputError(f"{name} has the width it was saved with. Received: alpha={alpha}; leave it out")
    path = name.removeprefix(MODEL)
    if path == name:
        if not name.removeprefix(KERAS_HUB):
            raise InputError(f"{KERAS_HUB} wants a preset's name or folder, such as {KERAS_HUB}resnet_50_imagenet")
        if not KERAS_3:
            raise InputError(
                f"{name}: KerasHub needs Keras 3, and this is Keras 2. Take the other stack, or {MODEL}PATH.keras"
            )
        return
    try:
        file = existing_file(path, "model file")
    except InputError as error:
        raise InputError(
            f"{error}. {MODEL} takes one that `model.save('NAME.keras')` wrote; of a SavedModel's folder the layers "
            "cannot be had back"
        ) from None
    if file.suffix not in (".keras", ".json"):
        raise InputError(
            f"{name} must be a .keras file. Received: {file.name!r}; load it with keras.models.load_model and "
            "save it again as NAME.keras"
        )
    if file.suffix == ".json" and weights == "imagenet":
        raise InputError(
            f"{name} is the architecture alone, which a run keeps. Give --weights as well, such as its trunk.weights.h5"
        )


def check_form(depth: int, width: int) -> None:
    """Raises InputError if `depth` of preact_resnet is not 6n + 2, or its `width` is below 1."""
    if depth < 8 or (depth - 2) % 6:
        raise InputError(f"`depth` of preact_resnet must be 6n + 2 (8, 14, 20, 32, 44, 56, 110). Received: {depth}")
    if width < 1:
        raise InputError(f"`width` of preact_resnet must be at least 1. Received: {width}")
