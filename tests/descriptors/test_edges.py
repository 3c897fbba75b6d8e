"""Equal-mass bin edges."""

import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.descriptors import BinEdges, fit_bin_edges, histograms
from sjft_tf.descriptors.edges import equal_mass_edges, fine_edges
from sjft_tf.errors import InputError


class PixelBank:
    """The color channels as filters, in two layers."""

    name, fingerprint, layer_channels = "pixels", "p", (1, 2)

    def responses(self, images):
        return [images[..., :1], images[..., 1:]]


def oracle_edges(values, bins, cells):
    """The paper: a fine uniform histogram between min and max, edges where each share of the mass is reached."""
    low, high = values.min(), values.max()
    counts = np.bincount(np.searchsorted(fine_edges(low[None], high[None], cells)[0], values, "right"), minlength=cells)
    edges = []
    for number in range(1, bins):
        goal, before = number * len(values) / bins, 0
        for cell, count in enumerate(counts):
            if before + count >= goal - 1e-9 and count:
                share = (cell + (goal - before) / count) / cells
                edges.append(float(low) + share * (float(high) - float(low)))
                break
            before += count
    return np.array(edges)


def test_by_hand():
    # 8 values in 4 cells of width 1 between 0 and 4: counts 4 0 2 2. Quarters are reached at 0.5, 1 and 3.
    counts = np.array([[4, 0, 2, 2]])
    assert equal_mass_edges(counts, np.float32([0]), np.float32([4]), 4).tolist() == [[0.5, 1.0, 3.0]]


def test_against_oracle_over_several_batches(rng):
    images = rng.laplace(size=(10, 9, 9, 3)).astype(np.float32) * 100
    batches = [tf.constant(images[:4]), tf.constant(images[4:8]), tf.constant(images[8:])]
    edges = fit_bin_edges(PixelBank(), batches, bins=7, cells=50, made_from={"x": 1})
    assert edges.layer_channels == (1, 2)
    assert (edges.bins, edges.dimensions, edges.made_from) == (7, 21, {"x": 1})
    for channel, channel_edges in enumerate(np.concatenate(edges.edges)):
        values = images[..., channel].ravel()
        np.testing.assert_allclose(channel_edges, oracle_edges(values, 7, 50), rtol=1e-5)
    np.testing.assert_array_equal(edges.low[1], images[..., 1:].min(axis=(0, 1, 2)))
    np.testing.assert_array_equal(edges.high[0], images[..., :1].max(axis=(0, 1, 2)))


def test_bins_have_equal_mass_on_what_they_were_fitted_to(rng):
    images = tf.constant(rng.normal(size=(20, 16, 16, 3)), tf.float32)
    edges = fit_bin_edges(PixelBank(), [images], bins=10)
    mass = histograms(PixelBank().responses(images), edges).numpy().mean(axis=0)
    np.testing.assert_allclose(mass, 0.1, atol=0.003)


def test_constant_channel_gets_equal_edges_and_still_a_histogram():
    images = tf.concat([tf.fill([1, 4, 4, 1], 3.0), tf.random.uniform([1, 4, 4, 2])], axis=-1)
    edges = fit_bin_edges(PixelBank(), [images], bins=5)
    assert edges.edges[0].tolist() == [[3, 3, 3, 3]]
    shares = histograms(PixelBank().responses(images + [1.0, 0, 0]), edges).numpy()
    assert shares[0, :5].tolist() == [0, 0, 0, 0, 1]
    assert histograms(PixelBank().responses(images - [1.0, 0, 0]), edges).numpy()[0, :5].tolist() == [1, 0, 0, 0, 0]


def test_a_value_most_pixels_share(rng):
    # As after a ReLU: 90 % zeros. The bins that fall inside the point mass are empty, none is NaN.
    images = np.where(rng.uniform(size=(4, 16, 16, 3)) < 0.9, 0, rng.uniform(size=(4, 16, 16, 3))).astype(np.float32)
    edges = fit_bin_edges(PixelBank(), [tf.constant(images)], bins=10)
    mass = histograms(PixelBank().responses(tf.constant(images)), edges).numpy().mean(axis=0).reshape(3, 10)
    assert np.isfinite(mass).all()
    np.testing.assert_allclose(mass[:, 0], 0.9, atol=0.03)
    assert (np.diff(np.concatenate(edges.edges), axis=1) >= 0).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_refused(bad):
    images = np.zeros((1, 4, 4, 3), np.float32)
    images[0, 1, 2, 1] = bad
    with pytest.raises(InputError, match=r"Bank pixels answered.*NaN or infinite"):
        fit_bin_edges(PixelBank(), [tf.constant(images)])


def test_bad_arguments():
    with pytest.raises(InputError, match="bins=1"):
        fit_bin_edges(PixelBank(), [], bins=1)
    with pytest.raises(InputError, match="cells=5"):
        fit_bin_edges(PixelBank(), [], bins=10, cells=5)
    with pytest.raises(InputError, match="empty image set"):
        fit_bin_edges(PixelBank(), [])
    one = (np.zeros(1, np.float32),)
    with pytest.raises(InputError, match="must not decrease"):
        BinEdges((np.float32([[1, 0]]),), one, one)
    with pytest.raises(InputError, match="finite"):
        BinEdges((np.float32([[0, np.inf]]),), one, one)
    with pytest.raises(InputError, match=r"one \[channels, bins - 1\] array"):
        BinEdges((np.float32([0, 1]),), one, one)


def test_save_and_load(tmp_path, rng):
    edges = fit_bin_edges(
        PixelBank(), [tf.constant(rng.normal(size=(2, 8, 8, 3)), tf.float32)], 4, made_from={"a": "b"}
    )
    edges.save(tmp_path / "edges.npz")
    again = BinEdges.load(tmp_path / "edges.npz")
    assert again.fingerprint == edges.fingerprint
    assert again.made_from == {"a": "b"}
    for name in ("edges", "low", "high"):
        for one, other in zip(getattr(edges, name), getattr(again, name), strict=True):
            np.testing.assert_array_equal(one, other)
            assert one.dtype == other.dtype == np.float32


def test_loading_something_else(tmp_path):
    from sjft_tf.artifacts import save_npz

    save_npz(tmp_path / "other.npz", {"x": np.zeros(1)}, {"kind": "neighbor table"})
    with pytest.raises(InputError, match="'neighbor table', not bin edges"):
        BinEdges.load(tmp_path / "other.npz")
