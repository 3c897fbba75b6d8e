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
        "nearest",
        "what to borrow; none is plain fine-tuning",
        SELECTORS,
    )
    k0: str = option("auto", "neighbors each target image begins with: a number, or auto (see --source_share)")
    source_share: float = option(
        0.15,
        "k0=auto: the smallest K0 whose union is this share of the source; class_importance: size of its pool",
        limits=(1e-9, 1.0),
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
        """K0 if it was given as a number; None for auto."""
        return None if self.k0 == "auto" else int(self.k0)

    def check(self) -> None:
        if self.k0 != "auto" and not re.fullmatch("0*[1-9][0-9]{0,9}", self.k0):
            raise InputError(f"--k0 must be a number from 1 or auto. Received: {self.k0[:99]!r}")
