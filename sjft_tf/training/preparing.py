"""What the loop works with, made from the settings: how images are augmented, who is borrowed, the first K."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from sjft_tf.config import AugmentationConfig, SelectionConfig, TrainingConfig, ViewConfig
from sjft_tf.errors import InputError
from sjft_tf.images import Augmentation, Change, ColorJitter, Cutout, ImageSet, Mixing, RandAugment, RandomAffine
from sjft_tf.models import CoTuning, balanced_weights
from sjft_tf.selection import DrawRule, Selector, SourceClasses, pool_size, smallest_k

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingSets:
    """What the loop trains on.

    Attributes:
        target: target training images.
        source: images to borrow from, None for plain fine-tuning.
        neighbors: int32 [N_t, K_max] ranked source rows; None where the selector needs none.
        pool: int32 [M] source rows, with repeats, of which all target images borrow alike; for WEIGHT_SELECTORS.
        co_tuning: what the source head is taught on target images; None: nothing.
    """

    target: ImageSet
    source: ImageSet | None = None
    neighbors: np.ndarray | None = None
    pool: np.ndarray | None = None
    co_tuning: CoTuning | None = None


def augmentation(view: ViewConfig, more: AugmentationConfig) -> Augmentation:
    """What is done to every training image: sizes by `view`, and of `more` what is on; the rest is not there at all."""
    changes: list[Change] = []
    if more.rotation or more.shear or more.translation:
        changes.append(RandomAffine(more.rotation, more.shear, more.translation))
    if more.randaugment:
        changes.append(RandAugment(more.randaugment, more.randaugment_magnitude))
    jitter = (more.jitter_brightness, more.jitter_contrast, more.jitter_saturation, more.jitter_hue)
    if any(jitter):
        changes.append(ColorJitter(*jitter))
    if more.cutout:
        changes.append(Cutout(more.cutout))
    return Augmentation(
        resize=(view.resize, view.resize_max or view.resize),
        pad=view.pad,
        crop=view.image_size,
        mirror=view.mirror,
        changes=tuple(changes),
    )


def mixing(settings: AugmentationConfig) -> Mixing | None:
    """How the target images of a batch are mixed with each other; None: not at all."""
    return Mixing(settings.mixup, settings.cutmix) if settings.mixes else None


def class_weights(settings: TrainingConfig, target: ImageSet) -> np.ndarray | None:
    """What the losses of the target's images weigh, float64 [C_t] by class; None: all alike."""
    return balanced_weights(target.labels, target.num_classes) if settings.class_weight == "balanced" else None


def make_selector(settings: SelectionConfig, sets: TrainingSets, seed: int) -> Selector | None:
    """The selector of these settings, `seed` for what it draws; None for plain fine-tuning."""
    if settings.selector == "none" or sets.source is None:
        return None
    selector = Selector(
        settings.selector,
        sets.neighbors,
        len(sets.target),
        SourceClasses(sets.source.labels, sets.source.num_classes, settings.least_sample_per_class),
        seed,
        pool=sets.pool,
    )
    return selector.drawing(DrawRule(settings.nearest_share, settings.draws == "uniform", settings.draw_cap))


def first_counts(
    settings: SelectionConfig, training: TrainingConfig, selector: Selector | None, num_target: int
) -> tuple[int, np.ndarray]:
    """K0 and the K of each target image in the first round."""
    if selector is None:
        return 0, np.zeros(num_target, np.int32)
    if selector.neighbors is None:
        k0 = selector.k_max
    elif (fixed := settings.fixed_k0()) is not None:
        k0 = fixed
        if k0 > selector.k_max:
            raise InputError(f"--k0={k0} is more than the {selector.k_max} neighbors in the table")
    else:
        wanted = pool_size(settings, training, selector.num_source)
        k0, size = smallest_k(selector.neighbors, selector.num_source, wanted)
        log.info("k0=%s: K0 = %d borrows %d source images (%s)", settings.k0, k0, size, _share(size, selector))
        if size < wanted:
            log.warning(
                "k0=%s: whole lists of %d neighbors reach only %d source images (%s) of the %d that are wanted; raise "
                "--max_neighbors or %s, to leave hard images room to grow",
                *(settings.k0, k0, size, _share(size, selector), wanted),
                "--passes" if settings.k0 == "auto" else "lower --source_share",
            )
    return k0, np.full(num_target, k0, np.int32)


def _share(size: int, selector: Selector) -> str:
    return f"{size / selector.num_source:.1%}"
