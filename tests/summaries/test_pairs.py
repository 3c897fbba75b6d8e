import numpy as np
import pytest
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.summaries import Pair, pair_montage


def picture(rng, height, width):
    return rng.integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize(("count", "lines", "across"), [(1, 1, 1), (4, 1, 4), (5, 2, 4)])
def test_pairs_stand_in_lines_of_four(tmp_path, rng, count, lines, across):
    pairs = [Pair(picture(rng, 64, 64), picture(rng, 40, 90), "test $a_b^", f"source {i}") for i in range(count)]
    path = pair_montage(tmp_path / "deep" / "pairs.png", pairs)
    with Image.open(path) as drawn:
        width, height = drawn.size
    assert width == pytest.approx(across * 272 + 16, abs=1)
    assert height == pytest.approx(lines * 180 + 16, abs=1)
    assert [p.name for p in path.parent.iterdir()] == ["pairs.png"]


def test_every_pixel_of_a_small_image_is_seen(tmp_path):
    left, right = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)
    left[0, 0] = [255, 0, 0]
    pair_montage(tmp_path / "p.png", [Pair(left, right, "t", "n")])
    drawn = np.asarray(Image.open(tmp_path / "p.png").convert("RGB")).astype(int)
    assert (drawn[16 + 32, 16 + 32] == [255, 0, 0]).all()
    assert (drawn[16 + 96, 16 + 96] == 0).all()
    assert (drawn[16 + 64, 16 + 128 + 64] == 255).all()


def test_names_the_font_cannot_write_are_no_error(tmp_path, rng):
    pair_montage(tmp_path / "p.png", [Pair(picture(rng, 8, 8), picture(rng, 8, 8), "花", "\U0001f33b")])


def test_no_pairs_are_refused(tmp_path):
    with pytest.raises(InputError, match="at least one pair"):
        pair_montage(tmp_path / "p.png", [])
    assert not (tmp_path / "p.png").exists()
