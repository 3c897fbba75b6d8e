"""What a run says and refuses when its image sets are opened."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.images import align_classes, open_image_set
from sjft_tf.pipeline.answering.formats import AnswerFormat, writing
from sjft_tf.pipeline.answering.image_files import find_files, readable
from sjft_tf.pipeline.checking.changes import class_changes
from sjft_tf.pipeline.checking.settings import check_sets
from sjft_tf.run_sets import open_sets
from sjft_tf.workdir import Workdir


@pytest.fixture
def folders(tmp_path):
    for i, name in enumerate(("t/train/a/1.png", "t/train/b/1.png", "t/test/b/2.png", "s/photographs/1.png")):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (3, 2), (i, 0, 0)).save(path)
    return tmp_path


def test_one_line_a_set_and_a_source_of_one_class(folders):
    config = RunConfig().with_settings(target=f"folder:{folders}/t", source=[f"folder:{folders}/s"])
    told = []
    sets = open_sets(config, Workdir(folders / "run"), told.append)
    assert told == [
        "target: t#train: 2 images of 2 classes (a, b); splits there: test, train",
        "test: t#test: 1 image of 1 class (b); splits there: test, train",
        "source: s: 1 image of 1 class (photographs)",
    ]
    with pytest.raises(InputError, match=rf"source must have at least 2 classes. Received: 's' \({folders}/s\) with"):
        check_sets(config, sets)
    check_sets(config, dataclasses.replace(sets, source=sets.target))


def test_classes_in_another_order_are_told():
    assert (
        class_changes(["1", "10", "2"], ["1", "2", "10"]) == "classes in another order: 1, 10, 2 before, 1, 2, 10 now"
    )
    assert class_changes(["a", "b"], ["a", "b"]) == ""
    assert class_changes(["a"], ["a", "b"]) == "classes added: b"


def test_classes_of_an_older_run_in_another_form_of_unicode(folders):
    (folders / "t/train/b").rename(folders / "t/train/caf\u00e9")
    images = open_image_set(f"folder:{folders}/t#train")
    assert align_classes(["cafe\u0301", "a"], images).labels.tolist() == [1, 0]
    assert align_classes(["cafe\u0301", "caf\u00e9", "a"], images).labels.tolist() == [2, 1]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_answers_for_names_that_are_not_utf8(folders, form, capsys):
    odd = folders / "s/photographs/caf\udce9.png"
    (folders / "s/photographs/1.png").rename(odd)
    assert [file.path for file in find_files([str(folders / "s")])] == [str(odd)]
    listed = io.TextIOWrapper(io.BytesIO(bytes(odd) + b"\n"), "utf-8")
    assert [file.path for file in find_files(["-"], listed)] == [str(odd)]
    content, reason = readable(odd)
    assert content
    assert not reason
    with writing(AnswerFormat(form=form), ["a"]) as write:
        write(odd, np.ones(1, np.float32))
    shown = "caf\\xe9.png," if form == "csv" else r"caf\\xe9.png"
    assert shown in capsys.readouterr().out
