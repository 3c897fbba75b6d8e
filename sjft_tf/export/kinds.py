"""Each kind of exported file: how a joint model becomes its content, and how that content answers."""

from __future__ import annotations

import importlib
import json
import logging
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.export.portable import PortableNetwork
from sjft_tf.export.saved_model import ServedView
from sjft_tf.models import stock_layers, target_network
from sjft_tf.parallel import cores

Answers = dict[str, Callable[[np.ndarray], np.ndarray]]
"""By input, "images" of any size [N, H, W, 3] or "pixels" [N, crop, crop, 3], both float32: probabilities [N, C]."""


class Kind(NamedTuple):
    """One kind of file.

    Attributes:
        convert: from the joint model, its view, class names and one of `catalog.QUANTIZATIONS` to a file's content.
        open: from that content to what it answers.
    """

    convert: Callable[[keras.Model, ServedView, Sequence[str], str], bytes]
    open: Callable[[bytes], Answers]


def _to_keras(model: keras.Model, view: ServedView, class_names: Sequence[str], quantize: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        stock_layers(target_network(model)).save(path)
        return path.read_bytes()


def _open_keras(content: bytes) -> Answers:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        path.write_bytes(content)
        model = keras.models.load_model(path)
    return {"pixels": lambda pixels: np.asarray(model(pixels, training=False))}


def _to_tflite(model: keras.Model, view: ServedView, class_names: Sequence[str], quantize: str) -> bytes:
    network = PortableNetwork(model, view)
    with tempfile.TemporaryDirectory() as folder:
        # Two signatures in one file, their weights once: only by way of a SavedModel.
        tf.saved_model.save(network, folder, signatures=network.signatures)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(network.signatures))
        if quantize != "none":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantize == "float16":
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()


def _open_tflite(content: bytes) -> Answers:
    with warnings.catch_warnings():
        # TensorFlow 2.21 has it still, and nothing else that is installed has.
        warnings.filterwarnings("ignore", message=r"\s*Warning: tf\.lite\.Interpreter is deprecated")
        interpreter = tf.lite.Interpreter(model_content=content, num_threads=cores())
    runners = {name: interpreter.get_signature_runner(name) for name in interpreter.get_signature_list()}
    return {
        "images": lambda images: runners["serving_default"](images=images)["probabilities"],
        "pixels": lambda pixels: runners["serve_prepared"](pixels=pixels)["probabilities"],
    }


def _to_onnx(model: keras.Model, view: ServedView, class_names: Sequence[str], quantize: str) -> bytes:
    onnx, converter = _module("onnx"), _module("tf2onnx")
    # It warns, with a traceback, of each simplification of the graph that it had to leave out.
    logging.getLogger("tf2onnx.optimizer").setLevel(logging.ERROR)
    serve = PortableNetwork(model, view).serve_images
    proto, _ = converter.convert.from_function(serve, input_signature=serve.input_signature)
    onnx.helper.set_model_props(proto, {"class_names": json.dumps(list(class_names))})
    return proto.SerializeToString()


def _open_onnx(content: bytes) -> Answers:
    session = _module("onnxruntime").InferenceSession(content, providers=["CPUExecutionProvider"])
    return {"images": lambda images: session.run(["probabilities"], {"images": images})[0]}


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:  # absent, or not made for the NumPy and ml_dtypes that are here
        raise InputError(
            f"ONNX files are written with onnx, onnxruntime and tf2onnx, and {name} cannot be imported ({error}). "
            "Install them: pip install 'sjft_tf[onnx]'"
        ) from error


KINDS = {
    "keras": Kind(_to_keras, _open_keras),
    "tflite": Kind(_to_tflite, _open_tflite),
    "onnx": Kind(_to_onnx, _open_onnx),
}
"""By names of `catalog.EXPORT_FORMATS`."""


def check_installed(kind: str) -> None:
    """Refuses a kind of file whose packages are not here.

    Raises:
        InputError: names the missing one.
    """
    if kind == "onnx":
        for name in ("onnx", "onnxruntime", "tf2onnx"):
            _module(name)
