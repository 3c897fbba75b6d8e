"""Symmetric KL as an inner product, against the definition in float64."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.errors import InputError
from sjft_tf.retrieval import Layout, symmetric_kl


def oracle(target, source, layer_channels, bins):
    """The paper: sum_h w_h/2 [KL(t_h||s_h) + KL(s_h||t_h)], 2.2e-16 inside the logarithm, w_h = 1/N_layer."""
    target, source = np.float64(target), np.float64(source)
    result = np.zeros((len(target), len(source)))
    for i, j in np.ndindex(result.shape):
        start = 0
        for channels in layer_channels:
            for _ in range(channels):
                t, s = target[i, start : start + bins], source[j, start : start + bins]
                ratio = np.log((t + 2.2e-16) / (s + 2.2e-16))
                result[i, j] += 0.5 * (np.sum(t * ratio) - np.sum(s * ratio)) / channels
                start += bins
    return result


def random_histograms(rng, images, channels, bins, pixels=200):
    """Counts of pixels, some bins empty, each channel's block summing to one."""
    shares = rng.dirichlet(np.full(bins, 0.5), (images, channels))
    counts = np.stack([[rng.multinomial(pixels, share) for share in image] for image in shares])
    return (counts / pixels).reshape(images, -1).astype(np.float32)


def test_by_hand():
    # One channel, two bins: 1/2 [(3/4 - 1/4) log 3 + (1/4 - 3/4) log(1/3)] = 1/2 log 3
    distances = symmetric_kl(np.float32([[0.75, 0.25]]), np.float32([[0.25, 0.75]]), [1], 2)
    np.testing.assert_allclose(distances, [[0.5 * np.log(3)]], rtol=1e-6)


def test_an_empty_bin_by_hand():
    # (1 - 0) (log 1 - log 2.2e-16), halved, for both bins.
    distances = symmetric_kl(np.float32([[1, 0]]), np.float32([[0, 1]]), [1], 2)
    np.testing.assert_allclose(distances, [[-np.log(2.2e-16)]], rtol=1e-6)


def test_layers_count_the_same_whatever_their_size():
    one, other = [0.75, 0.25], [0.25, 0.75]
    # Layer 1: one filter, differing; layer 2: three filters, one of them differing.
    distances = symmetric_kl(np.float32([one + one * 3]), np.float32([other + other + one * 2]), [1, 3], 2)
    np.testing.assert_allclose(distances, [[0.5 * np.log(3) * (1 + 1 / 3)]], rtol=1e-5)


@pytest.mark.parametrize("bins", [2, 10, 100])
def test_against_the_definition(rng, bins):
    target, source = random_histograms(rng, 5, 7, bins), random_histograms(rng, 9, 7, bins)
    assert (target == 0).any()
    distances = symmetric_kl(target, source, (3, 4), bins)
    assert distances.dtype == np.float32
    np.testing.assert_allclose(distances, oracle(target, source, (3, 4), bins), rtol=1e-4, atol=1e-5)


@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_symmetric_zero_on_the_diagonal_and_never_negative(seed, bins):
    histograms = random_histograms(np.random.default_rng(seed), 4, 3, bins, pixels=20)
    distances = symmetric_kl(histograms, histograms, (1, 2), bins)
    np.testing.assert_allclose(distances, distances.T, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(np.diag(distances), 0, atol=2e-5)
    assert (distances >= 0).all()


def test_wrong_columns():
    with pytest.raises(InputError, match=r"Source histograms must have 12 columns \(4 bins x 3 filters\).*\(2, 5\)"):
        symmetric_kl(np.zeros((1, 12), np.float32), np.zeros((2, 5), np.float32), (1, 2), 4)


def test_layout_identity():
    assert Layout((1, 2), 4).fingerprint == Layout((1, 2), 4).fingerprint != Layout((3,), 4).fingerprint
    assert Layout((1, 2), 4).dimensions == 12
    assert Layout((1, 2), 2).weights().tolist() == [1, 1, 0.5, 0.5, 0.5, 0.5]
