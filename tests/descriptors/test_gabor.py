"""The Gabor bank against direct convolution with the closed-form function in float64."""

import math

import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.descriptors import FilterBank, GaborBank
from sjft_tf.errors import InputError


@pytest.mark.parametrize(("height", "width"), [(24, 24), (16, 21), (1, 7)])
def test_equals_direct_convolution(oracle, rng, height, width):
    images = rng.uniform(0, 255, (2, height, width, 3)).astype(np.float32)
    (responses,) = GaborBank().responses(tf.constant(images))
    assert responses.shape == (2, height, width, 48)
    for image, response in zip(images, responses.numpy(), strict=True):
        np.testing.assert_allclose(response, oracle(image), atol=1e-6)


@pytest.mark.parametrize(("scales", "orientations"), [(2, 3), (2, 2), (2, 5), (3, 8)])
def test_other_numbers_of_scales_and_orientations(oracle, rng, scales, orientations):
    # Odd numbers have no upright filter, two have no mirrored pair.
    image = rng.uniform(0, 255, (12, 15, 3)).astype(np.float32)
    bank = GaborBank(scales, orientations)
    assert bank.layer_channels == (2 * scales * orientations,)
    responses = bank.responses(tf.constant(image[None]))[0][0]
    np.testing.assert_allclose(responses, oracle(image, scales, orientations), atol=1e-6)


def test_each_filter_answers_its_own_wave():
    # A wave of scale m's center frequency and direction n excites filter (m, n) more than any other of its scale.
    y, x = np.mgrid[:64, :64]
    angles = np.arange(6)[:, None, None] * math.pi / 6
    phases = 2 * math.pi * (x * np.cos(angles) + y * np.sin(angles))
    waves = np.cos(np.array([0.4, 0.2, 0.1, 0.05])[:, None, None, None] * phases).reshape(24, 64, 64, 1)
    images = np.repeat(127 + 100 * waves, 3, axis=-1).astype(np.float32)
    response = GaborBank().responses(tf.constant(images))[0].numpy()[:, 16:48, 16:48]
    energy = (response.reshape(24, 32, 32, 4, 6, 2) ** 2).sum(axis=(1, 2, 5))
    # Scaling by a^-m keeps energy, not peak response, equal over scales: compare at equal peaks.
    energy /= 4.0 ** np.arange(4)[:, None]
    np.testing.assert_array_equal(energy.reshape(24, 24).argmax(axis=1), np.arange(24))


def test_constant_image_has_no_response():
    (responses,) = GaborBank().responses(tf.fill([1, 32, 32, 3], 200.0))
    assert np.abs(responses).max() < 1e-6


def test_color_matters_only_through_luminance(rng):
    grey = rng.uniform(0, 255, (1, 16, 16, 1)).astype(np.float32)
    green = np.concatenate([0 * grey, grey, 0 * grey], axis=-1)
    of_grey = GaborBank().responses(tf.constant(np.repeat(grey, 3, axis=-1)))[0]
    of_green = GaborBank().responses(tf.constant(green))[0]
    np.testing.assert_allclose(of_green, 0.587 * of_grey, atol=1e-6)


def test_in_a_graph_and_alone_or_in_a_batch(rng):
    images = tf.constant(rng.uniform(0, 255, (3, 16, 16, 3)), tf.float32)
    bank = GaborBank()
    eager = bank.responses(images)[0]
    dataset = tf.data.Dataset.from_tensor_slices(images).batch(2).map(lambda batch: bank.responses(batch)[0])
    np.testing.assert_allclose(np.concatenate(list(dataset.as_numpy_iterator())), eager, atol=1e-6)


def test_identity_and_errors():
    assert isinstance(GaborBank(), FilterBank)
    assert GaborBank().fingerprint == GaborBank().fingerprint != GaborBank(5).fingerprint
    assert (GaborBank().name, GaborBank(5, 8).name) == ("gabor", "gabor5x8")
    with pytest.raises(InputError, match=r"at least 2 scales.*scales=1"):
        GaborBank(scales=1)
    with pytest.raises(InputError, match="fixed size"):
        tf.function(GaborBank().responses, autograph=False).get_concrete_function(tf.TensorSpec([None, None, None, 3]))
