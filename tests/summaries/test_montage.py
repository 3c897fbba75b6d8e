"""The neighbor picture: complete, sharp, and unmoved by odd names and shapes."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.summaries import neighbor_montage
from sjft_tf.words import shortened


class Colors:
    """An ImageSet of one-colored images, so that a pixel of the picture tells which image is there."""

    def __init__(self, colors, shape=(8, 8), names=("a",)):
        self.colors, self.shape, self.class_names = colors, shape, names
        self.labels = np.arange(len(colors), dtype=np.int32) % len(names)

    def load(self, row):
        return np.broadcast_to(np.array(self.colors[row], np.uint8), (*self.shape, 3))


RED, GREEN, BLUE, GREY = (250, 10, 10), (10, 250, 10), (10, 10, 250), (120, 120, 120)


def cell(pixels, line, column):
    """The middle of a cell, by the layout: 128 px cells, 10 px gaps, 36 px captions, 34 px title."""
    y = 34 + line * (128 + 36 + 10) + 64
    x = 10 + column * (128 + 10) + (10 if column else 0) + 64
    return tuple(int(v) for v in pixels[y, x, :3])


def test_every_image_stands_where_it_belongs(tmp_path):
    target, source = Colors([RED, GREY]), Colors([GREEN, BLUE])
    path = neighbor_montage(
        tmp_path / "new" / "n.png",
        target,
        source,
        np.array([1, 0], np.int32),
        np.array([[0, 1, 1, 0], [1, 0, 0, 1]], np.int32),
        np.array([[0.1, 0.2, 0.3, 0.4], [1e-9, 1.0, 10.0, 1e9]], np.float32),
    )
    assert path == tmp_path / "new" / "n.png"
    pixels = np.asarray(Image.open(path).convert("RGB"))
    assert [[cell(pixels, line, column) for column in range(5)] for line in range(2)] == [
        [GREY, GREEN, BLUE, BLUE, GREEN],
        [RED, BLUE, GREEN, GREEN, BLUE],
    ]


def test_many_neighbors_go_into_several_lines_of_equal_length(tmp_path):
    target = Colors([RED, GREY])
    source = Colors([(5 * i, 250 - 5 * i, 128) for i in range(26)])
    neighbors = np.stack([np.arange(26), np.arange(26)[::-1]])
    path = neighbor_montage(tmp_path / "n.png", target, source, np.array([0, 1]), neighbors, neighbors / 26)
    pixels = np.asarray(Image.open(path).convert("RGB"))
    # 26 of at most 12 across: three lines of nine, the last one short; 20 px more between the two target images.
    assert pixels.shape[:2] == (34 + 2 * (3 * 174 + 20), 10 + 10 * 138 + 10)
    second = pixels[3 * 174 + 20 :]
    assert cell(pixels, 0, 0) == RED
    assert cell(second, 0, 0) == GREY
    for block, shown in ((pixels, neighbors[0]), (second, neighbors[1])):
        for position, row in enumerate(shown):
            assert cell(block, position // 9, 1 + position % 9) == source.colors[row]
    assert cell(pixels, 2, 9) == (255, 255, 255)


def test_twelve_neighbors_stay_in_one_line(tmp_path):
    rows = np.arange(12)[None]
    path = neighbor_montage(tmp_path / "n.png", Colors([RED]), Colors([BLUE] * 12), np.array([0]), rows, rows)
    with Image.open(path) as picture:
        assert picture.size == (10 + 13 * 138 + 10, 34 + 174)


def test_a_caption_stands_under_its_target_image(tmp_path):
    sets = Colors([RED] * 2), Colors([BLUE])
    arrays = np.array([0, 1]), np.zeros((2, 1), int), np.zeros((2, 1))
    plain = neighbor_montage(tmp_path / "plain.png", *sets, *arrays)
    captioned = neighbor_montage(tmp_path / "captioned.png", *sets, *arrays, captions=["", "a/$1_b.jpg"])
    differing = (np.asarray(Image.open(plain)) != np.asarray(Image.open(captioned))).any(axis=2)
    lines, columns = np.nonzero(differing)
    assert 34 + 174 + 128 < lines.min() <= lines.max() < 34 + 2 * 174
    assert columns.max() < 10 + 138


def test_a_picture_nobody_can_open_is_refused(tmp_path):
    sets = Colors([RED] * 200), Colors([BLUE])
    rows, neighbors = np.arange(200), np.zeros((200, 50), int)
    with pytest.raises(InputError, match=r"178034 pixels tall. Show at most 33 of them"):
        neighbor_montage(tmp_path / "n.png", *sets, rows, neighbors, neighbors)
    with pytest.raises(InputError, match=r"`captions` must be one for each of the 2 rows. Received: 1"):
        neighbor_montage(tmp_path / "n.png", *sets, rows[:2], neighbors[:2], neighbors[:2], captions=["x"])
    assert not list(tmp_path.iterdir())


def test_small_images_keep_their_pixels(tmp_path):
    class Checks(Colors):
        def load(self, row):
            return (np.indices((4, 4)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, axis=2)

    path = neighbor_montage(
        tmp_path / "n.png", Checks([RED]), Checks([RED]), np.array([0]), np.array([[0]]), np.array([[0.0]])
    )
    pixels = np.asarray(Image.open(path).convert("L"))
    inner = pixels[34 + 6 : 34 + 122, 158 + 6 : 158 + 122]
    assert set(np.unique(inner)) == {0, 255}


def test_names_and_shapes_nothing_should_trip_over(tmp_path):
    names = ("$x", "a_{b}^c\\frac", "花", "", "a name much too long for the cell it stands in")
    target, source = Colors([RED] * 5, (300, 200), names), Colors([BLUE] * 5, (1, 400), names)
    path = neighbor_montage(
        tmp_path / "n.png", target, source, np.arange(5), np.arange(5)[:, None], np.full((5, 1), np.nan)
    )
    with Image.open(path) as picture:
        assert picture.size == (10 + 2 * 138 + 10, 34 + 5 * 174)


def test_shortened_names_keep_both_ends():
    assert shortened("daisy") == "daisy"
    assert shortened("abcdefghij", 10) == "abcdefghij"
    assert shortened("abcdefghijk", 10) == "abcd…ghijk"


@pytest.mark.parametrize(
    ("rows", "neighbors", "distances", "message"),
    [
        ((0,), (0, 3), (0, 3), "n and k at least 1"),
        ((2,), (2, 0), (2, 0), "n and k at least 1"),
        ((2,), (2, 3), (2, 2), r"\(2, 3\), \(2, 2\), n=2"),
        ((1,), (2, 3), (2, 3), "n=1"),
    ],
)
def test_refuses(tmp_path, rows, neighbors, distances, message):
    sets = Colors([RED, RED]), Colors([RED])
    arrays = np.zeros(rows, np.int32), np.zeros(neighbors, np.int32), np.zeros(distances, np.float32)
    with pytest.raises(InputError, match=message):
        neighbor_montage(tmp_path / "n.png", *sets, *arrays)
    assert not list(tmp_path.iterdir())
