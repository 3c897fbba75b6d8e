"""What the folders of an image set are: splits, classes, or what only stands around them."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sjft_tf.images.places.spec import role_of
from sjft_tf.images.places.walking import Listing, PassedOver, listing, subfolders, walk_images

UNLABELED = "unlabeled"
"""The role of folders that are only to be predicted."""

_UNLABELED_NAMES = ("pred", "predict", "prediction", "predictions", "unlabeled", "unlabelled", "submission")
_ENDINGS = re.compile(r"(set|data|images|image|imgs|img)$")
# What people call folders that stand between a set and its classes, or beside them.
CONTAINERS = frozenset(
    ("image", "images", "img", "imgs", "jpg", "jpeg", "jpegimages", "png", "pictures", "photos", "data", "dataset")
)
BESIDE = frozenset(
    ("annotation", "annotations", "label", "labels", "mask", "masks", "trimap", "trimaps", "segmentation")
    + ("segmentations", "segmentationclass", "segmentationobject", "groundtruth")
)


def likely_role(name: str) -> str | None:
    """What a folder serves as if it is a split: by its name, or by one word of it, as in seg_train or test2017."""
    exact = role_of(name)
    if exact is not None:
        return exact
    words = [_ENDINGS.sub("", word) for word in re.findall("[a-z]+", name.lower())]
    roles = {UNLABELED if word in _UNLABELED_NAMES else role_of(word) for word in words} - {None}
    return roles.pop() if len(roles) == 1 else None


@dataclass
class Layout:
    """The folders of a set.

    Attributes:
        root: the folder that was named.
        top: where splits or classes lie: the root, or the one folder inside that holds all images.
        splits: {name of the split's folder: where its classes lie, or its images if labels are in their names}.
        unlabeled: {name of a folder that is named like a split: its images, none of them with a label}.
    """

    root: Path
    top: Path
    splits: dict[str, Path] = field(default_factory=dict)
    unlabeled: dict[str, int] = field(default_factory=dict)

    def role(self, split: str) -> str | None:
        """What a split serves as."""
        return likely_role(split) if split in self.splits else role_of(split)

    def inside(self, folder: Path) -> str:
        """A folder as seen from the root, "" for the root itself."""
        return "" if folder == self.root else folder.relative_to(self.root).as_posix()

    def beside(self, top: Path, passed: PassedOver, flat: bool = False) -> list[str]:
        """Folders that play no part on the way from the root to the images, and takes note of files there.

        Args:
            top: the folder that is opened.
            passed: takes the note.
            flat: images in `top` itself are not loose; they and what is among them are counted already.
        """
        parts = top.relative_to(self.root).parts
        unread: list[str] = []
        for depth in range(len(parts) + 1):
            here = self.root.joinpath(*parts[:depth])
            if here == top and flat:
                continue
            found = listing(here, os.path.realpath(self.root), passed if here != top else None)
            passed.loose += len(found.images)
            passed.count(found.others)
            if here != top:
                known = {parts[depth], *(self.splits if here == self.top else ()), *self.unlabeled}
                unread += [self.inside(Path(path)) for path in found.folders if os.path.basename(path) not in known]  # noqa: PTH119
        return unread


def read_layout(root: Path, label: re.Pattern[str] | None = None, splits: bool = True) -> Layout:
    """Finds splits and classes below a folder that exists.

    Args:
        root: the folder.
        label: finds the label in the name of a file; None: folders are classes.
        splits: False: no folder is a split, whatever it is called.

    Raises:
        InputError: a folder cannot be listed.
    """
    if not splits:
        return Layout(root, root)
    layout = Layout(root, looked_through(root, root, flat=label is not None))
    for folder in _splits_by_name(subfolders(layout.top, root), root):
        inner = looked_through(folder, root, flat=label is not None)
        if label is None:
            labeled = _has_classes(inner, root)
        else:
            labeled = any(label.search(name_of(name, inner, label)) for name in walk_images(inner, root=root))
        if labeled:
            layout.splits[folder.name] = inner
        else:
            layout.unlabeled[folder.name] = sum(1 for _ in walk_images(folder, root=root))
    return layout


def name_of(path: str, top: Path, label: re.Pattern[str]) -> str:
    """The part of a path that a pattern is looked for in: the name, with a "/" in the pattern the path below `top`."""
    return os.path.relpath(path, top) if "/" in label.pattern else os.path.basename(path)  # noqa: PTH119


def _splits_by_name(folders: Sequence[Path], root: Path) -> list[Path]:
    """Folders that are splits by their names, and not classes that happen to have such names."""
    roles = {folder.name: role for folder in folders if (role := likely_role(folder.name)) is not None}
    if not roles:
        return []
    serving = [role for role in roles.values() if role != UNLABELED]
    exact = [folder for folder in folders if role_of(folder.name)]
    if not any(_holding([folder for folder in folders if folder.name not in roles], root)):  # no classes among them
        if "train" in serving and len(serving) == len({*serving}) and len(roles) > 1:
            return [folder for folder in folders if folder.name in roles]
        if len(exact) == len(roles):
            return exact
    # Beside others that may be classes: a set may well have a class "train", hardly "train" and "test".
    exact_roles = {role_of(folder.name) for folder in exact}
    return exact if "train" in exact_roles and len(exact_roles) > 1 else []


def looked_through(folder: Path, root: Path, flat: bool = False) -> Path:
    """The folder of the classes: `folder`, or the one inside it, however deep, that alone holds images.

    A folder with images directly in it ends the search, and so does one that may be a class: one folder alone is
    entered if there are several inside, or if its name says that it is none.

    Args:
        folder: where to begin.
        root: where the whole set lies.
        flat: folders are no classes, so that any folder alone is entered.
    """
    sure = here = folder
    while (inner := _only_folder(here, root)) is not None:
        parent, here = here, inner
        below = _entries(here, root)
        if flat:
            sure = here
            continue
        inside = [] if below.images else list(itertools.islice(_holding(map(Path, below.folders), root), 2))
        if not inside:
            break
        if len(inside) > 1 or _splits_by_name(inside, root):
            return here
        if is_container(here.name, parent.name):
            sure = here
    return sure


def _only_folder(folder: Path, root: Path) -> Path | None:
    here = _entries(folder, root)
    folders = [Path(path) for path in here.folders]
    if here.images or _splits_by_name(folders, root):
        return None
    holding = list(itertools.islice(_holding(folders, root), 2))
    return holding[0] if len(holding) == 1 else None


def _has_classes(folder: Path, root: Path) -> bool:
    """Whether folders of classes lie there, and not one that merely holds the images."""
    holding = list(itertools.islice(_holding(map(Path, _entries(folder, root).folders), root), 2))
    if len(holding) != 1:
        return bool(holding)
    return not is_container(holding[0].name, folder.name)


def is_container(name: str, parent: str) -> bool:
    """Whether a folder is named for holding images at all, rather than those of one class."""
    return name == parent or name.lower() in CONTAINERS


def _entries(folder: Path, root: Path) -> Listing:
    return listing(folder, os.path.realpath(root))


def _holding(folders: Iterable[Path], root: Path) -> Iterator[Path]:
    """The folders in which image files are, at any depth."""
    return (folder for folder in folders if next(walk_images(folder, root=root), None) is not None)
