"""Image sets as Python has them, laid down where a run can read them again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from sjft_tf.artifacts import atomic_directory, atomic_write, fingerprint
from sjft_tf.errors import InputError

FORMS = (
    "a spec such as 'folder:PATH' or 'npz:PATH#train', the path of a folder, arrays (x, y), or a tf.data.Dataset of "
    "(image, label) whose cardinality is known"
)


def spec_of(images: Any, role: str, folder: Path) -> str:
    """The spec of an image set; arrays and datasets are written below `folder` first.

    Their file is named by a digest of the content: the same images again are found and not written again.

    Args:
        images: a spec, the path of a folder, `(x, y)` with x [N, H, W], [N, H, W, 1] or [N, H, W, 3] (uint8, or floats
            in 0..1 or 0..255) and y [N] integers, or a `tf.data.Dataset` of `(image, label)`, single or in batches.
        role: what it is for, e.g. "target"; for messages and the file's name.
        folder: where files go.

    Raises:
        InputError: nothing of these, an infinite or unknown number of images, or labels that do not fit.
    """
    if isinstance(images, Path) or (isinstance(images, str) and Path(images).is_dir()):
        return f"folder:{images}"
    if isinstance(images, str):
        return images
    if isinstance(images, tf.data.Dataset):
        return _written(*_of_dataset(images, role), role, folder)
    if isinstance(images, tuple) and len(images) == 2:
        x, y = np.asarray(images[0]), _labels(images[1], role)
        if x.ndim not in (3, 4) or len(x) != len(y):
            raise InputError(
                f"The {role} images must be x [N, H, W] or [N, H, W, C] with y [N]. Received: x {x.shape}, y {y.shape}"
            )
        return _written(list(x) if x.dtype == object else x, y, role, folder)
    raise InputError(f"The {role} images must be {FORMS}. Received: {type(images).__name__}")


def specs_of(images: Any, role: str, folder: Path) -> list[str]:
    """As `spec_of` of one set, or of a list of sets."""
    return [spec_of(one, role, folder) for one in (images if isinstance(images, list) else [images])]


def _of_dataset(dataset: tf.data.Dataset, role: str) -> tuple[Sequence[np.ndarray] | np.ndarray, np.ndarray]:
    if int(dataset.cardinality()) < 0:
        raise InputError(
            f"The {role} dataset has an unknown or infinite number of images. Give it one: "
            "dataset.apply(tf.data.experimental.assert_cardinality(N)), or dataset.take(N)"
        )
    spec = dataset.element_spec
    if not isinstance(spec, tuple) or len(spec) < 2 or spec[0].shape.rank not in (3, 4):
        raise InputError(f"The {role} dataset must yield (image, label), single or in batches. Received: {spec}")
    if spec[0].shape.rank == 4:
        dataset = dataset.unbatch()
    pairs = [(image, label) for image, label, *_ in dataset.as_numpy_iterator()]
    images, labels = [image for image, _ in pairs], _labels([label for _, label in pairs], role)
    same = len({(image.shape, image.dtype) for image in images}) == 1
    return np.stack(images) if same else images, labels


def _labels(y: Any, role: str) -> np.ndarray:
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == 1:  # as keras.datasets has them
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise InputError(
            f"The {role} labels must be integers [N], one of each image (of one-hot labels, argmax). "
            f"Received: {labels.dtype} {labels.shape}"
        )
    return labels


def _written(images: Sequence[np.ndarray] | np.ndarray, labels: np.ndarray, role: str, folder: Path) -> str:
    if isinstance(images, np.ndarray):
        path = folder / f"{role}-{fingerprint(images, labels)}.npz"
        if not path.is_file():
            with atomic_write(path) as stream:
                np.savez(stream, x=images, y=labels)
        return f"npz:{path}"
    # Images of different sizes have no array: files without loss.
    digest = fingerprint(labels, *images)
    place = folder / f"{role}-{digest}"
    if not place.is_dir():
        with atomic_directory(place) as new:
            for number, (image, label) in enumerate(zip(images, labels, strict=True)):
                if image.dtype != np.uint8:
                    raise InputError(
                        f"The {role} images have different sizes and must be uint8 then. Received: {image.dtype}"
                    )
                file = new / f"{label:05d}" / f"{number:07d}.png"
                file.parent.mkdir(exist_ok=True)
                Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file)
    return f"folder:{place}"
