"""Hybrid starts: layers before the named one keep their weights, the others get random ones."""

import keras
import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.models import build_trunk, reset_from


def trunk(seed):
    keras.utils.set_random_seed(seed)
    return build_trunk("preact_resnet", 8, depth=8, width=2)


def kernels(model):
    return {one.name: one.get_weights()[0] for one in model.layers if one.name.endswith("conv")}


def test_the_first_layers_stay_and_the_rest_is_random():
    trained, random = trunk(1), trunk(2)
    before, other = kernels(trained), kernels(random)
    mixed = kernels(reset_from(trained, "stage2_unit1_1_conv", random))
    kept = [name for name in before if np.array_equal(mixed[name], before[name])]
    reset = [name for name in before if np.array_equal(mixed[name], other[name])]
    assert kept == ["stem_conv", "stage1_unit1_1_conv", "stage1_unit1_2_conv"]
    assert set(kept) | set(reset) == set(before)


def test_a_number_says_how_many_layers_stay():
    trained, random = trunk(1), trunk(2)
    before = kernels(trained)
    by_number = kernels(reset_from(trained, "3", random))
    assert [name for name in before if np.array_equal(by_number[name], before[name])] == list(before)[:3]
    # What starts anew is not what a network of that seed began with.
    keras.utils.set_random_seed(1)
    first, second = (build_trunk("preact_resnet", 8, depth=8, width=2) for _ in range(2))
    assert not any(np.array_equal(a, b) for a, b in zip(kernels(first).values(), kernels(second).values(), strict=True))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("block9", "the trunk has no such layer. Layers with weights: stem_conv, "),
        ("pool", "no layer with weights comes from there on"),
        ("0", "Received: the first 0"),
        ("stem_conv", "nothing with weights comes before it; take --weights=none"),
    ],
)
def test_refusals(layer, message):
    with pytest.raises(InputError, match=message):
        reset_from(trunk(1), layer, trunk(2))
