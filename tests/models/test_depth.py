"""Places in a trunk: numbers, names, stages; what is frozen; which rate counts where several do."""

import keras
import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.models import build_joint_model, build_trunk, freeze, layers_up_to, parse_rates, rate_factors, trunk_of


@pytest.fixture(scope="module")
def trunk():
    return build_trunk("preact_resnet", 8, depth=8, width=4)


def names(layers):
    return [layer.name for layer in layers]


def test_places(trunk):
    everything = names(layers_up_to(trunk, "trunk"))
    assert everything[:3] == ["stem_conv", "stage1_unit1_1_bn", "stage1_unit1_1_conv"]
    assert everything[-1] == "final_bn"
    # "The first n layers" count kernels; the normalization behind the n-th belongs to it.
    assert names(layers_up_to(trunk, "1")) == ["stem_conv", "stage1_unit1_1_bn"]
    kernels = [name for name in everything if not name.endswith("bn")]
    assert names(layers_up_to(trunk, str(len(kernels)))) == everything
    assert names(layers_up_to(trunk, "stem_conv")) == ["stem_conv"]
    stage = names(layers_up_to(trunk, "stage2"))
    assert stage == everything[: len(stage)]
    assert stage[-1].startswith("stage2")
    assert everything[len(stage)].startswith("stage3")


@pytest.mark.parametrize(
    ("position", "message"),
    [
        ("conv7", "no layer whose name is, or begins with, 'conv7'. Its names begin with: .*stage1"),
        ("99", r"has \d+ layers with kernels. Received: the first 99"),
        ("0", "Received: the first 0"),
    ],
)
def test_places_that_are_not_there(trunk, position, message):
    with pytest.raises(InputError, match=message):
        layers_up_to(trunk, position)


def test_frozen_layers_keep_weights_and_statistics(rng):
    trunk = build_trunk("preact_resnet", 8, depth=8, width=4)
    joint = build_joint_model(trunk, 3, 4)
    freeze(trunk_of(joint), "stage1")
    joint.prepare({"target": 1.0, "source": 1.0})
    joint.compile(optimizer=keras.optimizers.SGD(0.1))
    before = {layer.name: [np.array(w) for w in layer.get_weights()] for layer in joint.layers}
    labels = {"target": np.array([0, 1, -1, -1]), "source": np.array([-1, -1, 2, 3])}
    joint.train_on_batch(rng.uniform(0, 255, (4, 8, 8, 3)).astype("float32"), labels)
    frozen = set(names(layers_up_to(trunk, "stage1")))
    for layer in joint.layers:
        same = all(np.array_equal(a, b) for a, b in zip(before[layer.name], layer.get_weights(), strict=True))
        assert same == (layer.name in frozen or not layer.weights), layer.name


def test_head_only_and_frozen_normalization():
    trunk = build_trunk("preact_resnet", 8, depth=8, width=4)
    joint = build_joint_model(trunk, 3, None)
    freeze(trunk_of(joint), "", batch_norm=True)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) and layer.trainable for layer in joint.layers)
    assert all(len(v.shape) >= 2 for v in trunk.trainable_variables)
    freeze(trunk_of(joint), "trunk")
    assert [tuple(v.shape) for v in joint.trainable_variables] == [(16, 3), (3,)]


def test_rates():
    assert parse_rates(["conv3:0.01", "trunk:0.1"]) == [("conv3", 0.01), ("trunk", 0.1)]
    for text in ("conv3", "conv3:", ":0.1", "conv3:fast", "conv3:0", "conv3:-1", "conv3:nan"):
        with pytest.raises(InputError, match="PLACE:FACTOR"):
            parse_rates([text])


def test_the_shortest_place_counts(trunk):
    for rates in ([("stage1", 0.01), ("trunk", 0.1)], [("trunk", 0.1), ("stage1", 0.01)]):
        factors = rate_factors(trunk, rates)
        assert factors["stem_conv"] == factors["stage1_unit1_2_conv"] == 0.01
        assert factors["stage2_unit1_1_conv"] == factors["final_bn"] == 0.1
        assert "target_head" not in factors
