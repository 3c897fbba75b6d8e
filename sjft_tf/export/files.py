"""The target's network in one file for other runtimes, checked against the model before anything is written.

A JSON file beside it, of its name and `.json`, says what it is: class names, sizes, what it was made from, how far its
answers were from the model's, and a digest.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from sjft_tf import artifacts
from sjft_tf.catalog import EXPORT_FORMATS
from sjft_tf.errors import InputError
from sjft_tf.export.kinds import KINDS, Answers, check_installed
from sjft_tf.export.saved_model import ServedView, check_fits, versions
from sjft_tf.models import ImageDataset, Scorer

FILE_FORMAT = "sjft_tf exported file, version 1"


class Tolerance(NamedTuple):
    """What a file must keep.

    Attributes:
        difference: how far a probability may lie from the model's.
        equal_answers: the least share of images with the same most probable class.
    """

    difference: float
    equal_answers: float


# Rounded weights move single probabilities far where classes are close; there the answers decide.
TOLERANCES = {"none": Tolerance(1e-3, 0.0), "float16": Tolerance(0.2, 0.95), "int8": Tolerance(1.0, 0.9)}
"""By `catalog.QUANTIZATIONS`."""
_BATCH = 16


@dataclasses.dataclass(frozen=True)
class Sample:
    """Images on which files are checked, and what the model answers to them.

    Attributes:
        name: in words.
        images: M images of any size.
        probabilities: float32 [M, C].
    """

    name: str
    images: ImageDataset
    probabilities: np.ndarray

    @classmethod
    def scored(cls, name: str, images: ImageDataset, model: keras.Model, view: ServedView, batch_size: int) -> Sample:
        """A sample that a joint model answers here and now."""
        with _all_digits():
            return cls(name, images, Scorer(model, view, batch_size)(images, description="Answers to compare with"))


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How near a file's answers are to the model's.

    Attributes:
        images: in words.
        count: how many.
        largest_difference: of a probability.
        equal_answers: share of the images with the same most probable class.
        tolerance: what was asked for.
    """

    images: str
    count: int
    largest_difference: float
    equal_answers: float
    tolerance: Tolerance

    def __str__(self) -> str:
        return (
            f"on {self.count} {self.images}, probabilities differ from the model's by up to "
            f"{self.largest_difference:.1e}, {self.equal_answers:.1%} of the answers are equal"
        )

    @property
    def is_kept(self) -> bool:
        """Whether the file may be written; NaN may not."""
        near = self.largest_difference <= self.tolerance.difference
        return near and self.equal_answers >= self.tolerance.equal_answers


def export_file(
    kind: str,
    path: str | os.PathLike[str],
    model: keras.Model,
    class_names: Sequence[str],
    view: ServedView,
    sample: Sample,
    description: Mapping[str, object] | None = None,
    quantize: str = "none",
) -> Agreement:
    """Writes the target half of a joint model in one of the formats of a single file, atomically.

    - `keras`: a Keras model of stock layers, `pixels` float32 [N, crop, crop, 3] RGB 0..255 to probabilities [N, C];
    - `tflite`: signatures `serving_default` and `serve_prepared` as the SavedModel's, see `PortableNetwork`;
    - `onnx`: one graph, `images` float32 [N, H, W, 3] of any size to `probabilities` [N, C], with the class names.

    Args:
        kind: one of `catalog.EXPORT_FORMATS`, but "saved_model".
        path: the file; an earlier one is replaced. Its JSON lies at the same name with ".json" added.
        model: the joint model, in float32.
        class_names: C names, in label order.
        view: `images.View`, the resize and crop the model is evaluated with.
        sample: of it, what the file must answer alike.
        description: what the model was made from, JSON-able.
        quantize: of TFLite, one of `catalog.QUANTIZATIONS`.

    Returns:
        How near its answers are.

    Raises:
        InputError: names or view do not fit the model, a package is missing, the network cannot be converted, or its
            answers are too far from the model's; nothing is written then.
    """
    check_fits(model, class_names, view)
    check_installed(kind)
    try:
        content = KINDS[kind].convert(model, view, class_names, quantize)
        agreement = _compare(KINDS[kind].open(content), view, sample, TOLERANCES[quantize])
    except InputError:
        raise
    except Exception as error:  # each converter raises types of its own about operations it does not know
        if artifacts.shortage(error):
            raise
        raise InputError(
            f"This network cannot be written as {kind} ({type(error).__name__}: {str(error)[:500]}). Leave the format "
            "out of --formats; the SavedModel holds every network"
        ) from error
    if not agreement.is_kept:
        raise InputError(
            f"The {kind} file would answer otherwise than the model: {agreement}; allowed are "
            f"{agreement.tolerance.difference:g} and {agreement.tolerance.equal_answers:.0%}. It was not written. "
            + ("Leave the format out of --formats" if quantize == "none" else "Take another --quantize")
        )
    record = {
        "format": FILE_FORMAT,
        "kind": kind,
        "quantize": quantize,
        "file_sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "class_names": list(class_names),
        "resize": int(view.resize),
        "crop": int(view.crop),
        "made_from": dict(description or {}),
        "agreement": {**dataclasses.asdict(agreement), "tolerance": agreement.tolerance._asdict()},
        "versions": versions(),
    }
    with artifacts.atomic_write(path) as stream:
        stream.write(content)
        # Before the file gets its name: one that has it is known by what lies beside it.
        artifacts.write_json(description_of(path), record)
    return agreement


def description_of(path: str | os.PathLike[str]) -> Path:
    """Where the JSON beside an exported file lies."""
    return Path(f"{os.fspath(path)}.json")


def refuse_replacing(path: Path) -> None:
    """Refuses to replace a file that is not one of these.

    Raises:
        InputError: there is one at `path`.
    """
    if not path.exists():
        return
    beside = description_of(path)
    remedy = f"Move {path.name} and it elsewhere, or name another --output."
    if beside.is_file() and artifacts.read_json(beside, {"format": str}, remedy)["format"] == FILE_FORMAT:
        return
    raise InputError(
        f"{path} exists, and no {beside.name} beside it says that sjft_tf wrote it; it will not be overwritten. Move "
        "it elsewhere, or name another --output"
    )


def named(kind: str, output: Path) -> Path:
    """The file of one kind that belongs to `output`: its name with the ending added, unless it has it."""
    ending = EXPORT_FORMATS[kind]
    return output if output.suffix == ending else output.with_name(output.name + ending)


def _compare(answers: Answers, view: ServedView, sample: Sample, tolerance: Tolerance) -> Agreement:
    differences, equal = [], np.ones(len(sample.images), bool)
    for entry, answer in answers.items():
        # Images have many sizes and go one by one.
        images = sample.images.dataset().map(lambda element: element["image"])
        batches = images.map(view).batch(_BATCH) if entry == "pixels" else images.batch(1)
        with _all_digits():
            given = np.concatenate([answer(batch.numpy().astype(np.float32)) for batch in batches])
        differences.append(np.abs(given - sample.probabilities).max())
        equal &= given.argmax(axis=1) == sample.probabilities.argmax(axis=1)
    # By NumPy, which lets NaN through.
    return Agreement(sample.name, len(equal), float(np.max(differences)), float(equal.mean()), tolerance)


@contextlib.contextmanager
def _all_digits() -> Iterator[None]:
    # By itself TensorFlow multiplies with 10 bits on newer GPUs, which is farther off than any other runtime.
    settings = tf.config.experimental
    before = settings.tensor_float_32_execution_enabled()
    settings.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        settings.enable_tensor_float_32_execution(before)
