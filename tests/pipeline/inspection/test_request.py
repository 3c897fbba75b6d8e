"""Chosen target images: how they are found and named, and their montage."""

import re

import pytest
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.pipeline.inspection.explain import file_name
from sjft_tf.pipeline.inspection.request import InspectionRequest, find_rows


def test_images_are_found_by_id_and_by_row(world):
    target = world[1].target
    assert find_rows(target, ["rose/2.jpg", "0", "../etc/a b"]) == [1, 0, 4]
    # An id that looks like a row is an id; the same image twice is shown once.
    assert find_rows(target, ["3", "2", "tulip/1.jpg"]) == [3, 2]
    assert find_rows(target, []) == []


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("2.jpg", r"Did you mean 'rose/2.jpg'\?"),
        ("1.jpg", r"Did you mean 'rose/1.jpg' or 'tulip/1.jpg'\?"),
        ("rosa/1.jpg", r"Did you mean 'rose/1.jpg'"),
        ("5", r"as a row \(0 to 4\)"),
        ("-1", r"neither as an id nor as a row"),
        ("quite different", r"An id looks like 'rose/1.jpg'"),
    ],
)
def test_an_image_that_is_not_there(world, key, hint):
    with pytest.raises(InputError, match=rf"has no image '{re.escape(key)}'.*{hint}"):
        find_rows(world[1].target, ["0", key])


def test_file_names_are_safe_and_unique():
    ids = ["a/b", "a_b", "a b", "../x", ".hidden", "花" * 200, "/\n", ""]
    names = [file_name(row, name) for row, name in enumerate(ids)]
    assert names[:5] == ["0-a_b", "1-a_b", "2-a_b", "3-x", "4-hidden"]
    assert len({name.lower() for name in names}) == len(names)
    assert all(re.fullmatch(r"[\w.-]+", name) and len(name.encode()) < 230 for name in names)


def test_a_montage_of_the_chosen_images(world, tmp_path):
    config, sets, table, workdir = world
    looks = InspectionRequest(montage=["3", "rose/1.jpg"], montage_neighbors=5, montage_output=str(tmp_path / "m.png"))
    looks.check(sets.target)
    (line,) = looks.lines(config, sets, table, workdir)
    assert line == f"  montage: {tmp_path / 'm.png'} (5 nearest of 2 target images)"
    with Image.open(tmp_path / "m.png") as picture:
        assert picture.size == (10 + 6 * 138 + 10, 34 + 2 * 174)


def test_a_montage_of_more_neighbors_than_there_are(world):
    config, sets, table, workdir = world
    (line,) = InspectionRequest(montage=["0"], montage_neighbors=50).lines(config, sets, table, workdir)
    assert line == f"  montage: {workdir.root / 'montage.png'} (9 nearest of 1 target image; the lists have no more)"
    assert (workdir.root / "montage.png").is_file()


@pytest.mark.parametrize(
    ("looks", "message"),
    [
        (InspectionRequest(montage=["0"], montage_neighbors=0), "--montage_neighbors must be at least 1. Received: 0"),
        (InspectionRequest(montage_output="x.jpg"), "--montage_output must end in .png. Received: 'x.jpg'"),
        (InspectionRequest(explain=["nowhere"]), "has no image 'nowhere'"),
        (InspectionRequest(montage=["nowhere"]), "has no image 'nowhere'"),
    ],
)
def test_bad_wishes_are_refused_before_the_search(world, looks, message):
    with pytest.raises(InputError, match=message):
        looks.check(world[1].target)
