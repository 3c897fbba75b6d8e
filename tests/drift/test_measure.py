"""Two states of a small trunk: which stages moved, in weights and in features."""

import numpy as np
import pytest

from sjft_tf.drift import StageDrift, measure
from sjft_tf.features import stages
from sjft_tf.images import ImageSet, View
from sjft_tf.models import build_trunk, layers_up_to


@pytest.fixture(scope="module")
def trunks():
    start, end = (build_trunk("preact_resnet", 16, depth=8, width=4) for _ in range(2))
    end.set_weights(start.get_weights())
    # The last stage alone moves: its kernels to three times what they were.
    early = {layer.name for layer in layers_up_to(end, stages(end)[-2].name)}
    for layer in end.layers:
        if layer.name not in early:
            layer.set_weights([3 * weight if weight.ndim >= 2 else weight for weight in layer.get_weights()])
    return start, end


@pytest.fixture
def images(rng):
    return ImageSet.from_arrays("noise", rng.integers(0, 256, (9, 16, 16)).astype(np.uint8), np.arange(9) % 2)


def test_what_did_not_move_is_the_same_and_what_moved_is_told(trunks, images):
    drifts = measure(*trunks, images, View(16, 16), batch_size=4)
    assert [drift.name for drift in drifts] == [place.name for place in stages(trunks[0])]
    for drift in drifts[:-1]:
        figures = (drift.weight_distance, drift.weight_cosine, drift.feature_cka, drift.feature_cosine)
        assert figures == pytest.approx((0, 1, 1, 1), abs=1e-5)
    assert drifts[-1].weight_distance == pytest.approx(2)
    assert drifts[-1].weight_cosine == pytest.approx(1)
    assert drifts[-1].feature_cosine < 0.9999
    kernels = [w for layer in trunks[0].layers for w in layer.get_weights() if w.ndim >= 2]
    assert sum(drift.layers for drift in drifts) == len(kernels)


def test_some_images_and_their_record(trunks, images):
    one = measure(*trunks, images, View(16, 16), np.array([3], np.int32))
    assert one[-1].feature_cka is None  # a single image does not vary
    assert StageDrift.from_json(vars(one[0])) == one[0]
