"""What answers for encoded images: an exported model, or the model of a run for views that the export lacks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from sjft_tf.config import EvaluationConfig
from sjft_tf.errors import InputError
from sjft_tf.export import Predictor, load_predictor, read_description
from sjft_tf.images import SQUASH, TenCrop, ValueRange, decode_bytes, squared
from sjft_tf.models import make_scorer
from sjft_tf.pipeline.finished_run import restore
from sjft_tf.pipeline.inputs import evaluation_views
from sjft_tf.workdir import Workdir

BATCH = 64  # images that are answered together

Answer = Callable[[Sequence[bytes]], np.ndarray]
"""From N encoded images (JPEG or PNG) to their probabilities, float32 [N, C]."""


def open_model(workdir: str, model: str, views: EvaluationConfig) -> tuple[Sequence[str], Answer]:
    """Class names, and what answers with these views."""
    if views.eval_views == "dense":
        if not workdir:
            raise InputError(
                "--eval_views=dense applies the network to other sizes, which a SavedModel is not made for. "
                "Name the run with --workdir, or take --eval_views=ten_crop"
            )
        return _restored(Workdir(workdir), views)
    predictor = load_predictor(model or Workdir(workdir).saved_model)
    if views.eval_scales:
        raise InputError(f"--eval_scales is for --eval_views=dense. Received: {views.eval_views}")
    if views.eval_views == "center":
        return predictor.class_names, lambda encoded: predictor.predict_bytes(encoded, BATCH)
    return predictor.class_names, _ten_crops(predictor)


def has_several_labels(workdir: str, model: str) -> bool:
    """Whether the model answers with several labels an image, or with none."""
    path = Path(model or Workdir(workdir).saved_model)
    if path.is_dir():
        return bool(read_description(path).get("several_labels", False))
    return Workdir(workdir).has_several_labels()  # dense views take the run alone


def value_range(workdir: str, model: str) -> ValueRange | None:
    """Which values of more than 8 bits were black and white in training; None for what their type says."""
    path = Path(model or Workdir(workdir).saved_model)
    if path.is_dir():
        low_high = read_description(path).get("value_range", [])
    else:  # dense views take the run alone
        low_high = list(Workdir(workdir).read_config().data.values() or ())
    return ValueRange(*low_high) if low_high else None


def _ten_crops(predictor: Predictor) -> Answer:
    view = TenCrop(predictor.description["resize"], predictor.description["crop"])
    aspect_ratio = predictor.description.get("aspect_ratio", SQUASH)
    cut = tf.function(
        lambda content: view(squared(decode_bytes(content), aspect_ratio)),
        input_signature=[tf.TensorSpec([], tf.string)],
        autograph=False,
    )

    def answer(encoded: Sequence[bytes]) -> np.ndarray:
        # An image at a time: ten pictures each, as many as a batch of them is allowed to be.
        return np.stack([predictor.predict_prepared(cut(content).numpy()).mean(axis=0) for content in encoded])

    return answer


class _Encoded:
    """The part of an image set that a scorer needs, over encoded images in memory."""

    def __init__(self, encoded: Sequence[bytes], aspect_ratio: str) -> None:
        self._encoded, self._aspect_ratio = list(encoded), aspect_ratio

    def __len__(self) -> int:
        return len(self._encoded)

    def dataset(self, rows: np.ndarray | None = None) -> tf.data.Dataset:
        contents = tf.data.Dataset.from_tensor_slices(tf.constant(self._encoded, tf.string))
        return contents.map(
            lambda content: {"image": squared(decode_bytes(content), self._aspect_ratio)},
            num_parallel_calls=tf.data.AUTOTUNE,
        )


def _restored(workdir: Workdir, views: EvaluationConfig) -> tuple[Sequence[str], Answer]:
    run = restore(workdir, 0)
    config = dataclasses.replace(run.config, evaluation=views).validate()
    scorer = make_scorer(run.model, evaluation_views(config), config.training.eval_batch_size)
    return run.class_names, lambda encoded: scorer(_Encoded(encoded, config.data.aspect_ratio))
