"""Builds the shared trunk: pixels in, pooled features out, preprocessing and starting weights included."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf

from sjft_tf import artifacts
from sjft_tf.catalog import PLAIN, check_trunk, is_saved, trunk_called
from sjft_tf.errors import InputError
from sjft_tf.models.cutting import POOL
from sjft_tf.models.families import Family, find_family, preprocess
from sjft_tf.models.normalization import replace_batch_norm
from sjft_tf.models.partial_weights import load_matching
from sjft_tf.models.plain_network import plain5
from sjft_tf.models.preact_resnet import preact_resnet
from sjft_tf.models.saved_trunks import open_saved
from sjft_tf.models.weights import load_trunk_weights

FEATURES = "features"
"""Name of a trunk's last layer, float32 [N, F]."""
_POOLING = {4: keras.layers.GlobalAveragePooling2D, 3: keras.layers.GlobalAveragePooling1D}


def build_trunk(
    name: str,
    image_size: int,
    *,
    weights: str | os.PathLike[str] = "none",
    alpha: float | None = None,
    depth: int = 20,
    width: int = 16,
    layer: str = "",
    preprocessing: str = "auto",
    partial: bool = False,
    batch_norm_momentum: float | None = None,
) -> keras.Model:
    """A convolutional trunk without its classifier, with fused batch normalization (paper section 3.1).

    The model is flat (no nested models), its last layer is called "features".

    Args:
        name: a keras.applications class name in any capitals ("ResNet50", "mobilenetv2"), "preact_resnet", "plain5",
            "plain5_bn", or a saved trunk, `model:PATH.keras` or `keras_hub:PRESET`, see `open_saved`.
        image_size: side S of the square input in pixels.
        weights: "none" (random), "imagenet" (Keras downloads or finds them in its cache), or a local file:
            `.weights.h5`, a legacy Keras `.h5`, or a whole `.keras` model that begins with this trunk. Weights do not
            depend on the image size, so a file named for 224 px fits every `image_size`. With "imagenet" a saved trunk
            has the weights it was saved with.
        alpha: width multiplier of the MobileNets; None is 1.
        depth: layers of `preact_resnet`, 6n + 2; other trunks ignore it.
        width: channels of the first stage of `preact_resnet`, of the first layer of `plain5`; other trunks ignore it.
        layer: the last one of a saved trunk; "" for the one before its pooling and its head.
        preprocessing: one of `catalog.PIXELS`, what pixels a saved trunk takes; other trunks ignore it.
        partial: a weight file may fit in part, see `match_weights`; else all of the trunk's weights must be in it.
        batch_norm_momentum: of the moving statistics, see `momentum_for_run`; None keeps the family's own.

    Returns:
        keras.Model from float32 [N, S, S, 3] RGB in 0..255 to float32 [N, F], the global average of the last map; of a
        saved trunk whose last layer gives tokens their average, of one that gives vectors these.

    Raises:
        InputError: unknown name, image too small, `alpha` where there is none, weights that do not fit.
    """
    weights = os.fspath(weights)
    check_trunk(name, image_size, weights, alpha)
    inputs = keras.Input((image_size, image_size, 3), dtype="float32", name="image")
    if is_saved(name):
        own = weights == "imagenet"
        maps = open_saved(name, layer, preprocessing, own).maps(inputs, own)
    else:
        maps = _maps(inputs, name, weights, alpha, depth, width)
    pooled = _POOLING[len(maps.shape)](name=POOL)(maps) if len(maps.shape) in _POOLING else maps
    # A float32 layer at the end, so that heads and losses see float32 under mixed precision as well.
    features = keras.layers.Activation("linear", dtype="float32", name=FEATURES)(pooled)
    trunk = keras.Model(inputs, features, name="saved_trunk" if is_saved(name) else trunk_called(name).lower())
    if weights not in ("none", "imagenet"):
        (load_matching if partial else load_trunk_weights)(trunk, weights)
    return replace_batch_norm(trunk, batch_norm_momentum)


def _maps(inputs: tf.Tensor, name: str, weights: str, alpha: float | None, depth: int, width: int) -> tf.Tensor:
    family = find_family(name)
    scaled = preprocess(inputs, family, rescaled_by_keras=weights == "imagenet")
    if family.build is None:
        if family.name in PLAIN:
            return plain5(scaled, width=width, batch_norm=family.name == "plain5_bn")
        return preact_resnet(scaled, depth=depth, width=width)
    return _application(family, family.build, scaled, weights, alpha).output


def _application(
    family: Family, build: Callable[..., keras.Model], scaled: tf.Tensor, weights: str, alpha: float | None
) -> keras.Model:
    options = {"alpha": 1.0 if alpha is None else float(alpha)} if family.has_alpha else {}
    downloads = weights == "imagenet"
    shape = tuple(scaled.shape[1:])
    try:
        with warnings.catch_warnings():
            # The MobileNets warn that weights for 224 px are used at other sizes, which is what we want.
            warnings.filterwarnings("ignore", message=".*input_shape.*")
            return build(
                include_top=False,
                weights="imagenet" if downloads else None,
                input_tensor=scaled,
                input_shape=shape,
                **options,
            )
    except Exception as error:
        # Keras reports a failed download as a bare Exception, and impossible options as ValueError.
        if downloads:
            raise InputError(
                f"The ImageNet weights of {family.name} cannot be had here ({error}). Without a network, give a "
                "local file as `weights`, or weights=none."
            ) from error
        if isinstance(error, ValueError):
            raise InputError(f"{family.name} cannot be built with image_size={shape[0]}, {options}: {error}") from error
        raise


def trunk_of(model: keras.Model) -> keras.Model:
    """The trunk of a joint model: the same layers, without the heads."""
    return keras.Model(model.input, model.get_layer(FEATURES).output, name="trunk")


def save_trunk(model: keras.Model, path: str | os.PathLike[str]) -> None:
    """Writes the trunk's weights of a joint model, for `build_trunk(weights=path)`; atomically.

    Args:
        model: from `build_joint_model`.
        path: a file name ending in `.weights.h5`.
    """
    trunk = trunk_of(model)
    with tempfile.TemporaryDirectory() as folder, artifacts.atomic_write(path) as stream:
        temporary = Path(folder) / "trunk.weights.h5"
        trunk.save_weights(temporary)
        stream.write(temporary.read_bytes())
