"""Selectors: what is borrowed for each target image (paper section 3.2 and the arms of its tables)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from sjft_tf.catalog import SELECTORS, TABLE_SELECTORS, WEIGHT_SELECTORS
from sjft_tf.errors import InputError
from sjft_tf.images import Pools
from sjft_tf.selection import compiled_expansion, expansion
from sjft_tf.selection.drawing import DrawRule, exchange_by, exchanged_shares, pool_shares


@dataclass(frozen=True)
class Borrowing:
    """The source rows in use during one round.

    Attributes:
        counts: int32 [N_t], K of each target image (the neighbors it may draw, before classes are dropped).
        union: int32 [U], source rows that can be drawn, ascending.
        pools: the rows each target image is paired with.
        kept_classes: bool [C_s], source classes with enough picked images.
        source_labels: int32 [N_s], label of each source row in the source head, -1 for dropped classes. Labels
            keep the numbers they have in the source set: the union changes from round to round, the head must not.
    """

    counts: np.ndarray
    union: np.ndarray
    pools: Pools
    kept_classes: np.ndarray
    source_labels: np.ndarray

    def summary(self) -> dict[str, float | int]:
        """Numbers for reports: union size, classes left, mean and largest K."""
        return {
            "union_size": len(self.union),
            "source_classes": int(self.kept_classes.sum()),
            "mean_k": float(self.counts.mean()),
            "max_k": int(self.counts.max()),
        }

    def draw_shares(self) -> np.ndarray:
        """The share of all source draws that falls on each source row, when every target image is drawn alike.

        Returns:
            float64 [N_s], sums to 1.
        """
        return exchanged_shares(pool_shares(self.pools, len(self.source_labels)), self.pools.exchange)


@dataclass(frozen=True)
class SourceClasses:
    """The classes of the source, and how many picked images one must have to be borrowed from.

    Attributes:
        labels: int32 [N_s], the class of each source row.
        number: C_s, classes.
        least_sample_per_class: classes with fewer picked images are dropped (released code: 50; its shipped recipe: 0).
    """

    labels: np.ndarray
    number: int
    least_sample_per_class: int = 0


class Selector:
    """Turns a K per target image into a `Borrowing`; holds the neighbor table on the device.

    Args:
        name: one of `SELECTORS` but "none" (plain fine-tuning borrows nothing and needs no selector) and "auto".
            "nearest": the first K_i neighbors. "random": as many source rows as nearest would have, drawn once
            by `seed` (a larger union contains the smaller one). "all": the whole source. Those of
            `WEIGHT_SELECTORS`: the rows of `pool`, for every target image and whatever its K.
        neighbors: int32 [N_t, K_max], ranked source rows; for those of `TABLE_SELECTORS`.
        num_target: N_t.
        classes: of the source.
        seed: for "random".
        compiled: whether compiled loops go through the lists, in host memory, instead of TensorFlow's operations on
            the device, with the same results. None (default): where there is no GPU.
        pool: int32 [M], for those of `WEIGHT_SELECTORS`: source rows, those that are drawn more often more than once.

    Attributes:
        neighbors: int32 [N_t, K_max], in host memory if compiled, else on the device; or None.
        rule: how the rows are drawn, see `drawing`.

    Raises:
        InputError: unknown name, a missing neighbor table, or no class left.
    """

    def __init__(
        self,
        name: str,
        neighbors: np.ndarray | None,
        num_target: int,
        classes: SourceClasses,
        seed: int = 0,
        compiled: bool | None = None,
        pool: np.ndarray | None = None,
    ) -> None:
        if name not in SELECTORS or name in ("none", "auto"):
            raise InputError(f"`selector` must be one of {', '.join(SELECTORS)}. Received: {name!r}")
        if neighbors is None and name in TABLE_SELECTORS:
            raise InputError(f"Selector {name!r} needs a neighbor table. Run the retrieval first.")
        if (pool is None) == (name in WEIGHT_SELECTORS):
            needing = ", ".join(WEIGHT_SELECTORS)
            raise InputError(f"`pool` is for the selectors {needing}, which need one. Received: {name!r}")
        self._pool = None if pool is None else np.asarray(pool, np.int32)
        self.name, self.rule = name, DrawRule()
        self.num_target = num_target
        self.num_source = len(classes.labels)
        self._classes = classes
        self.compiled = not tf.config.list_logical_devices("GPU") if compiled is None else compiled
        self.neighbors: np.ndarray | tf.Tensor | None = None
        if neighbors is not None:
            self.neighbors = np.asarray(neighbors, np.int32) if self.compiled else tf.constant(neighbors, tf.int32)
        self._labels = tf.constant(classes.labels, tf.int32)
        self._random_order = np.random.default_rng(seed).permutation(self.num_source).astype(np.int32)

    def drawing(self, rule: DrawRule) -> Selector:
        """Itself, whose rows are drawn by this rule from now on; before, every target image draws from its own pool."""
        self.rule = rule
        return self

    @property
    def k_max(self) -> int:
        """Length of the ranked lists; the source's size for "all", the pool's for those that have one."""
        if self._pool is not None:
            return len(self._pool)
        return self.num_source if self.neighbors is None else int(self.neighbors.shape[1])

    def borrow(self, counts: np.ndarray) -> Borrowing:
        """The rows borrowed when target image i may draw its first `counts[i]` neighbors.

        Args:
            counts: int32 [N_t], each between 1 and K_max.
        """
        counts = np.asarray(counts, np.int32)
        if counts.shape != (self.num_target,) or counts.min() < 1 or counts.max() > self.k_max:
            raise InputError(
                f"`counts` must be {self.num_target} numbers between 1 and {self.k_max}. "
                f"Received: shape {counts.shape}, {counts.min()} to {counts.max()}"
            )
        picked = self._picked(counts)
        least = self._classes.least_sample_per_class
        drawable = tf.ones_like(picked) if self.rule.whole_source else picked
        kept = expansion.classes_with_enough(drawable, self._labels, self._classes.number, least)
        if not bool(tf.reduce_any(kept)):
            raise InputError(
                f"No source class has {least} picked images. Lower --least_sample_per_class or raise --k0."
            )
        of_kept = tf.gather(kept, self._labels)
        union = np.flatnonzero(tf.logical_and(drawable, of_kept)).astype(np.int32)
        pools = self._pools(counts, tf.logical_and(picked, of_kept), union)
        if not self.rule.plain:
            exchange = exchange_by(self.rule, pool_shares(pools, self.num_source), union)
            pools = pools._replace(exchange=exchange)
        labels = tf.where(of_kept, self._labels, -1)
        return Borrowing(counts, union, pools, kept.numpy(), labels.numpy())

    def _pools(self, counts: np.ndarray, usable: tf.Tensor, union: np.ndarray) -> Pools:
        if self.name == "nearest" and not self.rule.uniform:
            return self._own_pools(counts, usable)
        if self._pool is None or self.rule.uniform:
            rows = np.flatnonzero(usable).astype(np.int32)
        else:
            rows = self._pool[usable.numpy()[self._pool]]
        # Beside the whole source nothing may be left of what was picked: its classes are too small.
        return self._shared_pool(rows if len(rows) else union)

    def _picked(self, counts: np.ndarray) -> tf.Tensor:
        if self.name == "all":
            return tf.ones([self.num_source], tf.bool)
        if self._pool is not None:
            return tf.constant(np.bincount(self._pool, minlength=self.num_source) > 0)
        loops = compiled_expansion if self.compiled else expansion
        nearest = loops.union_mask(self.neighbors, counts, self.num_source)
        if self.name == "nearest":
            return tf.convert_to_tensor(nearest)
        size = int(tf.reduce_sum(tf.cast(nearest, tf.int32)))
        mask = np.zeros(self.num_source, bool)
        mask[self._random_order[:size]] = True
        return tf.constant(mask)

    def _shared_pool(self, rows: np.ndarray) -> Pools:
        lines = self.num_target
        return Pools(rows, np.zeros(lines, np.int64), np.full(lines, len(rows), np.int64))

    def _own_pools(self, counts: np.ndarray, usable: tf.Tensor) -> Pools:
        if isinstance(self.neighbors, np.ndarray):
            return Pools(*compiled_expansion.own_pools(self.neighbors, counts, usable.numpy()))
        return Pools(*(part.numpy() for part in expansion.own_pools(self.neighbors, counts, usable)))
