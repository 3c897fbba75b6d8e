import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.models import build_trunk
from sjft_tf.patches import PatchNetwork


@pytest.fixture(scope="module")
def trunk():
    return build_trunk("preact_resnet", 16, depth=8, width=4)


@pytest.fixture(scope="module")
def networks(trunk):
    return {kind: PatchNetwork(trunk, kind, scales=3, smallest=0.4) for kind in ("dense", "separate")}


@pytest.fixture
def image(rng):
    coarse = rng.integers(0, 255, (6, 8, 3), np.uint8)
    return np.repeat(np.repeat(coarse, 8, 0), 8, 1)


def test_separate_patches_are_cut_and_go_through_the_network_alone(trunk, networks, image):
    network = networks["separate"]
    patches, features = network.patches(48, 64), network(image)
    assert features.shape == (len(patches), network.width)
    level = network.tiling.levels(48, 64)[1]
    resized = tf.image.resize(image, [level.rows, level.columns], antialias=True).numpy()
    first = len(network.tiling.levels(48, 64)[0].left)
    row, column = 1, 2
    top, left = int(level.top[row]), int(level.left[column])
    place = first + row * len(level.left) + column
    wanted = trunk(resized[None, top : top + 16, left : left + 16], training=False)[0]
    np.testing.assert_allclose(features[place], wanted, rtol=1e-4, atol=1e-5)
    scale = 64 / int(level.columns)
    np.testing.assert_allclose(patches[place][[0, 2]], [left * scale, (left + 16) * scale], rtol=1e-5)


def test_dense_patches_are_the_windows_of_the_map(trunk, networks, image):
    network = networks["dense"]
    assert (network.tiling.window, network.tiling.stride) == (4, 4)
    features = network(image)
    assert len(features) == len(network.patches(48, 64))
    # At the first scale the image's shorter side is the patch: the first one is the left of the image.
    alone = trunk(tf.image.resize(image[:, :48], [16, 16], antialias=True)[None], training=False)[0].numpy()
    likeness = features @ alone / np.linalg.norm(features, axis=1) / np.linalg.norm(alone)
    assert likeness[0] > 0.95


@pytest.mark.parametrize("kind", ["dense", "separate"])
def test_some_patches_are_those_of_all(networks, image, kind, rng):
    network = networks[kind]
    wanted = rng.random(len(network.patches(48, 64))) < 0.3
    np.testing.assert_allclose(network(image, wanted), network(image)[wanted], rtol=1e-4, atol=1e-5)
    assert network(image, np.zeros_like(wanted)).shape == (0, network.width)


def test_the_whole_image(trunk, networks, image):
    squashed = trunk(tf.image.resize(image, [16, 16], antialias=True)[None], training=False)
    for kind, views in (("dense", 2), ("separate", 1)):
        whole = networks[kind].whole_image(image)
        assert whole.shape == (views, networks[kind].width)
        assert len(networks[kind].whole_names) == views
        np.testing.assert_allclose(whole[:1], squashed, rtol=1e-3, atol=1e-4)


def test_auto_is_dense_where_windows_can_overlap(trunk):
    assert PatchNetwork(trunk, "auto").dense
    assert not PatchNetwork(trunk, "auto", overlap=0.9).dense
