"""Which images are borrowed, and how that grows."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sjft_tf.catalog import SELECTORS
from sjft_tf.config.option import LARGE, Section, option
from sjft_tf.errors import InputError


@dataclass(frozen=True)
class SelectionConfig(Section):
    """Which images are borrowed, and how that grows."""

    selector: str = option(
        "auto",
        "what to borrow; none is plain fine-tuning; auto takes all, or none where all of the source lies far away",
        SELECTORS,
    )
    k0: str = option(
        "auto",
        "neighbors each target image begins with: a number, or the smallest whose union reaches a wanted pool: auto "
        "(see --passes) or share (see --source_share)",
    )
    passes: float = option(
        2.0,  # not measured yet
        "k0=auto: the run draws / this is the size of the pool, nearest images first, at most the whole source",
        limits=(1e-3, 1e6),
    )
    source_share: float = option(
        0.15,
        "k0=share: the pool is this share of the source (the paper: 200,000 of 1.28 M images); with a number as K0 "
        "that of class_importance, uot and gradients, which have no K0",
        limits=(1e-9, 1.0),
    )
    nearest_share: float = option(
        1.0,
        "share of the source images that is drawn from what --selector chose; the rest is drawn from the whole source",
        limits=(1e-9, 1.0),
    )
    draws: str = option(
        "neighbor",
        "what a target image is paired with: a neighbor of its own, or uniform: any image of the union alike",
        ("neighbor", "uniform"),
    )
    draw_cap: float = option(
        0.0,
        "no source image is drawn more often than so many times the average one, from 1; 0: no cap",
        limits=(0.0, 1e9),
    )
    delta: float = option(0.1, "entropy in nats from which a right prediction counts as uncertain", limits=(0.0, 1e3))
    wrong_growth: int = option(4, "after a round, a wrong image's K grows by so many K0", limits=(0, 1000))
    uncertain_growth: int = option(2, "after a round, an uncertain image's K grows by so many K0", limits=(0, 1000))
    least_sample_per_class: int = option(
        0, "source classes with fewer picked images are left out of the union", limits=(0, LARGE)
    )
    gradient_checkpoints: int = option(
        1, "selector=gradients: networks that are asked, the start and later ones of a short training", limits=(1, 20)
    )
    gradient_rate: float = option(0.001, "learning rate of that short training", limits=(1e-12, 1e3))
    hard_repeats: int = option(
        0, "a target image found wrong or uncertain comes so many more times in a pass over the target", limits=(0, 100)
    )

    def fixed_k0(self) -> int | None:
        """K0 if it was given as a number; None for auto and share."""
        return None if self.k0 in ("auto", "share") else int(self.k0)

    def check(self) -> None:
        if 0 < self.draw_cap < 1:
            raise InputError(
                f"--draw_cap must be 0 (no cap) or at least 1: not all images can be drawn less often than the average "
                f"one. Received: {self.draw_cap}"
            )
        if self.k0 not in ("auto", "share") and not re.fullmatch("0*[1-9][0-9]{0,9}", self.k0):
            raise InputError(f"--k0 must be a number from 1, auto or share. Received: {self.k0[:99]!r}")
