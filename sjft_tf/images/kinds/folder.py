"""`folder`: image files in one sub-folder a class, or with their labels in their names."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.images.kinds.layout import Layout, name_of, read_layout
from sjft_tf.images.kinds.misread import (
    refuse_containers,
    refuse_damaged,
    refuse_empty,
    refuse_flat,
    refuse_unlabeled,
    refuse_unmatched,
)
from sjft_tf.images.places.class_names import class_name, in_class_order
from sjft_tf.images.places.spec import Options, Spec, by_role, choose_split, is_remote, quoted, role_of
from sjft_tf.images.places.walking import PassedOver, identity, image_files, subfolders, visible_name
from sjft_tf.images.sets.contents import ImageContents
from sjft_tf.images.sets.findings import Findings
from sjft_tf.images.sets.image_set import ImageSet
from sjft_tf.images.sets.loaders import EncodedImages, Loader, on_cpu
from sjft_tf.images.sets.scan import FileScan


def file_loader(paths: Sequence[str], plain: np.ndarray) -> Loader:
    """Loads and decodes the file at a row."""
    names = on_cpu(np.array([os.fsencode(path) for path in paths], object))
    return EncodedImages.of(lambda row: tf.io.read_file(tf.gather(names, row)), plain)


@dataclasses.dataclass(frozen=True)
class FolderOptions(Options):
    """Options of `folder`.

    Attributes:
        label: a regular expression that finds the label in a file's name: its first group is the class.
        splits: whether folders named like splits are splits; False takes them for classes.
        labels: a file that has the labels, see `labels_file`, which opens such folders.
    """

    label: str = ""
    splits: bool = True
    labels: str = ""


def open_folder(spec: Spec, scan: FileScan) -> ImageSet:
    """`folder:PATH[#split]`: PATH/class/.../image, or PATH/split/class/.../image.

    Classes are the sub-folders' names, or what `?label=REGEX` finds in the names of the files; see `in_class_order`.
    One folder that alone holds all others is looked through. Images may lie deeper. Ids are paths relative to PATH.
    Hidden files and folders, workdirs, links back into the set and files without an image extension are passed over.
    """
    options = spec.read_options(FolderOptions)
    if is_remote(spec.rest):
        raise InputError(f"'{spec}': folders must be on the local disk. List remote images in a table, csv:PATH")
    root, label = spec.path, _pattern(spec, options)
    if not root.is_dir():
        raise InputError(f"'{spec}': there is no folder {root}{_misquoted(spec)}")
    layout = read_layout(root, label, options.splits)
    top, name = _chosen(spec, layout)
    passed = PassedOver()
    if label is None:
        files = _by_folder(spec, top, root, passed)
    else:
        files = _by_name(spec, top, root, label, passed)
    _note(scan.found, layout, top, options.label, passed)
    return _image_set(name, root, top, files, scan)


def _pattern(spec: Spec, options: FolderOptions) -> re.Pattern[str] | None:
    if not options.label:
        return None
    try:
        pattern = re.compile(options.label)
    except re.error as error:
        raise InputError(f"'{spec}': label={options.label} is no regular expression ({error})") from error
    if not pattern.groups:
        raise InputError(
            f"'{spec}': label={options.label} has no group. Put what is the class in parentheses, as in ^([a-z]+)_"
        )
    return pattern


def _misquoted(spec: Spec) -> str:
    """A hint where the path was cut at a sign that is part of it."""
    cut = spec.rest + (f"#{spec.split}" if spec.split else "")
    if spec.split and Path(cut).expanduser().is_dir():
        return f". The one named {cut} is written {spec.kind}:{quoted(cut)}"
    return ". In its name # is written %23, ? is written %3F" if spec.split or spec.options else ""


def _chosen(spec: Spec, layout: Layout) -> tuple[Path, str]:
    """The folder that is opened, and what the set is called."""
    root = layout.root
    if spec.split is None and not layout.splits and not layout.unlabeled:
        return layout.top, root.name
    if not layout.splits and layout.unlabeled:
        raise refuse_flat(spec, layout)
    if spec.split in layout.unlabeled:
        raise refuse_unlabeled(spec, layout)
    folders = layout.splits or {folder.name: folder for folder in subfolders(layout.top, root)}
    split = choose_split(spec, folders, layout.role)
    return folders[split], f"{root.name}#{split}"


# The files of a class by its name.
_Files = Mapping[str, list[str]]


def _by_folder(spec: Spec, top: Path, root: Path, passed: PassedOver) -> _Files:
    folders = subfolders(top, root, passed)
    above, files = {identity(root), identity(top)}, dict[str, list[str]]()
    empty: list[tuple[Path, PassedOver]] = []
    for folder in folders:
        inside = PassedOver()
        found = image_files(folder, above, root, inside)
        if found:
            files.setdefault(class_name(visible_name(folder.name)), []).extend(found)
        elif not inside.workdirs:
            empty.append((folder, inside))
        passed.add(inside)
    refuse_containers(spec, top, list(files))
    refuse_empty(empty)
    if not files:
        raise refuse_flat(spec, Layout(root, top))
    return files


def _by_name(spec: Spec, top: Path, root: Path, label: re.Pattern[str], passed: PassedOver) -> _Files:
    files, unmatched = dict[str, list[str]](), list[str]()
    for path in image_files(top, (), root, passed):
        match = label.search(visible_name(name_of(path, top, label)))
        if match is None or not match[1]:
            unmatched.append(path)
        else:
            files.setdefault(class_name(match[1]), []).append(path)
    if not files and not unmatched:
        raise refuse_flat(spec, Layout(root, top))
    refuse_unmatched(spec, top, unmatched, sum(map(len, files.values())))
    return files


def _note(found: Findings, layout: Layout, top: Path, pattern: str, passed: PassedOver) -> None:
    """What is to be told of the folders on the way to the images."""
    split = next((name for name, folder in layout.splits.items() if folder == top), None)
    found.splits, found.unlabeled, found.pattern = list(layout.splits), layout.unlabeled, pattern
    if top != (layout.root if split is None else layout.root / split):
        found.inside = layout.inside(top)
    found.unread = layout.beside(top, passed, flat=bool(pattern))
    for names in (passed.links, passed.workdirs):
        names[:] = [layout.inside(Path(name)) for name in names]
    found.passed = passed


def _image_set(name: str, root: Path, top: Path, files: _Files, scan: FileScan) -> ImageSet:
    classes = in_class_order(files)
    listed = [(label, path) for label, one in enumerate(classes) for path in sorted(files[one])]
    paths = [path for _, path in listed]
    scanned = scan.files(paths, f"folder:{top}", f"Checking {name}")
    labels = np.array([label for label, _ in listed], np.int32)[scanned.positions]
    counts = np.bincount(labels, minlength=len(classes))
    refuse_damaged([one for one, count in zip(classes, counts, strict=True) if not count])
    paths = [paths[i] for i in scanned.positions]
    prefix = len(str(root)) + (not str(root).endswith(os.sep))
    return ImageSet(
        name,
        [visible_name(path[prefix:]).replace(os.sep, "/") for path in paths],
        labels,
        classes,
        ImageContents(file_loader(paths, scanned.plain), scanned.digests, files=[scanned.files]),
        origin=str(root),
    )


def folder_splits(spec: Spec) -> dict[str, str]:
    """{role: name of the split's folder}; `{}` without a training split, or where `open_folder` refuses."""
    options = spec.read_options(FolderOptions)
    if is_remote(spec.rest) or not spec.path.is_dir():
        return {}
    layout = read_layout(spec.path, _pattern(spec, options), options.splits)
    # A folder that is called just so goes first.
    names = sorted(layout.splits, key=lambda name: role_of(name) is None)
    return by_role(names, layout.role)
