"""Dropping target images that hurt."""

from __future__ import annotations

from dataclasses import dataclass

from sjft_tf.training.settings.option import LARGE, option


@dataclass(frozen=True)
class PruneConfig:
    """Which target images hurt, and which of them are dropped."""

    prune_by: str = option(
        "influence",
        "what images are ranked by; confident is cleanlab's choice",
        ("influence", "loss", "confident", "random"),
    )
    focus_class: list[str] = option(
        [], "count the loss on validation images of this class only; give the flag again for more classes"
    )
    holdout: float = option(
        0.1, "without validation images: share of each class's training images held out as such", limits=(1e-9, 0.9)
    )
    cross_fit: int = option(
        0, "score each image by heads that trained neither on it nor on its judges, with so many folds", limits=(0, 100)
    )
    head_l2: float = option(
        0.0, "L2 of the convex head; 0: the strength with the lowest validation loss", limits=(0.0, 1e6)
    )
    influence_layers: list[str] = option(
        [], "influence over these layers of the network, or all; default: a convex head on the frozen trunk"
    )
    curvature: str = option("hessian", "with --influence_layers", ("hessian", "gauss_newton"))
    solver: str = option(
        "auto", "direct: Hessian written out; auto: direct or cg", ("auto", "direct", "cg", "lissa", "arnoldi")
    )
    damping: float = option(
        0.0, "added to the Hessian's diagonal; 0: nothing for the head, 0.01 with --influence_layers", limits=(0.0, 1e6)
    )
    solve_steps: int = option(
        0, "most steps of cg, depth of lissa, dimensions of arnoldi; 0: 1000, 1000, 100", limits=(0, 10**7)
    )
    solve_tolerance: float = option(
        0.0,
        "largest relative residual that is accepted; 0: 1e-8 for the head, else 1e-3 (cg) or 0.1",
        limits=(0.0, 1.0),
    )
    lissa_scale: float = option(
        0.0, "above half the largest eigenvalue; 0: three times what power iteration finds", limits=(0.0, 1e9)
    )
    lissa_repeats: int = option(1, "recursions that are averaged", limits=(1, 10000))
    drop_share: float = option(1.0, "drop at most this share of the target images", limits=(0.0, 1.0))
    drop_confidence: float = option(
        0.0,
        "drop only what is harmful with this confidence, by bootstrap over the validation images",
        limits=(0.0, 0.9999),
    )
    keep_per_class: int = option(1, "images each class keeps", limits=(1, LARGE))
