"""Image sets as Python has them, laid down where a run can read them again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike
from PIL import Image

from sjft_tf.artifacts import atomic_directory, atomic_write, fingerprint
from sjft_tf.errors import InputError
from sjft_tf.images import quoted

Images: TypeAlias = str | Path | tuple[ArrayLike, ArrayLike] | tf.data.Dataset
"""An image set as a call takes it, see `given`."""

FORMS = (
    "a spec such as 'folder:PATH' or 'npz:PATH#train', the path of a folder, arrays (x, y), or a tf.data.Dataset of "
    "(image, label) whose cardinality is known"
)


@dataclass(frozen=True)
class GivenImages:
    """An image set as it was given.

    Attributes:
        spec: what a run opens.
        write: writes the file that the spec names, where it is not there yet; does nothing for what lies on disk.
        path: what `write` writes; None for what lies on disk.
    """

    spec: str
    write: Callable[[], None] = lambda: None
    path: Path | None = None


def given(images: Images, role: str, folder: Path) -> GivenImages:
    """An image set as a spec; arrays and datasets are to be written below `folder`.

    Their file is named by a digest of the content: the same images again are found and not written again.

    Args:
        images: a spec, the path of a folder, `(x, y)` with x [N, H, W], [N, H, W, 1] or [N, H, W, 3] (uint8, or floats
            in 0..1 or 0..255) and y [N] integers, or a `tf.data.Dataset` of `(image, label)`, single or in batches.
            Labels may also be of zeros and ones, [N, C]: bool are several labels an image, and so are numbers, unless
            each image has exactly one 1 (one-hot), which is its label then.
        role: what it is for, e.g. "target"; for messages and the file's name.
        folder: where files go.

    Raises:
        InputError: nothing of these, an infinite or unknown number of images, or labels that do not fit.
    """
    if isinstance(images, Path) or (isinstance(images, str) and Path(images).is_dir()):
        return GivenImages(f"folder:{quoted(str(images))}")
    if isinstance(images, str):
        return GivenImages(images)
    if isinstance(images, tf.data.Dataset):
        return _to_write(*_of_dataset(images, role), role, folder)
    if isinstance(images, tuple) and len(images) == 2:
        x, y = np.asarray(images[0]), _labels(images[1], role)
        if x.ndim not in (3, 4) or len(x) != len(y):
            raise InputError(
                f"The {role} images must be x [N, H, W] or [N, H, W, C] with y [N] or [N, classes]. Received: x "
                f"{x.shape}, y {y.shape}"
            )
        return _to_write(x, y, role, folder)
    raise InputError(f"The {role} images must be {FORMS}. Received: {type(images).__name__}")


def listed(images: Images | list[Images]) -> list[Images]:
    """Several sets as they were given; one is a list of one."""
    return images if isinstance(images, list) else [images]


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


def _labels(y: ArrayLike, role: str) -> np.ndarray:
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == 1:  # as keras.datasets has them
        labels = labels[:, 0]
    if labels.ndim not in (1, 2) or labels.dtype.kind not in ("biuf" if labels.ndim == 2 else "iu"):
        raise InputError(
            f"The {role} labels must be integers [N], one of each image, or zeros and ones [N, classes]. "
            f"Received: {labels.dtype} {labels.shape}"
        )
    return labels


def _to_write(images: Sequence[np.ndarray] | np.ndarray, labels: np.ndarray, role: str, folder: Path) -> GivenImages:
    if isinstance(images, np.ndarray):
        path = folder / f"{role}-{fingerprint(images, labels)}.npz"

        def write() -> None:
            if not path.is_file():
                with atomic_write(path) as stream:
                    np.savez(stream, x=images, y=labels)

        return GivenImages(f"npz:{quoted(str(path))}", write, path)
    if labels.ndim == 2:
        raise InputError(
            f"The {role} images have different sizes and must have one label each then, [N]. Received: {labels.shape}. "
            "Give them one size, or a table of files (csv:)"
        )
    # Images of different sizes have no array: files without loss.
    if kinds := {str(image.dtype) for image in images} - {"uint8"}:
        raise InputError(f"The {role} images have different sizes and must be uint8 then. Received: {', '.join(kinds)}")
    root = folder / f"{role}-{fingerprint(labels, *images)}"

    def write_files() -> None:
        if root.is_dir():
            return
        with atomic_directory(root) as new:
            for number, (image, label) in enumerate(zip(images, labels, strict=True)):
                file = new / f"{label:05d}" / f"{number:07d}.png"
                file.parent.mkdir(exist_ok=True)
                Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file)

    return GivenImages(f"folder:{quoted(str(root))}", write_files, root)
