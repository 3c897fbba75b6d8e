"""`npz`: arrays of pixels and labels."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.images.kinds.npz_reading import Header, array_names, check_memory, read_arrays, read_headers
from sjft_tf.images.kinds.tables import numbered
from sjft_tf.images.places.spec import ROLES, Options, Spec, choose_split
from sjft_tf.images.sets.image_set import ImageSet
from sjft_tf.images.sets.scan import FileScan

_PAIRS = (("x", "y"), ("images", "labels"))
_COPIES = 3  # of the pixels: ours, TensorFlow's, the bytes that are digested
_TEXT_BYTES = 300  # of an image's id, label and digest as Python has them
_BLOCK_PIXELS = 1 << 22


def open_npz(spec: Spec, scan: FileScan) -> ImageSet:
    """`npz:PATH[#split]`: arrays x and y (or images and labels), or x_train, y_train, x_test, y_test, ...

    Images are [N, H, W] or [N, H, W, 1 | 3 | 4], alpha laid over white: uint8, other integers in 0..255, or floats,
    which are taken to be in 0..1 if none exceeds 1 and in 0..255 otherwise. Labels are [N] or [N, 1], integers or
    text; or of zeros and ones (or booleans) [N, C], a column a class, see `_of_columns`. An array `class_names` (text
    [C]) names integers and columns, which otherwise are their own names. Ids are "split/000123". Nothing that needs
    unpickling is read. All is in memory: what becomes of the file later does not matter to a run.
    """
    spec.read_options(Options)
    path = spec.path
    keys = _npz_keys(spec)
    split = choose_split(spec, [name for name in keys if name]) if spec.split or "" not in keys else ""
    x_key, y_key = keys[split]
    headers = read_headers(path, [x_key, y_key, "class_names"])
    _check_headers(path, headers, x_key, y_key)
    arrays = read_arrays(path, list(headers))
    labels = arrays[y_key]
    if labels.ndim == 2:
        labels = labels[:, 0] if labels.shape[1] == 1 else _of_columns(path, y_key, labels, scan)
    pixels = _as_rgb_bytes(arrays.pop(x_key), f"{path}: `{x_key}`")
    class_names, positions = _npz_classes(path, y_key, labels, arrays.get("class_names"))
    name = f"{path.stem}#{split}" if split else path.stem
    ids = [f"{split}/{i:06d}" if split else f"{i:06d}" for i in range(len(pixels))]
    return ImageSet.from_arrays(name, pixels, positions, class_names, ids, origin=str(path))


def npz_splits(spec: Spec) -> list[str]:
    return [name for name in _npz_keys(spec) if name]


def _npz_keys(spec: Spec) -> dict[str, tuple[str, str]]:
    """The pairs of image and label arrays, by split; "" where there are none."""
    present = set(array_names(spec.path))
    keys: dict[str, tuple[str, str]] = {}
    for x, y in _PAIRS:
        if {x, y} <= present:
            keys.setdefault("", (x, y))
        for split in (name for names in ROLES.values() for name in names):
            for pair in ((f"{x}_{split}", f"{y}_{split}"), (f"{split}_{x}", f"{split}_{y}")):
                if set(pair) <= present:
                    keys.setdefault(split, pair)
    if not keys:
        raise InputError(
            f"'{spec}': expected arrays x and y, images and labels, or x_train, y_train, x_test, y_test. "
            f"Received: {', '.join(sorted(present)) or 'none'}"
        )
    return keys


def _check_headers(path: Path, headers: dict[str, Header], x_key: str, y_key: str) -> None:
    """Refuses what the shapes and types alone give away, and what does not fit into memory."""
    x, y, names = headers[x_key], headers[y_key], headers.get("class_names")
    columns = len(y.shape) == 2 and y.shape[1] > 1
    if len(y.shape) not in (1, 2) or 0 in y.shape[1:] or y.dtype.kind not in ("biuf" if columns else "iuUS"):
        raise InputError(
            f"{path}: `{y_key}` must be integers or text, [N] or [N, 1], or zeros and ones, [N, C], with a column for "
            f"each class. Received: {y.dtype} {list(y.shape)}"
        )
    _check_pixels(x.shape, x.dtype, f"{path}: `{x_key}`")
    if x.shape[0] != y.shape[0]:
        raise InputError(f"{path}: `{x_key}` has {x.shape[0]} images, `{y_key}` {y.shape[0]} labels. Expected as many")
    if not x.shape[0] or 0 in x.shape:
        raise InputError(f"'npz:{path}': `{x_key}` has no images. Received: {list(x.shape)}")
    if names is not None and (names.dtype.kind not in "US" or len(names.shape) != 1):
        raise InputError(f"{path}: `class_names` must be text [C]. Received: {names.dtype} {list(names.shape)}")
    pixels = math.prod(x.shape[:3]) * (3 if len(x.shape) == 4 and x.shape[3] > 1 else 1)
    texts = x.shape[0] + (names.shape[0] if names else 0)
    needed = sum(header.size for header in headers.values()) + _COPIES * pixels + _TEXT_BYTES * texts
    check_memory(path, headers, needed)


def _of_columns(path: Path, y_key: str, labels: np.ndarray, scan: FileScan) -> np.ndarray:
    """Labels [N, C] with a column for each class: of images that may be of several classes, bool [N, C].

    Numbers of which each row has exactly one 1, as `keras.utils.to_categorical` makes them, are one label each, int64
    [N]. Booleans never are.

    Raises:
        InputError: other numbers than 0 and 1.
    """
    if not np.isin(labels, (0, 1)).all():
        raise InputError(
            f"{path}: `{y_key}` {labels.dtype} {list(labels.shape)} must be of zeros and ones, a column for each "
            f"class. Received: values from {labels.min()} to {labels.max()}"
        )
    if labels.dtype.kind == "b" or (labels.sum(axis=1) != 1).any():
        return labels.astype(bool)
    scan.found.understood = [*scan.found.understood, f"one label an image, by the columns of {y_key}"]
    return labels.argmax(axis=1)


def _npz_classes(
    path: Path, y_key: str, labels: np.ndarray, given: np.ndarray | None
) -> tuple[Sequence[str], np.ndarray]:
    if labels.dtype.kind in "US":
        return numbered(_texts(path, y_key, labels))
    if given is None and labels.ndim == 2:
        return [str(column) for column in range(labels.shape[1])], labels
    if given is None:
        return numbered([str(label) for label in labels.tolist()])
    names = _texts(path, "class_names", given)
    if labels.ndim == 2:
        if len(names) != labels.shape[1]:
            raise InputError(
                f"{path}: `{y_key}` has {labels.shape[1]} columns, `class_names` {len(names)} names. Expected as many"
            )
        return names, labels
    if labels.min() < 0 or labels.max() >= len(names):
        raise InputError(
            f"{path}: `{y_key}` must be between 0 and {len(names) - 1}, the last of `class_names`. "
            f"Received: {labels.min()} to {labels.max()}"
        )
    return names, labels.astype(np.int32)


def _texts(path: Path, key: str, values: np.ndarray) -> list[str]:
    try:
        if values.dtype.kind == "U" and values.size and values.dtype.itemsize:
            codes = np.ascontiguousarray(values).view(np.dtype(np.uint32).newbyteorder(values.dtype.byteorder))
            if codes.max() > sys.maxunicode:  # a SystemError of Python's own
                raise ValueError(f"{codes.max()} is no character")
        texts = [value.decode() if isinstance(value, bytes) else str(value) for value in values.tolist()]
        "".join(texts).encode()  # refuses halves of surrogate pairs, which no file can be written with
        return texts
    except ValueError as error:
        raise InputError(f"{path}: `{key}` must be text in UTF-8 ({error})") from error


def _check_pixels(shape: Sequence[int], dtype: np.dtype, what: str) -> None:
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] not in (1, 3, 4)):
        raise InputError(f"{what} must be [N, H, W] or [N, H, W, 1, 3 or 4]. Received: {list(shape)}")
    if dtype.kind not in "iuf":
        raise InputError(f"{what} must be integers or floats. Received: {dtype}")


def _as_rgb_bytes(images: np.ndarray, what: str) -> np.ndarray:
    """uint8 [N, H, W(, 1 or 3)]; a block of images at a time, since floats on the way take eight times the room."""
    _check_pixels(images.shape, images.dtype, what)
    scale = 1.0
    if images.dtype != np.uint8 and images.size:
        low, high = images.min(), images.max()
        if not (low >= 0 and high <= 255):  # also refuses NaN
            raise InputError(f"{what} must be in 0..255 (floats also in 0..1). Received: values from {low} to {high}")
        scale = 255.0 if images.dtype.kind == "f" and high <= 1 else 1.0
    alpha = images.ndim == 4 and images.shape[3] == 4
    if images.dtype == np.uint8 and not alpha:
        return images
    pixels = np.empty((*images.shape[:3], *((3,) if alpha else images.shape[3:])), np.uint8)
    step = max(1, _BLOCK_PIXELS // max(1, math.prod(images.shape[1:])))
    for start in range(0, len(images), step):
        pixels[start : start + step] = _block_as_bytes(images[start : start + step], scale, alpha)
    return pixels


def _block_as_bytes(images: np.ndarray, scale: float, alpha: bool) -> np.ndarray:
    if images.dtype.kind == "f":
        images = np.round(images * images.dtype.type(scale))
    images = images.astype(np.uint8, copy=False)
    if alpha:
        weight = images[..., 3:].astype(np.uint32)
        images = ((images[..., :3] * weight + 255 * (255 - weight) + 127) // 255).astype(np.uint8)
    return images
