"""`folder`: image files in one sub-folder a class."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.images.contents import ImageContents
from sjft_tf.images.image_set import ImageSet
from sjft_tf.images.loaders import EncodedImages, Loader, on_cpu
from sjft_tf.images.scan import FileScan
from sjft_tf.images.spec import Options, Spec, choose_split, is_remote, role_of
from sjft_tf.images.walking import IMAGE_EXTENSIONS, identity, image_files, subfolders


def file_loader(paths: Sequence[str], plain: np.ndarray) -> Loader:
    """Loads and decodes the file at a row."""
    names = on_cpu(np.array([os.fsencode(path) for path in paths], object))
    return EncodedImages.of(lambda row: tf.io.read_file(tf.gather(names, row)), plain)


def open_folder(spec: Spec, scan: FileScan) -> ImageSet:
    """`folder:PATH[#split]`: PATH/class/.../image, or PATH/split/class/.../image.

    Classes are the sub-folders' names, sorted; images may lie deeper. Ids are paths relative to PATH. Hidden files
    and folders and files without an image extension (jpg, jpeg, png, bmp, gif) are passed over; of several links to one
    folder within a class, one is followed.
    """
    spec.read_options(Options)
    if is_remote(spec.rest):
        raise InputError(f"'{spec}': folders must be on the local disk. List remote images in a table, csv:PATH")
    root = spec.path
    if not root.is_dir():
        raise InputError(f"'{spec}': there is no folder {root}")
    splits = folder_splits(spec)
    if spec.split or (splits and len(splits) == len(subfolders(root))):
        split = choose_split(spec, splits or [folder.name for folder in subfolders(root)])
        top, name = root / split, f"{root.name}#{split}"
    else:
        top, name = root, root.name
    classes = subfolders(top)
    if not classes:
        raise InputError(f"'{spec}': {top} has no sub-folders. Expected one sub-folder a class, holding its images")
    above = {identity(root), identity(top)}
    files = [(label, path) for label, folder in enumerate(classes) for path in image_files(folder, above)]
    _refuse_empty(
        classes, [label for label, _ in files], f"Expected files named {', '.join('*' + e for e in IMAGE_EXTENSIONS)}"
    )
    paths = [path for _, path in files]
    scanned = scan.files(paths, f"folder:{top}", f"Checking {name}")
    labels = np.array([label for label, _ in files], np.int32)[scanned.positions]
    _refuse_empty(classes, labels, "None of its images can be decoded")
    paths = [paths[i] for i in scanned.positions]
    prefix = len(str(root)) + (not str(root).endswith(os.sep))
    return ImageSet(
        name,
        [path[prefix:].replace(os.sep, "/") for path in paths],
        labels,
        [folder.name for folder in classes],
        ImageContents(file_loader(paths, scanned.plain), scanned.digests, files=[scanned.files]),
        origin=str(root),
    )


def folder_splits(spec: Spec) -> list[str]:
    """Names of the sub-folders that are splits: named like one, and holding folders themselves."""
    if not spec.path.is_dir():
        return []
    return [folder.name for folder in subfolders(spec.path) if role_of(folder.name) and subfolders(folder)]


def _refuse_empty(classes: Sequence[Path], labels: Sequence[int] | np.ndarray, why: str) -> None:
    empty = np.flatnonzero(np.bincount(labels, minlength=len(classes)) == 0) if len(labels) else range(len(classes))
    if len(empty):
        raise InputError(
            f"Empty class: {classes[empty[0]]} has no usable images ({len(empty)} such folder(s)). {why}. "
            "Add images or remove the folder."
        )
