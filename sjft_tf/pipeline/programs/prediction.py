"""Naming the class of image files with an exported model, or with the model of a run."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from sjft_tf import progress
from sjft_tf.config import EvaluationConfig
from sjft_tf.errors import InputError
from sjft_tf.export import Predictor, decode_bytes, load_predictor
from sjft_tf.images import MAX_PIXELS, TenCrop, visible_name
from sjft_tf.models import make_scorer
from sjft_tf.pipeline.inputs import evaluation_views
from sjft_tf.pipeline.programs.answers import format_for, writing
from sjft_tf.pipeline.programs.commands import restore
from sjft_tf.pipeline.programs.image_files import find_files, readable
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)
BATCH = 64

Answer = Callable[[Sequence[bytes]], np.ndarray]
"""From N encoded images (JPEG or PNG) to their probabilities, float32 [N, C]."""


@dataclasses.dataclass(frozen=True)
class AnswerFormat:
    """How answers are given.

    Attributes:
        output: the file; "" for standard output.
        form: csv or jsonl; "" for what the file's name says.
        top_k: classes an image.
    """

    output: str = ""
    form: str = ""
    top_k: int = 1


def predict(
    workdir: str,
    model: str,
    images: Sequence[str],
    form: AnswerFormat,
    views: EvaluationConfig | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Iterator[str]:
    """Writes the answer for every image, batch by batch: neither images nor answers are held.

    Args:
        workdir: a run whose SavedModel is used (for dense views its last round's model), or empty.
        model: the folder of a SavedModel, or empty.
        images: see `image_files.find_files`.
        form: where to and how.
        views: what of each image is looked at; None for the center crop.
        max_pixels: a file whose header claims more is left out.

    Yields:
        The closing line for the screen, when there is a file.

    Raises:
        InputError: no model, no images, or none that can be decoded; dense views of a SavedModel.
    """
    if bool(workdir) == bool(model):
        raise InputError("Say which model answers: either --workdir=RUN or --model=SAVED_MODEL")
    if form.top_k < 1:
        raise InputError(f"--top_k must be at least 1. Received: {form.top_k}")
    kind = format_for(form.output, form.form)
    class_names, answer = _answering(workdir, model, views or EvaluationConfig())
    files = find_files(images)
    first = list(itertools.islice(files, 1))  # nothing is written where nothing is named
    answered = left_out = 0
    with (
        writing(form.output, kind, class_names, form.top_k) as write,
        progress.bar(None, "Predicting") as shown,
    ):
        for batch in _batches(itertools.chain(first, files)):
            encoded = [readable(path, max_pixels) for path in batch]
            known = [(path, content) for path, (content, _) in zip(batch, encoded, strict=True) if content]
            if known:
                for (path, _), probabilities in zip(known, answer([content for _, content in known]), strict=True):
                    write(path, probabilities)
            for path, (_, reason) in zip(batch, encoded, strict=True):
                if reason:
                    shown_name = visible_name(path)
                    log.warning(
                        "%s cannot be decoded (JPEG, PNG, BMP or GIF was expected): %s; left out", shown_name, reason
                    )
            answered, left_out = answered + len(known), left_out + len(batch) - len(known)
            shown.update(len(batch))
            if not form.output:
                sys.stdout.flush()  # whoever reads along gets whole batches
        if not answered:
            raise InputError(f"None of the {left_out} files could be decoded, e.g. {first[0]}")
    if form.output:
        yield f"{answered} images answered, {left_out} left out: {form.output}"


def _batches(files: Iterator[Path]) -> Iterator[list[Path]]:
    while batch := list(itertools.islice(files, BATCH)):
        yield batch


def _answering(workdir: str, model: str, views: EvaluationConfig) -> tuple[Sequence[str], Answer]:
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


def _ten_crops(predictor: Predictor) -> Answer:
    view = TenCrop(predictor.description["resize"], predictor.description["crop"])
    cut = tf.function(
        lambda content: view(decode_bytes(content)), input_signature=[tf.TensorSpec([], tf.string)], autograph=False
    )

    def answer(encoded: Sequence[bytes]) -> np.ndarray:
        # An image at a time: ten pictures each, as many as a batch of them is allowed to be.
        return np.stack([predictor.predict_prepared(cut(content).numpy()).mean(axis=0) for content in encoded])

    return answer


class _Encoded:
    """The part of an image set that a scorer needs, over encoded images in memory."""

    def __init__(self, encoded: Sequence[bytes]) -> None:
        self._encoded = list(encoded)

    def __len__(self) -> int:
        return len(self._encoded)

    def dataset(self, rows: np.ndarray | None = None) -> tf.data.Dataset:
        contents = tf.data.Dataset.from_tensor_slices(tf.constant(self._encoded, tf.string))
        return contents.map(lambda content: {"image": decode_bytes(content)}, num_parallel_calls=tf.data.AUTOTUNE)


def _restored(workdir: Workdir, views: EvaluationConfig) -> tuple[Sequence[str], Answer]:
    config, model, names, _ = restore(workdir, 0)
    config = dataclasses.replace(config, evaluation=views).validate()
    scorer = make_scorer(model, evaluation_views(config), config.training.eval_batch_size)
    return names, lambda encoded: scorer(_Encoded(encoded))
