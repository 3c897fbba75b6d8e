"""Which of the borrowed images are drawn how often: mixtures with the whole source, uniform drawing, a cap.

Some source images are neighbors of everything (hubs): drawn from the neighbors of each target image in turn they come
many times more often than others. A mixture learns from everything else as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sjft_tf.images import Exchange, Pools

_ROUNDING = 1e-12
"""Less probability than this above the cap is rounding."""


@dataclass(frozen=True)
class DrawRule:
    """How source images are drawn.

    Attributes:
        nearest_share: S, with this probability a row is drawn from the pool, else from all rows that can be drawn.
        uniform: the pool of every target image is all that was picked for any of them, each row once.
        cap: C, no row is drawn more often than C times the average one, from 1; 0: no cap.
    """

    nearest_share: float = 1.0
    uniform: bool = False
    cap: float = 0.0

    @property
    def plain(self) -> bool:
        """Whether every draw from a pool stays."""
        return not self.whole_source and not self.cap

    @property
    def whole_source(self) -> bool:
        """Whether every source image can be drawn, whatever was picked."""
        return self.nearest_share < 1


def pool_shares(pools: Pools, num_source: int) -> np.ndarray:
    """The share of the draws from the pools alone that falls on each source row, all target images drawn alike.

    A target image draws from its pool uniformly, so a row counts 1 / length in each pool that has it; the mean of that
    over the target images.

    Returns:
        float64 [N_s], sums to 1.
    """
    # Pools follow one another, or all target images share the one that begins at 0.
    _, first, sharers = np.unique(np.asarray(pools.starts), return_index=True, return_counts=True)
    lengths = np.asarray(pools.lengths)[first]
    weight = np.repeat(sharers / (lengths * len(pools.starts)), lengths)
    return np.bincount(np.asarray(pools.rows), weights=weight, minlength=num_source)


def exchanged_shares(shares: np.ndarray, exchange: Exchange | None) -> np.ndarray:
    """The share of all draws that falls on each source row: what stays of `shares`, and what is drawn in place.

    Args:
        shares: float64 [N_s], see `pool_shares`.
        exchange: what rows give way to.

    Returns:
        float64 [N_s], sums to 1.
    """
    if exchange is None:
        return shares
    staying = shares * np.asarray(exchange.stays)
    total = staying.copy()
    total[np.asarray(exchange.rows)] += (1 - staying.sum()) * np.diff(np.asarray(exchange.cumulative), prepend=0.0)
    return total


def exchange_by(rule: DrawRule, shares: np.ndarray, union: np.ndarray) -> Exchange | None:
    """What rows drawn from the pools give way to, so that they are drawn by the rule.

    With q the shares of the pools and U the rows that can be drawn, row r comes with probability

        p(r) = S q(r) + (1 - S) / U

    What of p is above the cap C / U is drawn from the other rows, in proportion to the room that each has below it.
    There is enough of it, since all room and all of p below the cap make up C >= 1 together: capped rows come with
    probability C / U exactly, others with no higher one, and all other draws stay in the target image's own pool.
    Taking rows out of lists instead could not do this: a target image may have no others.

    Args:
        rule: S and C.
        shares: q, float64 [N_s].
        union: int32 [U], the rows that can be drawn, ascending.

    Returns:
        None where every draw stays.
    """
    chosen, average = rule.nearest_share * shares, 1 / len(union)
    other = np.full(len(union), (1 - rule.nearest_share) * average)
    wanted = chosen.copy()
    wanted[union] += other
    above = np.maximum(wanted - rule.cap * average, 0) if rule.cap else np.zeros_like(wanted)
    if (excess := above.sum()) > _ROUNDING:
        room = np.maximum(rule.cap * average - wanted[union], 0)
        other += excess * room / room.sum()
    elif not rule.whole_source:
        return None
    stays = np.divide(chosen - above, shares, out=np.zeros_like(shares), where=shares > 0)
    cumulative = np.cumsum(other)
    return Exchange(stays, union, cumulative / cumulative[-1])
