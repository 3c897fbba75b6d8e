"""Dropping target images that hurt."""

from __future__ import annotations

from dataclasses import dataclass

from sjft_tf.config.option import LARGE, Section, option
from sjft_tf.errors import InputError


@dataclass(frozen=True)
class PruneConfig(Section):
    """Which target images hurt, and which of them are dropped."""

    prune_by: str = option(
        "influence",
        "what target images are ranked by before some are dropped; confident is cleanlab's choice",
        ("influence", "loss", "confident", "random"),
    )
    focus_class: list[str] = option(
        [], "pruning counts the loss on validation images of this class only; give the flag again for more classes"
    )
    holdout: float = option(
        0.1,
        "pruning without validation images: share of each class's training images held out as such",
        limits=(1e-9, 0.9),
    )
    cross_fit: int = option(
        0,
        "pruning: score each image by heads that trained neither on it nor on its judges, with so many folds",
        limits=(0, 100),
    )
    head_l2: float = option(
        0.0, "pruning: L2 of the convex head; 0: the strength with the lowest validation loss", limits=(0.0, 1e6)
    )
    influence_layers: list[str] = option(
        [], "influence over these layers of the network, or all; default: a convex head on the frozen trunk"
    )
    curvature: str = option("hessian", "influence_layers: which matrix is inverted", ("hessian", "gauss_newton"))
    solver: str = option(
        "auto",
        "influence: direct writes the Hessian out, auto is direct or cg; lissa and arnoldi need --influence_layers",
        ("auto", "direct", "cg", "lissa", "arnoldi"),
    )
    damping: float = option(
        0.0,
        "influence: added to the Hessian's diagonal; 0: nothing for the head, 0.01 with --influence_layers",
        limits=(0.0, 1e6),
    )
    solve_steps: int = option(
        0, "influence: most steps of cg, depth of lissa, dimensions of arnoldi; 0: 1000, 1000, 100", limits=(0, 10**7)
    )
    solve_tolerance: float = option(
        0.0,
        "influence: largest relative residual that is accepted; 0: 1e-8 for the head, else 1e-3 (cg) or 0.1",
        limits=(0.0, 1.0),
    )
    lissa_scale: float = option(
        0.0,
        "solver=lissa: scale, above half the largest eigenvalue; 0: three times what power iteration finds",
        limits=(0.0, 1e9),
    )
    lissa_repeats: int = option(1, "solver=lissa: recursions that are averaged", limits=(1, 10000))
    drop_share: float = option(1.0, "pruning drops at most this share of the target images", limits=(0.0, 1.0))
    drop_confidence: float = option(
        0.0,
        "pruning drops only what is harmful with this confidence, by bootstrap over the validation images",
        limits=(0.0, 0.9999),
    )
    keep_per_class: int = option(1, "images each class keeps when target images are dropped", limits=(1, LARGE))

    def check(self) -> None:
        if self.cross_fit in (1, 2):
            raise InputError(f"--cross_fit must be 0 (off) or at least 3 folds. Received: {self.cross_fit}")
        if not self.influence_layers and self.solver in ("lissa", "arnoldi"):
            raise InputError(f"--solver={self.solver} is for --influence_layers; the convex head has direct and cg")
        if self.influence_layers and (self.solver == "direct" or self.cross_fit or self.drop_confidence):
            raise InputError(
                "--influence_layers goes with --solver=cg, lissa or arnoldi, and without --cross_fit and "
                "--drop_confidence, which would need as many solves as there are folds or validation images"
            )
        if self.cross_fit and self.drop_confidence:
            raise InputError(
                "--drop_confidence resamples one validation set; --cross_fit has none: leave one of them out"
            )
        if self.prune_by != "influence" and (self.focus_class or self.influence_layers or self.drop_confidence):
            raise InputError(
                f"--prune_by={self.prune_by} knows no --focus_class, --influence_layers and --drop_confidence"
            )
