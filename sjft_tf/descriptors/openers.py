"""Filter banks by name: what `--bank` accepts."""

from __future__ import annotations

import functools
import json
import math
import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import parse_qsl

import keras
import numpy as np

from sjft_tf.catalog import WEIGHT_ARRAYS, check_bank
from sjft_tf.descriptors import caffe_nets
from sjft_tf.descriptors.bank import FilterBank
from sjft_tf.descriptors.convnet import ConvNetBank, Preprocess
from sjft_tf.descriptors.gabor import GaborBank
from sjft_tf.errors import InputError
from sjft_tf.weight_files import reading, refuse_not_finite


def open_bank(
    spec: str,
    *,
    layers: Sequence[str] = (),
    weights: str = "",
    before_nonlinearity: bool = True,
) -> FilterBank:
    """Opens a filter bank from its spec.

    Args:
        spec: one of
            `gabor`: 4 scales x 6 orientations on luminance; takes neither layers nor weights.
            `alexnet`: conv1 and conv2 of AlexNet; weights from a local file.
            `squeezenet_conv1`: the 96 kernels of SqueezeNet 1.0's first layer; weights from a local file.
            `keras:APPLICATION`: any model of keras.applications, e.g. `keras:MobileNetV2?alpha=0.35`; options after
            the question mark go to its constructor.
            `model:PATH.keras`: a saved Keras model that takes RGB in 0..255.
        layers: layer names; may be left out for alexnet (conv1, conv2) and squeezenet_conv1 (conv1).
        weights: a local `.weights.h5` (Keras) file, or for alexnet and squeezenet_conv1 also an `.npz` file with
            arrays `LAYER/kernel` [height, width, in, out] and `LAYER/bias` [out], BGR input. For `keras:` also
            `imagenet`, the default, which Keras downloads.
        before_nonlinearity: see `ConvNetBank`.

    Raises:
        InputError: an unknown spec, layer or option; weights missing, unreadable or of other shapes.

    Example:
        >>> open_bank("gabor").layer_channels
        (48,)
    """
    check_bank(spec, layers, weights)
    kind, _, rest = spec.partition(":")
    if spec == "gabor":
        return _gabor()
    if spec in WEIGHT_ARRAYS:
        return _caffe_bank(spec, layers, weights, before_nonlinearity)
    if kind == "keras":
        return _application_bank(rest, layers, weights, before_nonlinearity)
    return _model_bank(rest, layers, before_nonlinearity)


@functools.cache
def _gabor() -> GaborBank:
    # One for all: what is compiled for a bank lasts as long as the bank.
    return GaborBank()


def _caffe_bank(name: str, layers: Sequence[str], weights: str, before: bool) -> ConvNetBank:
    model = caffe_nets.alexnet() if name == "alexnet" else caffe_nets.squeezenet_conv1()
    if weights.endswith(".npz"):
        _load_npz_weights(model, WEIGHT_ARRAYS[name], Path(weights))
    else:
        _load_keras_weights(model, weights)
    chosen = layers or (("conv1", "conv2") if name == "alexnet" else ("conv1",))
    return ConvNetBank(
        model,
        chosen,
        before_nonlinearity=before,
        preprocess=caffe_nets.caffe_input,
        name=name,
        preprocess_name="caffe",
    )


def _load_npz_weights(model: keras.Model, wanted: dict[str, tuple[int, ...]], path: Path) -> None:
    with reading(lambda said: f"{path} cannot be read as an .npz weight file, it may be damaged: {said}"):
        # Sizes first: a few kilobytes can unpack to more than the machine has.
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                shape = wanted.get(entry.filename.removesuffix(".npy"))
                if shape is not None and entry.file_size > 16 * math.prod(shape) + 65536:
                    raise InputError(f"{path}: array {entry.filename!r} takes {entry.file_size:,} bytes, not {shape}")
        with np.load(path, allow_pickle=False) as opened:
            names = opened.files
            arrays = {key: opened[key] for key in names if key in wanted}
    for key, shape in wanted.items():
        if key not in arrays:
            raise InputError(f"{path} has no array {key!r}. Its arrays: {', '.join(names)}")
        if arrays[key].shape != shape:
            raise InputError(f"{path}: array {key!r} has shape {arrays[key].shape}, {model.name} needs {shape}.")
        if not np.isfinite(arrays[key]).all():
            raise InputError(f"{path}: array {key!r} holds NaN or infinite values.")
    model.get_layer("conv1").set_weights([arrays["conv1/kernel"], arrays["conv1/bias"]])
    if "conv2/kernel" in wanted:
        kernels, biases = np.split(arrays["conv2/kernel"], 2, axis=-1), np.split(arrays["conv2/bias"], 2)
        for which, kernel, bias in zip(("first", "second"), kernels, biases, strict=True):
            model.get_layer(f"conv2_{which}").set_weights([kernel, bias])


def _load_keras_weights(model: keras.Model, weights: str) -> None:
    path = Path(weights)
    said_of = f"The weights in {path} do not fit {model.name}, or are damaged"
    with reading(lambda said: f"{said_of}: {said}"), warnings.catch_warnings():
        # Keras 3 names every container it finds no second copy of in a file saved by another Keras version.
        # A layer that really gets no weights is an error.
        warnings.filterwarnings("ignore", "Skipping nested container", UserWarning)
        model.load_weights(str(path))
    refuse_not_finite(model.layers, path)


def _application_bank(rest: str, layers: Sequence[str], weights: str, before: bool) -> ConvNetBank:
    name, _, query = rest.partition("?")
    constructor, preprocess = _application(name)
    options = {key: _parsed(value) for key, value in parse_qsl(query, keep_blank_values=True)}
    settings = {"include_top": False, "input_shape": (None, None, 3), **options}
    pretrained = weights in ("", "imagenet")
    try:
        model = constructor(**settings, weights="imagenet" if pretrained else None)
    except Exception as error:
        # Keras raises ValueError, TypeError or plain Exception here: bad options, or a download that failed.
        hint = " Without a network, give `weights` a local .weights.h5 file." if pretrained else ""
        raise InputError(f"keras.applications.{name} cannot be built with {options}: {error}.{hint}") from error
    if not pretrained:
        _load_keras_weights(model, weights)
    return ConvNetBank(
        model, layers, before_nonlinearity=before, preprocess=preprocess, name=f"keras:{rest}", preprocess_name=name
    )


def _application(name: str) -> tuple[Callable[..., keras.Model], Preprocess]:
    """Constructor and preprocess_input of a model of keras.applications."""
    models: dict[str, tuple[Callable[..., keras.Model], Preprocess]] = {}
    for module in vars(keras.applications).values():
        if hasattr(module, "preprocess_input") and hasattr(module, "decode_predictions"):
            for public, value in vars(module).items():
                if callable(value) and public[0].isupper():
                    models[public] = value, module.preprocess_input
    return models[name]


def _parsed(value: str) -> object:
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def _model_bank(path: str, layers: Sequence[str], before: bool) -> ConvNetBank:
    with reading(lambda said: f"{path} cannot be loaded as a Keras model, it may be damaged: {said}"):
        model = keras.models.load_model(Path(path), compile=False, safe_mode=True)
    refuse_not_finite(model.layers, path)
    return ConvNetBank(model, layers, before_nonlinearity=before, name=f"model:{Path(path).name}")
