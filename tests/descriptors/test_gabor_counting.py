"""Counts of Gabor responses without the responses, against direct convolution in float64."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.descriptors import GaborBank, fit_bin_edges, gabor_counting
from sjft_tf.descriptors.bank_counting import BankCounter
from sjft_tf.descriptors.gabor_counting import GaborCounter, countable, images_at_once
from sjft_tf.descriptors.image_counting import image_counter, response_bounds

SIZE = 48
ROUNDING = 2e-6  # of responses up to 3


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return rng.uniform(0, 255, (3, SIZE, SIZE, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def responses(oracle, images):
    return np.stack([oracle(image) for image in images]).reshape(len(images), -1, 48)


@pytest.fixture(scope="module")
def edges(responses):
    shares = np.arange(1, 20) / 20
    return np.quantile(responses.reshape(-1, 48), shares, axis=0).T.astype(np.float32).copy()


def counted(images, edges, bank=None):
    with GaborCounter(bank or GaborBank(), [edges], images.shape[1]) as counter:
        return counter.start(tf.constant(images))()


def assert_counts(counts, responses, edges):
    """That the values below each edge are as many as without rounding, give or take those that lie at the edge."""
    below = counts.reshape(len(counts), len(edges), -1).astype(np.int64).cumsum(axis=2)
    assert (below[:, :, -1] == responses.shape[1]).all()
    values = np.sort(responses, axis=1)
    for image, channel in np.ndindex(len(counts), len(edges)):
        least, most = (
            np.searchsorted(values[image, :, channel], edges[channel].astype(np.float64) + shift)
            for shift in (-ROUNDING, ROUNDING)
        )
        assert (least <= below[image, channel, :-1]).all()
        assert (below[image, channel, :-1] <= most).all()


def test_equals_direct_convolution(images, responses, edges):
    counts, finite = counted(images, edges)
    assert counts.dtype == np.uint16
    assert finite.all()
    assert_counts(counts, responses, edges)


def test_other_numbers_of_scales_and_orientations(oracle, images, edges):
    responses = oracle(images[0], 2, 4).reshape(1, -1, 16)
    counts, _ = counted(images[:1], edges[:16], GaborBank(2, 4))
    assert_counts(counts, responses, edges[:16])


def test_repeated_and_crowded_edges(images, responses, edges):
    repeated = edges.copy()
    repeated[::2, 5:9] = repeated[::2, 5:6]
    repeated[5, -1] = 1e30  # crowds all others into one cell
    counts, _ = counted(images, repeated)
    assert_counts(counts, responses, repeated)
    assert (counts.reshape(3, 48, 20)[:, ::2, 6:9] == 0).all()


def test_bounds_and_totals(images, responses, edges):
    (low,), (high,), finite = response_bounds(GaborBank(), tf.constant(images))
    assert finite
    np.testing.assert_allclose(low, responses.min(axis=(0, 1)), atol=ROUNDING)
    np.testing.assert_allclose(high, responses.max(axis=(0, 1)), atol=ROUNDING)
    with GaborCounter(GaborBank(), [edges], SIZE) as counter:
        (totals,) = counter.start_totals(tf.constant(images))()
    np.testing.assert_array_equal(totals.ravel(), counted(images, edges)[0].sum(axis=0, dtype=np.int64))


def test_counts_do_not_depend_on_the_images_beside(images, edges):
    together = counted(np.concatenate([images, images[::-1]]), edges)[0]
    for number in range(3):
        alone = counted(images[number : number + 1], edges)[0][0]
        np.testing.assert_array_equal(together[number], alone)
        np.testing.assert_array_equal(together[5 - number], alone)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e35])
def test_values_that_no_picture_has_are_told(images, edges, value):
    broken = images.copy()
    broken[1, 3, 4, 2] = value
    assert counted(broken, edges)[1].tolist() == [True, False, True]
    assert not response_bounds(GaborBank(), tf.constant(broken))[2]
    with pytest.raises(Exception, match="NaN or infinite"):
        fit_bin_edges(GaborBank(), [tf.constant(broken)])


def test_near_to_counting_the_answers_of_tensorflow(images, edges):
    with BankCounter([edges]) as counter:
        answered, _ = counter.start(GaborBank().responses(tf.constant(images)), 3)()
    moved = np.abs(answered.astype(int) - counted(images, edges)[0].astype(int)).sum() / 2
    assert moved < 1e-3 * answered.sum()


def test_which_images_are_counted_so(monkeypatch):
    assert countable(GaborBank(), (None, 64, 64, 3))
    assert countable(GaborBank(), (None, 224, 224, 3), 2**16)
    for bank, shape, bins in [
        (GaborBank(4, 5), (1, 64, 64, 3), 9),
        (GaborBank(), (1, 64, 80, 3), 9),
        (GaborBank(), (1, 32, 32, 3), 9),
        (GaborBank(), (1, 100, 100, 3), 9),
        (GaborBank(), (1, None, None, 3), 9),
        (GaborBank(), (1, 64, 64, 3), 2**16 + 1),
    ]:
        assert not countable(bank, shape, bins)
    monkeypatch.setattr(gabor_counting, "_has_gpu", lambda: True)
    assert not countable(GaborBank(), (None, 64, 64, 3))
    assert 8 <= images_at_once(1024) <= images_at_once(48) <= 64


def test_other_images_are_answered_by_tensorflow(oracle, rng):
    images = rng.uniform(0, 255, (2, 20, 20, 3)).astype(np.float32)
    edges = np.tile(np.linspace(-0.5, 0.5, 4, dtype=np.float32), (48, 1))
    with image_counter(GaborBank(), [edges], images.shape) as counter:
        counts, finite = counter.start(tf.constant(images))()
        (totals,) = counter.start_totals(tf.constant(images))()
    assert finite.all()
    np.testing.assert_array_equal(counts.sum(axis=0, dtype=np.int64), totals.ravel())
    assert_counts(counts, np.stack([oracle(image).reshape(-1, 48) for image in images]), edges)


DIGEST = """
import hashlib, numpy as np, tensorflow as tf
from sjft_tf.descriptors import GaborBank
from sjft_tf.descriptors.gabor_counting import GaborCounter
images = np.random.default_rng(0).uniform(0, 255, (2, 80, 80, 3)).astype(np.float32)
edges = np.tile(np.linspace(-0.3, 0.3, 99, dtype=np.float32), (48, 1))
with GaborCounter(GaborBank(), [edges], 80) as counter:
    print(hashlib.sha256(counter.start(tf.constant(images))()[0].tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_equal_counts_with_the_instructions_of_other_processors():
    found = {
        name: subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "NUMBA_CPU_NAME": name} if name else os.environ,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for name in ("", "haswell", "x86-64")
    }
    assert len(found[""]) > 60
    assert len(set(found.values())) == 1
