"""Gradients of images in a few directions against the tape's gradient of the kernel itself, one image at a time."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet, View
from sjft_tf.models import GradientStream, HeadedTrunk, LinearHead, Scaling, build_trunk, fit_softmax_head
from sjft_tf.models.projected_gradients import last_kernel_layer


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
    gradient = (
        tape.gradient(loss, kernel if isinstance(kernel, tf.Variable) else kernel.value).numpy().astype(np.float64)
    )
    return gradient.reshape(-1, gradient.shape[-1])


TRUNKS = {
    "1x1": lambda: with_last(keras.layers.Conv2D(7, 1)),
    "3x3, strides": lambda: with_last(keras.layers.Conv2D(7, 3, strides=2, padding="same")),
    "2x2, dilated, valid": lambda: with_last(keras.layers.Conv2D(4, 2, dilation_rate=2)),
    "dense": lambda: with_last(keras.layers.Dense(7)),
    "before a depthwise one": lambda: with_last(keras.layers.Conv2D(6, 1), keras.layers.DepthwiseConv2D(2)),
    "a branch": lambda: build_trunk("preact_resnet", 8, depth=8, width=4),
}


def units(trunk, head, pixels):
    """The gradients of all images, of length 1, float64 [N, D_in, D_out]."""
    found = [by_the_tape(trunk, head, one, row % 3) for row, one in enumerate(pixels)]
    return np.stack([one / np.linalg.norm(one) for one in found])


def gradients_by(stream, images, domain, sides):
    return [
        np.concatenate(parts) for parts in zip(*(one for _, one in stream.blocks(images, domain, sides)), strict=True)
    ]


@pytest.mark.parametrize("name", TRUNKS)
def test_gradients_are_those_of_the_kernel(rng, name):
    trunk = TRUNKS[name]()
    side = trunk.input.shape[1]
    images, pixels = images_of(rng, 5, side)
    head = head_of(rng, trunk)
    stream = GradientStream([HeadedTrunk(trunk, {"source": head})], View(side, side), 2)
    wanted = units(trunk, head, pixels)
    # In all directions they are the gradients themselves.
    sides = stream.sides(images, "source", width=1000)
    (ours,) = gradients_by(stream, images, "source", sides)
    np.testing.assert_allclose(ours, wanted.reshape(5, -1), atol=2e-5)
    assert [rows.tolist() for rows, _ in stream.blocks(images, "source", sides)] == [[0, 1], [2, 3], [4]]
    # In three of each side, the principal ones, they are what is left of them there.
    (few,) = stream.sides(images, "source", width=3)
    for side, moments in zip(
        few, (np.einsum("nij,nkj->ik", *[wanted] * 2), np.einsum("nij,nik->jk", *[wanted] * 2)), strict=True
    ):
        side, values = np.float64(side), np.linalg.eigvalsh(moments)
        np.testing.assert_allclose(side.T @ side, np.eye(3), atol=1e-5)
        assert np.trace(side.T @ moments @ side) == pytest.approx(values[-3:].sum(), rel=1e-4)
    (ours,) = gradients_by(stream, images, "source", [few])
    np.testing.assert_allclose(ours, (few.inputs.T @ wanted @ few.outputs).reshape(5, -1), atol=2e-5)


def test_inner_products_with_the_images_that_span_are_exact(rng):
    trunk = TRUNKS["3x3, strides"]()
    images, pixels = images_of(rng, 2, 6)
    others, more = images_of(rng, 4, 6)
    head = head_of(rng, trunk)
    stream = GradientStream([HeadedTrunk(trunk, {"source": head})], View(6, 6), 3)
    # Two images of four positions each span at most eight directions of the 45.
    sides = stream.sides(images, "source", width=8)
    assert sides[0].inputs.shape == (45, 8)
    ours, theirs = (gradients_by(stream, one, "source", sides)[0] for one in (images, others))
    exact = units(trunk, head, more).reshape(4, -1) @ units(trunk, head, pixels).reshape(2, -1).T
    np.testing.assert_allclose(theirs @ ours.T, exact, atol=2e-5)


def test_each_network_and_each_head_has_its_own(rng):
    trunks = [TRUNKS["1x1"]() for _ in range(2)]
    images, pixels = images_of(rng, 3, 6)
    heads = [{"target": head_of(rng, trunk), "source": head_of(rng, trunk)} for trunk in trunks]
    stream = GradientStream([HeadedTrunk(*pair) for pair in zip(trunks, heads, strict=True)], View(6, 6), 8)
    for domain in ("target", "source"):
        found = gradients_by(stream, images, domain, stream.sides(images, domain))
        for trunk, own, gradients in zip(trunks, heads, found, strict=True):
            np.testing.assert_allclose(gradients, units(trunk, own[domain], pixels).reshape(3, -1), atol=2e-5)


def test_no_gradient_is_no_number_less(rng):
    trunk = TRUNKS["1x1"]()
    images, _ = images_of(rng, 2, 6)
    head = LinearHead(np.zeros((7, 3), np.float32), np.zeros(3, np.float32))
    stream = GradientStream([HeadedTrunk(trunk, {"source": head})], View(6, 6))
    (gradients,) = gradients_by(stream, images, "source", stream.sides(images, "source"))
    assert gradients.shape == (2, 35)
    assert (gradients == 0).all()


def test_the_scaling_is_folded_in(rng):
    features, labels = rng.normal(3, 2, (40, 4)).astype(np.float32), np.arange(40) % 3
    fitted = fit_softmax_head(features, labels, 3, Scaling.of(features, np.arange(40)))
    folded = LinearHead(*fitted.dense())
    logits = features.astype(np.float64) @ folded.kernel + folded.bias
    np.testing.assert_allclose(logits - logits.mean(1, keepdims=True), _centered(fitted, features), atol=1e-4)


def _centered(head, features):
    logits = ((features - head.scaling.mean) * head.scaling.factor) @ head.weights[:-1] + head.weights[-1]
    return logits - logits.mean(axis=1, keepdims=True)


def test_a_trunk_without_kernels_is_refused():
    image = keras.Input((4, 4, 3))
    with pytest.raises(InputError, match="no convolution or dense layer"):
        last_kernel_layer(keras.Model(image, keras.layers.GlobalAveragePooling2D()(image)))
