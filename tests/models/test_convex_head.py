"""What the convex heads share: the way from strong to weak L2, and features in blocks."""

import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.models.convex_head import Scaling, block_slices, strongest_to_weakest


@pytest.mark.parametrize(
    ("losses", "best", "tried"),
    [
        ([3.0, 2.0, 1.0], 2, 3),
        ([3.0, 2.0, 2.0, 0.0], 1, 3),  # one that does not fall ends it
        ([1.0, 2.0, 0.0], 0, 2),
        ([5.0], 0, 1),
        ([float("inf"), float("inf"), 0.0], 0, 2),
    ],
)
def test_weaker_l2_is_tried_until_the_held_out_loss_no_longer_falls(losses, best, tried):
    seen = []

    def fit(strength):
        seen.append(strength)
        return f"head of {strength}", losses[int(strength)]

    assert strongest_to_weakest(range(len(losses)), fit) == (f"head of {best}", losses[best])
    assert seen == list(range(tried))


@pytest.mark.parametrize(("count", "width", "room"), [(10, 3, 48), (10, 3, 1), (10, 1, 1 << 20), (0, 4, 64)])
def test_blocks_cover_all_rows_in_order_and_fit(count, width, room):
    slices = block_slices(count, width, room)
    assert [row for part in slices for row in range(part.start, part.stop)] == list(range(count))
    assert all(8 * width * (part.stop - part.start) <= max(room, 8 * width) for part in slices)


def test_features_that_cannot_be_used_are_refused():
    flat = np.ones((4, 2), np.float32)
    with pytest.raises(InputError, match="All 4 images have the same features"):
        Scaling.of(flat, np.arange(4))
    flat[1, 0] = np.nan
    with pytest.raises(InputError, match="NaN or infinite"):
        Scaling.of(flat, np.arange(4))
