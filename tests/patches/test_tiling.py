import itertools

import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.patches import Tiling


def oracle(height, width, window, scales, smallest, overlap):
    """The paper's grid in exact arithmetic: squares of side min / ratio, spread evenly."""
    found = []
    for ratio in np.linspace(1, 1 / smallest, scales):
        side = min(height, width) / ratio
        counts = [int(np.ceil((length - side) / (side * (1 - overlap)) - 1e-9)) + 1 for length in (height, width)]
        y, x = (np.linspace(0, length - side, n) for length, n in zip((height, width), counts, strict=True))
        found += [(left, top, left + side, top + side) for top, left in itertools.product(y, x)]
    return np.array(found)


@pytest.mark.parametrize(("height", "width"), [(240, 240), (240, 360), (300, 200)])
def test_a_fine_grid_is_the_papers(height, width):
    tiling = Tiling(window=480, stride=1, scales=9, smallest=0.2, overlap=0.5)
    found, wanted = tiling.patches(height, width).numpy(), oracle(height, width, 480, 9, 0.2, 0.5)
    np.testing.assert_allclose(found, wanted, atol=1.0)


def test_about_500_patches():
    assert len(Tiling(64, 1).patches(256, 256)) == 449
    assert len(Tiling(64, 1, 11, 1 / 6).patches(256, 256)) == 506
    assert 500 < len(Tiling(64, 1).patches(375, 500)) < 800


@pytest.mark.parametrize(("window", "overlap"), [(2, 0.5), (3, 0.5), (7, 0.5), (7, 0.7), (8, 0.0), (64, 0.6)])
@pytest.mark.parametrize(("height", "width"), [(96, 96), (90, 131), (200, 64), (1, 1), (480, 33)])
def test_patches_cover_the_image_and_overlap(window, overlap, height, width):
    tiling = Tiling(window, 4, scales=8, smallest=0.25, overlap=overlap)
    patches = tiling.patches(height, width).numpy()
    assert patches.min() >= 0
    assert patches[:, 2].max() == pytest.approx(width, rel=1e-5)
    assert patches[:, 3].max() == pytest.approx(height, rel=1e-5)
    first = 0
    for level in tiling.levels(height, width):
        for starts, cells in ((level.top, level.rows), (level.left, level.columns)):
            places = starts.numpy()
            assert places[0] == 0
            assert places[-1] + window == cells
            assert (np.diff(places) > 0).all()
            assert (np.diff(places) <= window * (1 - overlap) + 1e-9).all()
        first += len(level.top) * len(level.left)
    assert first == len(patches)


def test_patches_are_squares_but_for_the_rounding_of_cells():
    sides = np.diff(Tiling(64, 1).patches(300, 451).numpy().reshape(-1, 2, 2), axis=1)[:, 0]
    np.testing.assert_allclose(sides[:, 0], sides[:, 1], rtol=0.01)


def test_scales_that_come_to_the_same_cells_are_one():
    assert Tiling(2, 32, scales=13).shorter_sides == (2, 3, 4, 5, 6, 7, 8, 9, 10)
    assert len(Tiling(3, 32, scales=13).shorter_sides) == 13


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scales": 0}, "at least 1 scale"),
        ({"smallest": 0}, r"\(0, 1\]"),
        ({"overlap": 1.0}, "overlap in"),
        ({"overlap": 0.9}, "cannot overlap"),
    ],
)
def test_what_cannot_be(options, said):
    with pytest.raises(InputError, match=said):
        Tiling(2, 32, **options)
