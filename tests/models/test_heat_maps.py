"""Heat maps against formulas written out in NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.images import View, WholeImage
from sjft_tf.models import HeatMaps, build_joint_model, build_trunk
from sjft_tf.models.heat_maps import heat_maps
from sjft_tf.models.multi_view import at_side


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    return build_joint_model(build_trunk("preact_resnet", 16, depth=8, width=4), 4, 3, dropout=0.5)


@pytest.fixture(scope="module")
def flattened():
    """A network whose head stands on a flattened map: no class activation map, and layers of several positions."""
    keras.utils.set_random_seed(2)
    inputs = keras.Input((6, 6, 3))
    maps = keras.layers.Conv2D(5, 3, activation="relu", name="last")(inputs)
    flat = keras.layers.Flatten(name="features")(maps)
    trunk = keras.Model(inputs, flat)
    trunk.trainable = False
    return build_joint_model(trunk, 3, None)


def last_maps(model, x):
    pool = model.get_layer("pool")
    return np.asarray(keras.Model(model.input, pool.input)(x, training=False), np.float64)


@pytest.mark.parametrize("side", [16, 24])
def test_a_class_activation_map_is_the_head_at_every_place_and_its_mean_the_logit(model, rng, side):
    sized = model if side == 16 else at_side(model, side)
    x, labels = rng.uniform(0, 255, (3, side, side, 3)).astype(np.float32), np.array([2, 0, 3], np.int32)
    got = heat_maps(sized, "class_activation")(x, labels).numpy()
    kernel, bias = (np.float64(w) for w in model.get_layer("target_head").get_weights())
    features = last_maps(sized, x)
    want = np.stack([features[i] @ kernel[:, c] + bias[c] for i, c in enumerate(labels)])
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    logits = np.asarray(sized(x, training=False)["target"])[np.arange(3), labels]
    np.testing.assert_allclose(got.mean(axis=(1, 2)), logits, rtol=1e-4, atol=1e-5)


def test_gradcam_of_a_global_average_is_the_positive_part_of_the_map(model, rng):
    """dy/dA_k is w_k / (h w) everywhere, so that the map is relu(sum_k w_k A_k) / (h w)."""
    x, labels = rng.uniform(0, 255, (2, 16, 16, 3)).astype(np.float32), np.array([1, 3], np.int32)
    kernel, _ = (np.float64(w) for w in model.get_layer("target_head").get_weights())
    features = last_maps(model, x)
    area = features.shape[1] * features.shape[2]
    want = np.stack([np.maximum(features[i] @ kernel[:, c], 0) / area for i, c in enumerate(labels)])
    np.testing.assert_allclose(heat_maps(model, "gradcam")(x, labels).numpy(), want, rtol=1e-4, atol=1e-6)


def test_gradcam_weighs_channels_by_their_mean_gradient(flattened, rng):
    x, labels = rng.uniform(0, 1, (4, 6, 6, 3)).astype(np.float32), np.array([0, 2, 1, 1], np.int32)
    features = np.asarray(keras.Model(flattened.input, flattened.get_layer("last").output)(x), np.float64)
    kernel = np.float64(flattened.get_layer("target_head").get_weights()[0]).reshape(4, 4, 5, 3)
    weights = kernel.mean(axis=(0, 1))  # of the gradient, which is the kernel itself
    want = np.stack([np.maximum(features[i] @ weights[:, c], 0) for i, c in enumerate(labels)])
    np.testing.assert_allclose(heat_maps(flattened, "gradcam")(x, labels).numpy(), want, rtol=1e-4, atol=1e-6)


def test_the_views_of_an_image_are_averaged_with_mirrors_turned_back(model, rng):
    image = rng.integers(0, 256, (16, 16, 3), np.uint8)
    maps = HeatMaps(model, [WholeImage(16, 16), WholeImage(24, 24)])
    assert maps.kind == "class_activation"
    parts = []
    for side in (16, 24):
        square = tf.image.resize(image, [side, side]).numpy()
        twice = np.stack([square, square[:, ::-1]])
        one, mirrored = heat_maps(at_side(model, side), "class_activation")(twice, np.array([1, 1], np.int32)).numpy()
        parts.append((one + mirrored[:, ::-1]) / 2)
    want = (tf.image.resize(parts[0][..., None], parts[1].shape)[..., 0] + parts[1]) / 2
    np.testing.assert_allclose(maps(image, 1), want, rtol=1e-4, atol=1e-5)


def test_what_a_network_has_no_maps_of_is_refused(model, flattened):
    assert HeatMaps(flattened, [View(6, 6)]).kind == "gradcam"
    with pytest.raises(InputError, match="no class activation map.*--heat_map_kind=gradcam"):
        heat_maps(flattened, "class_activation")
    with pytest.raises(InputError, match="must be one of class_activation, gradcam"):
        heat_maps(model, "saliency")
    inputs = keras.Input((4, 4, 3))
    plain = keras.Model(inputs, {"target": keras.layers.Dense(2)(keras.layers.Flatten()(inputs))})
    with pytest.raises(InputError, match="no layer that gives maps"):
        heat_maps(plain, "gradcam")
