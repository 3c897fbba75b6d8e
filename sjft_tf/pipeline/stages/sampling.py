"""Samples of a target and a source, described: how far away the source is, and parts of it.

Bank, side and bins are those the thresholds of the advice were found with, and no settings of the run.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from sjft_tf.advice import BANK, BINS, SIDE
from sjft_tf.descriptors import extract, open_bank, target_descriptors
from sjft_tf.images import ImageSet, View
from sjft_tf.retrieval import Layout, SetDistance, set_distance, symmetric_kl

GROUPS = 4
"""Parts that the classes of a single source set make."""


@dataclasses.dataclass(frozen=True)
class Samples:
    """Described samples of both sets.

    Attributes:
        target: float32 [N, D], histograms of the target's sample, to which the bin edges are fitted.
        source: float32 [M, D], of the source's.
        layout: of their columns.
        classes: [M], the class name of each source image.
        several: whether the source is several sets; the names of its classes begin with theirs then.
    """

    target: np.ndarray
    source: np.ndarray
    layout: Layout
    classes: list[str]
    several: bool

    @classmethod
    def of(cls, target: ImageSet, source: ImageSet, most: tuple[int, int], seed: int, several: bool = False) -> Samples:
        """At most so many images of target and source, drawn by `seed`."""
        bank, view = open_bank(BANK), View(SIDE, SIDE)
        target, source = _drawn(target, most[0], seed), _drawn(source, most[1], seed)
        edges, own = target_descriptors(target, bank, view, BINS)
        others = np.empty((len(source), edges.dimensions), np.float32)
        for rows, block in extract(source, bank, edges, view):
            others[rows] = block
        classes = [source.class_names[label] for label in source.labels]
        return cls(own, others, Layout(edges.layer_channels, edges.bins), classes, several)

    @functools.cached_property
    def distance(self) -> SetDistance:
        """Of the whole source."""
        return set_distance(self.target, self.source, self.layout)

    def part_ratios(self) -> dict[str, float]:
        """The distance of each part: of each source set where there are several, else of groups of classes.

        Groups are made of the classes by how near their images are on average, the nearest first: if none of them
        is near, no class is.
        """
        parts = self._sets() if self.several else self._groups()
        return {name: set_distance(self.target, self.source[rows], self.layout).ratio for name, rows in parts.items()}

    def _sets(self) -> dict[str, np.ndarray]:
        names = np.array([name.split("/", 1)[0] for name in self.classes])
        return {str(name): np.flatnonzero(names == name) for name in np.unique(names)}

    def _groups(self) -> dict[str, np.ndarray]:
        names, labels = np.unique(self.classes, return_inverse=True)
        away = symmetric_kl(self.target, self.source, self.layout.layer_channels, self.layout.bins).mean(axis=0)
        order = np.argsort(np.bincount(labels, away) / np.bincount(labels), kind="stable")
        groups = [group for group in np.array_split(order, GROUPS) if len(group)]
        return {
            names[group[0]] + (f" and {len(group) - 1} more" if len(group) > 1 else ""): np.flatnonzero(
                np.isin(labels, group)
            )
            for group in groups
        }


def _drawn(images: ImageSet, most: int, seed: int) -> ImageSet:
    if len(images) <= most:
        return images
    rows = np.random.default_rng(seed).choice(len(images), most, replace=False)
    return images.subset(np.sort(rows))
