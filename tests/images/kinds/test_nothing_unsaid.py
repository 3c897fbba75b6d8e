"""Whatever a folder looks like: each image file in it is opened, told to be passed over, or the folder is refused."""

import os
import re
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sjft_tf.errors import InputError
from sjft_tf.images.kinds import folder
from sjft_tf.images.kinds.layout import read_layout
from sjft_tf.images.places import watching
from sjft_tf.images.places.spec import parse
from sjft_tf.images.sets.scan import FileScan, ScannedFiles

NAMES = st.sampled_from(
    ["train", "test", "val", "seg_train", "seg_test", "seg_pred", "images", "masks", "rose", "owl", "7", "10", ".git"]
)
FILES = st.sampled_from(["cat.0.png", "dog_1.PNG", "1.jpg", "x.webp", "a.txt", "README", ".h.png", "caf\udce9.gif"])
PATHS = st.tuples(st.lists(NAMES, max_size=3), FILES).map(lambda parts: "/".join([*parts[0], parts[1]]))


class Unread(FileScan):
    """Takes every file for an image, without reading it."""

    def files(self, paths, key, description, stats=None):
        everything = np.arange(len(paths))
        digests = np.zeros((len(paths), 32), np.uint8)
        return ScannedFiles(everything, np.ones(len(paths), bool), digests, watching.Files([], []))


def visible_images(root):
    return [
        path
        for top, folders, names in os.walk(root)
        if not any(part.startswith(".") for part in Path(top).relative_to(root).parts)
        for path in (Path(top, name) for name in names)
        if path.suffix.lower() in (".png", ".jpg", ".webp", ".gif") and not path.name.startswith(".")
    ]


def opened(spec):
    scan = Unread()
    return folder.open_folder(parse(spec), scan), scan.found


def direct_images(folder):
    return [path for path in visible_images(folder) if path.parent == folder]


@settings(max_examples=60, deadline=None)
@given(st.lists(PATHS, min_size=1, max_size=9, unique=True), st.sampled_from(["", r"?label=^([a-z]+)[._]"]))
def test_every_image_is_opened_told_or_refused(paths, option):
    with tempfile.TemporaryDirectory() as made:
        root = Path(made, "set")
        for path in paths:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).touch()
        refused = ""
        try:
            layout = read_layout(root.resolve(), re.compile(option[7:]) if option else None)
            sets = [opened(f"folder:{root}#{split}{option}") for split in layout.splits]
            sets = sets or [opened(f"folder:{root}{option}")]
        except InputError as error:
            refused = str(error)
        if refused:
            assert re.search("lie directly|holds no images|hardly classes|Empty class|no label|none of the", refused)
            return
        found = sets[0][1]
        aside = sum(found.unlabeled.values()) + sum(len(visible_images(root / name)) for name in found.unread)
        above = [root, *(root.joinpath(*layout.top.relative_to(layout.root).parts[: i + 1]) for i in range(9))]
        shared = sum(len(direct_images(folder)) for folder in dict.fromkeys(above)) if layout.splits else 0
        told = sum(len(images) + one.passed.loose - shared for images, one in sets) + shared + aside
        assert told == len(visible_images(root))
        ids = [name for images, _ in sets for name in images.ids]
        assert len(set(ids)) == len(ids)
