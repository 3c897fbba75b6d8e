"""The division of a distance into filters, against the definition in float64; the names of the filters."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.descriptors import ConvNetBank, GaborBank
from sjft_tf.errors import InputError
from sjft_tf.retrieval import Layout, symmetric_kl
from sjft_tf.retrieval.contributions import bank_channels, bin_contributions, channel_contributions, empty_bin_shares


def oracle(t, s, layer_channels, bins):
    """The paper, filter by filter: w_h/2 [KL(t_h||s_h) + KL(s_h||t_h)], 2.2e-16 inside the logarithm, w_h = 1/N."""
    terms, start = [], 0
    for channels in layer_channels:
        for _ in range(channels):
            one, other = np.float64(t[start : start + bins]), np.float64(s[start : start + bins])
            ratio = np.log((one + 2.2e-16) / (other + 2.2e-16))
            terms.append((np.sum(one * ratio) + np.sum(other * -ratio)) / 2 / channels)
            start += bins
    return np.array(terms)


def counted(rng, images, channels, bins, pixels=60):
    """Shares of `pixels` counts, many bins empty."""
    shares = rng.dirichlet(np.full(bins, 0.3), (images, channels))
    counts = np.stack([[rng.multinomial(pixels, share) for share in image] for image in shares])
    return (counts / pixels).reshape(images, -1).astype(np.float32)


def test_by_hand():
    # First layer: 1/2 [(3/4 - 1/4) log 3 + (1/4 - 3/4) log(1/3)]; second: the same in one of two filters, so half.
    one, other = [0.75, 0.25], [0.25, 0.75]
    contributions = channel_contributions(
        np.float32([one + one + one]), np.float32([other + one + other]), Layout((1, 2), 2)
    )
    np.testing.assert_allclose(contributions, [[np.log(3) / 2, 0, np.log(3) / 4]], rtol=1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(2, 12), st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_contributions_follow_the_definition_are_never_negative_and_add_up(seed, bins, layers):
    rng = np.random.default_rng(seed)
    target, source = (counted(rng, 3, sum(layers), bins) for _ in range(2))
    contributions = channel_contributions(target, source, Layout(tuple(layers), bins))
    assert contributions.dtype == np.float64
    assert (contributions >= 0).all()
    expected = [oracle(t, s, layers, bins) for t, s in zip(target, source, strict=True)]
    np.testing.assert_allclose(contributions, expected, rtol=1e-10, atol=1e-14)
    whole = np.diag(symmetric_kl(target, source, layers, bins))
    np.testing.assert_allclose(contributions.sum(axis=1), whole, rtol=1e-4, atol=1e-5)


@given(st.integers(0, 2**32 - 1))
def test_equal_descriptors_have_nothing_to_divide_and_order_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    target, source = (counted(rng, 2, 3, 6) for _ in range(2))
    layout = Layout((1, 2), 6)
    assert (channel_contributions(target, target, layout) == 0).all()
    there, back = channel_contributions(target, source, layout), channel_contributions(source, target, layout)
    np.testing.assert_array_equal(there, back)


def test_a_change_in_one_filter_shows_in_that_filter_alone(rng):
    target = counted(rng, 1, 5, 4)
    source = target.copy()
    source[0, 8:12] = source[0, 8:12][::-1] + np.float32([0.25, 0, 0, -0.25])
    source = np.maximum(source, 0)
    contributions = channel_contributions(target, source, Layout((5,), 4))
    assert np.flatnonzero(contributions[0]).tolist() == [2]


def test_bins_by_hand():
    # Only bins 0 and 2 differ; bin 0 is empty in one image.
    one, other = np.float32([[0.25, 0.5, 0.25]]), np.float32([[0, 0.5, 0.5]])
    layout = Layout((1,), 3)
    first, last = 0.25 * np.log(0.25 / 2.2e-16) / 2, 0.25 * np.log(2) / 2
    np.testing.assert_allclose(bin_contributions(one, other, layout), [[[first, 0, last]]], rtol=1e-9)
    np.testing.assert_allclose(empty_bin_shares(one, other, layout), [first / (first + last)], rtol=1e-9)
    # Empty in both counts for nothing, and equal images have no share to speak of.
    assert empty_bin_shares(other, other, layout).tolist() == [0]
    both = np.float32([[0, 0.25, 0.75]])
    assert empty_bin_shares(other, both, layout).tolist() == [0]


def test_shapes_that_do_not_fit(rng):
    layout = Layout((3,), 4)
    with pytest.raises(InputError, match="Source histograms must have 12 columns"):
        channel_contributions(np.zeros((1, 12)), np.zeros((1, 11)), layout)
    with pytest.raises(InputError, match="Received: 1 and 2"):
        channel_contributions(np.zeros((1, 12)), np.zeros((2, 12)), layout)


def test_gabor_names():
    channels = bank_channels(GaborBank())
    names = [channel.name for channel in channels]
    assert len(set(names)) == 48
    assert names[:3] == ["scale 0 (2.5 px), 0°, real", "scale 0 (2.5 px), 0°, imaginary", "scale 0 (2.5 px), 30°, real"]
    assert names[-1] == "scale 3 (20 px), 150°, imaginary"
    assert {(c.layer, c.group) for c in channels[12:24]} == {("gabor", "scale 1 (5 px)")}
    assert [c.second for c in channels[:4]] == [False, True, False, True]
    assert len(bank_channels(GaborBank(3, 5))) == 30


@pytest.mark.parametrize(
    ("period", "degrees", "name"), [(5, 0, "scale 1 (5 px), 0°"), (10, 60, "scale 2 (10 px), 60°")]
)
def test_a_gabor_name_says_which_stripes_the_filter_answers(period, degrees, name):
    bank, angle = GaborBank(), np.radians(degrees)
    y, x = np.mgrid[:64, :64]
    wave = np.cos(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period)
    image = np.repeat(128 + 100 * wave[None, :, :, None], 3, axis=3)
    (response,) = bank.responses(tf.constant(image, tf.float32))
    loudest = np.argsort(response.numpy()[0, 16:48, 16:48].std(axis=(0, 1)))[-2:]
    names = {bank_channels(bank)[channel].name for channel in loudest}
    assert names == {f"{name}, real", f"{name}, imaginary"}


def test_a_network_is_named_by_layer_and_channel():
    images = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(2, 3, name="first")(images)
    model = keras.Model(images, keras.layers.Conv2D(3, 3, name="second")(x))
    channels = bank_channels(ConvNetBank(model, ["first", "second"]))
    assert [c.name for c in channels] == ["first[0]", "first[1]", "second[0]", "second[1]", "second[2]"]
    assert [c.layer for c in channels] == ["first"] * 2 + ["second"] * 3
    assert not any(c.second for c in channels)


def test_a_bank_that_tells_no_layer_names_gets_numbers():
    class Plain:
        layer_channels = (1, 2)

    assert [c.name for c in bank_channels(Plain())] == ["layer 0[0]", "layer 1[0]", "layer 1[1]"]
