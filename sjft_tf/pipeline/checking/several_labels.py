"""What goes by the one class of each target image is refused where images may have several."""

from __future__ import annotations

from sjft_tf.catalog import WEIGHT_SELECTORS
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet


def refuse_by_class(config: RunConfig, target: ImageSet) -> None:
    """Raises InputError, with the first flag that needs one class an image, if `target`'s may have several."""
    if target.label_matrix is None:
        return
    training, mixed, selector = config.training, config.augmentation, config.selection.selector
    asked = {
        f"--class_weight={training.class_weight}": training.class_weight == "balanced",
        f"--sampling={training.sampling}": training.sampling == "balanced",
        f"--max_per_class={training.max_per_class}": bool(training.max_per_class),
        f"--mixup={mixed.mixup:g}": bool(mixed.mixup),
        f"--cutmix={mixed.cutmix:g}": bool(mixed.cutmix),
        f"--co_tuning={training.co_tuning}": bool(training.fixed_co_tuning()),
        f"--selector={selector}": selector in WEIGHT_SELECTORS,
        "--prune_target": config.data.prune_target,
    }
    for flag, given in asked.items():
        if given:
            raise refusal(flag, target)


def refusal(what: str, target: ImageSet) -> InputError:
    """What to say of a flag or program that needs one class an image."""
    return InputError(
        f"{what} goes by the one class of each target image, and those of '{target.name}' may have several: leave it "
        "out, or give a target with one class an image"
    )
