"""Projected gradients of images against the tape's gradient of the kernel itself, one image at a time."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet, View
from sjft_tf.models import GradientStream, HeadedTrunk, LinearHead, Scaling, build_trunk, fit_source_head
from sjft_tf.models.projected_gradients import last_kernel_layer, random_projection


def with_last(*layers):
    """A tiny trunk that ends in these layers, batch normalization and pooling."""
    image = keras.Input((6, 6, 3))
    maps = keras.layers.Conv2D(5, 3, strides=2, padding="same", activation="relu")(image / 255.0)
    for layer in (*layers, keras.layers.BatchNormalization(), keras.layers.ReLU()):
        maps = layer(maps)
    return keras.Model(image, keras.layers.GlobalAveragePooling2D()(maps))


def images_of(rng, count, side):
    pixels = rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    return ImageSet.from_arrays("some", pixels, np.arange(count) % 3), pixels


def head_of(rng, trunk):
    width = trunk.output.shape[-1]
    return LinearHead(rng.normal(size=(width, 3)).astype(np.float32), rng.normal(size=3).astype(np.float32))


def by_the_tape(trunk, head, pixels, label):
    """The gradient of the last kernel by the loss of one image, float64 [k k C_in, C_out]."""
    kernel = last_kernel_layer(trunk).kernel
    with tf.GradientTape() as tape:
        logits = tf.matmul(trunk(np.float32(pixels[None]), training=False), head.kernel) + head.bias
        loss = -tf.nn.log_softmax(logits)[0, label]
    gradient = tape.gradient(loss, getattr(kernel, "value", kernel)).numpy().astype(np.float64)
    return gradient.reshape(-1, gradient.shape[-1])


TRUNKS = {
    "1x1": lambda: with_last(keras.layers.Conv2D(7, 1)),
    "3x3, strides": lambda: with_last(keras.layers.Conv2D(7, 3, strides=2, padding="same")),
    "2x2, dilated, valid": lambda: with_last(keras.layers.Conv2D(4, 2, dilation_rate=2)),
    "dense": lambda: with_last(keras.layers.Dense(7)),
    "before a depthwise one": lambda: with_last(keras.layers.Conv2D(6, 1), keras.layers.DepthwiseConv2D(2)),
    "a branch": lambda: build_trunk("preact_resnet", 8, depth=8, width=4),
}


@pytest.mark.parametrize("name", TRUNKS)
@pytest.mark.parametrize("width", [3, 1000])
def test_projected_gradients_are_those_of_the_kernel(rng, name, width):
    trunk = TRUNKS[name]()
    side = trunk.input.shape[1]
    images, pixels = images_of(rng, 5, side)
    head = head_of(rng, trunk)
    stream = GradientStream([HeadedTrunk(trunk, {"source": head})], View(side, side), 2, width, seed=4)
    blocks = list(stream.blocks(images, "source"))
    assert [rows.tolist() for rows, _ in blocks] == [[0, 1], [2, 3], [4]]
    ours = np.concatenate([gradients[0] for _, gradients in blocks])
    same = np.random.default_rng(4)
    shape = tuple(last_kernel_layer(trunk).kernel.shape)
    left, right = (random_projection(same, n, width) for n in (int(np.prod(shape[:-1])), shape[-1]))
    for row in range(5):
        wanted = (left.T @ by_the_tape(trunk, head, pixels[row], row % 3) @ right).ravel()
        np.testing.assert_allclose(ours[row], wanted / np.linalg.norm(wanted), atol=2e-5)


def test_each_network_and_each_head_has_its_own(rng):
    trunks = [TRUNKS["1x1"]() for _ in range(2)]
    images, pixels = images_of(rng, 3, 6)
    heads = [{"target": head_of(rng, trunk), "source": head_of(rng, trunk)} for trunk in trunks]
    stream = GradientStream([HeadedTrunk(*pair) for pair in zip(trunks, heads, strict=True)], View(6, 6), 8)
    for domain in ("target", "source"):
        ((_, gradients),) = stream.blocks(images, domain)
        for trunk, own, found in zip(trunks, heads, gradients, strict=True):
            wanted = by_the_tape(trunk, own[domain], pixels[1], 1).ravel()
            np.testing.assert_allclose(found[1], wanted / np.linalg.norm(wanted), atol=2e-5)


def test_no_gradient_is_no_number_less(rng):
    trunk = TRUNKS["1x1"]()
    images, _ = images_of(rng, 2, 6)
    head = LinearHead(np.zeros((7, 3), np.float32), np.zeros(3, np.float32))
    ((_, (gradients,)),) = GradientStream([HeadedTrunk(trunk, {"source": head})], View(6, 6)).blocks(images, "source")
    assert gradients.shape == (2, 35)
    assert (gradients == 0).all()


def test_projections_keep_inner_products(rng):
    assert (random_projection(rng, 4, 4) == np.eye(4)).all()
    many = [random_projection(np.random.default_rng(seed), 10, 4).astype(np.float64) for seed in range(3000)]
    np.testing.assert_allclose(np.mean([one @ one.T for one in many], axis=0), np.eye(10), atol=0.06)


def test_the_scaling_is_folded_in(rng):
    features, labels = rng.normal(3, 2, (40, 4)).astype(np.float32), np.arange(40) % 3
    fitted = fit_source_head(features, labels, 3, Scaling.of(features, np.arange(40)))
    folded = LinearHead.of(fitted)
    logits = features.astype(np.float64) @ folded.kernel + folded.bias
    np.testing.assert_allclose(logits - logits.mean(1, keepdims=True), _centered(fitted, features), atol=1e-4)


def _centered(head, features):
    logits = ((features - head.scaling.mean) * head.scaling.factor) @ head.weights[:-1] + head.weights[-1]
    return logits - logits.mean(axis=1, keepdims=True)


def test_a_trunk_without_kernels_is_refused():
    image = keras.Input((4, 4, 3))
    with pytest.raises(InputError, match="no convolution or dense layer"):
        last_kernel_layer(keras.Model(image, keras.layers.GlobalAveragePooling2D()(image)))
