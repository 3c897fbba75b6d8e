"""Where a distance comes from: its exact division into the filters of the bank, and the names of those filters."""

from __future__ import annotations

import dataclasses

import numpy as np

from sjft_tf.descriptors import FilterBank, GaborBank
from sjft_tf.errors import InputError
from sjft_tf.retrieval.divergence import EPSILON, Layout


@dataclasses.dataclass(frozen=True)
class Channel:
    """One filter of a bank, in words.

    Attributes:
        layer: the layer it belongs to.
        name: unique within the bank, e.g. `scale 2 (10 px), 60°, imaginary` or `conv1[17]`.
        group: what it is looked at together with: a scale of the Gabor bank, else the layer.
        tick: what tells it from the others of its group, short; equal for the two parts of one Gabor filter.
        second: True for the imaginary part of a Gabor filter.
    """

    layer: str
    name: str
    group: str
    tick: str
    second: bool = False


def bank_channels(bank: FilterBank) -> list[Channel]:
    """Names a bank's filters, in the order of their histograms in a descriptor.

    A Gabor filter is named by scale (0 is the finest; in parentheses the length of the waves it answers to, in
    pixels of the viewed image), by the direction in which its waves follow each other (clockwise from the x axis, so
    0° answers to upright stripes and 90° to lying ones) and by its part: the real one answers to lines, the imaginary
    one to edges. Other filters have the name of their layer, if the bank tells it, and their number.
    """
    if isinstance(bank, GaborBank):
        return _gabor_channels(bank)
    layers = getattr(bank, "layer_names", None) or [f"layer {n}" for n in range(len(bank.layer_channels))]
    return [
        Channel(layer, f"{layer}[{number}]", layer, str(number))
        for layer, count in zip(layers, bank.layer_channels, strict=True)
        for number in range(count)
    ]


def _gabor_channels(bank: GaborBank) -> list[Channel]:
    channels = []
    for m, wavelength in enumerate(bank.wavelengths):
        scale = f"scale {m} ({wavelength:.3g} px)"
        for n in range(bank.orientations):
            angle = f"{180 * n / bank.orientations:.3g}°"
            for part in ("real", "imaginary"):
                channels.append(Channel("gabor", f"{scale}, {angle}, {part}", scale, angle, part == "imaginary"))
    return channels


def bin_contributions(target: np.ndarray, source: np.ndarray, layout: Layout) -> np.ndarray:
    """Divides the distances of pairs of descriptors into filters and bins; nothing is left over.

    Bin b of filter h adds w_h/2 (t_b - s_b) (L(t_b) - L(s_b)) with L(x) = log(x + EPSILON) to the distance (SJFT
    paper, equation 1, halved as in the released code), which is never negative. Computed in float64, so the sum is
    more exact than the distance in a neighbor table.

    Args:
        target: float [n, D] histograms.
        source: float [n, D] histograms, row i beside row i of `target`.
        layout: how the columns are divided.

    Returns:
        float64 [n, channels, bins], >= 0; a row's sum is the distance of that pair.

    Raises:
        InputError: shapes that do not fit the layout or each other.
    """
    one, other = np.asarray(target, np.float64), np.asarray(source, np.float64)
    layout.check(one, "Target")
    layout.check(other, "Source")
    if len(one) != len(other):
        raise InputError(f"Pairs need as many target as source histograms. Received: {len(one)} and {len(other)}")
    terms = (one - other) * (np.log(one + EPSILON) - np.log(other + EPSILON)) * (layout.weights() / 2)
    return terms.reshape(len(one), -1, layout.bins)


def channel_contributions(target: np.ndarray, source: np.ndarray, layout: Layout) -> np.ndarray:
    """What each filter adds to the distances of pairs: `bin_contributions` summed over bins, float64 [n, channels]."""
    return bin_contributions(target, source, layout).sum(axis=2)


def empty_bin_shares(target: np.ndarray, source: np.ndarray, layout: Layout) -> np.ndarray:
    """Which share of each pair's distance comes from bins that are empty in one of the two images, float64 [n].

    Such a bin adds w/2 t_b log(t_b / EPSILON), about 15 w t_b, where one pixel of the other image in it would have
    made that a few w t_b: a large share says that the distance is about which responses occur rather than how often.
    """
    terms = bin_contributions(target, source, layout)
    one_empty = ((np.asarray(target) == 0) != (np.asarray(source) == 0)).reshape(terms.shape)
    total = terms.sum(axis=(1, 2))
    return np.divide((terms * one_empty).sum(axis=(1, 2)), total, out=np.zeros_like(total), where=total > 0)
