import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.patches import UNCLEAR, LabelRule, drawn

BACKGROUND = 9


def label(patch, boxes, classes):
    return LabelRule().labels(
        np.array([patch]), np.array(boxes, float).reshape(-1, 4), np.array(classes, int), BACKGROUND
    )[0]


@pytest.mark.parametrize(
    ("patch", "label_of"),
    [
        ((0, 0, 10, 10), 3),  # all of the box, all of the patch
        ((0, 0, 20, 20), 3),  # a quarter of the patch
        ((0, 0, 23, 23), UNCLEAR),  # less than a fifth of the patch
        ((4, 0, 14, 10), 3),  # exactly 0.6 of the box
        ((5, 0, 15, 10), UNCLEAR),  # half of the box
        ((2, 2, 6, 6), UNCLEAR),  # inside of the box
        ((10, 0, 20, 10), BACKGROUND),  # beside it
    ],
)
def test_the_rule_by_hand(patch, label_of):
    assert label(patch, [(0, 0, 10, 10)], [3]) == label_of


def test_two_objects_are_unclear_even_when_one_is_barely_touched():
    assert label((0, 0, 10, 10), [(0, 0, 10, 10), (9, 9, 30, 30)], [3, 4]) == UNCLEAR
    assert label((0, 0, 10, 10), [(0, 0, 10, 10), (10, 0, 30, 30)], [3, 4]) == 3


def test_an_image_without_objects_is_background():
    assert label((0, 0, 5, 5), [], []) == BACKGROUND


def test_against_counted_pixels(rng):
    """On whole pixels areas are counts."""
    boxes = np.sort(rng.integers(0, 30, (4, 2, 2)), axis=1).reshape(4, 4) + [0, 0, 1, 1]
    patches = np.sort(rng.integers(0, 30, (300, 2, 2)), axis=1).reshape(300, 4) + [0, 0, 2, 2]
    masks = np.zeros((4, 40, 40), bool)
    for mask, (x0, y0, x1, y1) in zip(masks, boxes, strict=True):
        mask[y0:y1, x0:x1] = True
    wanted = []
    for x0, y0, x1, y1 in patches:
        inside = masks[:, y0:y1, x0:x1]
        counts = inside.sum((1, 2))
        good = (counts >= 0.2 * inside[0].size) & (counts >= 0.6 * masks.sum((1, 2)))
        touched = (counts > 0).sum()
        wanted.append(BACKGROUND if touched == 0 else counts.argmax() if touched == 1 and good.any() else UNCLEAR)
    found = LabelRule().labels(patches, boxes, np.arange(4), BACKGROUND)
    np.testing.assert_array_equal(found, wanted)
    assert len(set(wanted)) > 3


def test_a_share_of_the_background_is_drawn(rng):
    labels = np.repeat([0, BACKGROUND, UNCLEAR], 5000)
    chosen = drawn(labels, BACKGROUND, 0.1, rng).reshape(3, -1).mean(1)
    assert chosen[0] == 1
    assert chosen[1] == pytest.approx(0.1, abs=0.02)
    assert chosen[2] == 0


def test_shares_are_shares():
    with pytest.raises(InputError, match="between 0 and 1"):
        LabelRule(of_patch=1.2)
