"""The decision table of transfer learning (little or much data, similar or different domain) as a function.

Lecture "Transfer Learning with ConvNets": little data and a similar domain, a linear classifier on the top layer;
little and different, classifiers on earlier stages; much, fine-tune layers, the top at about a tenth and the middle at
a hundredth of the original rate. What borrowing adds is from Ge & Yu 2017 and docs/evidence.md.
"""

from __future__ import annotations

import dataclasses
import math

from sjft_tf.advice.findings import borrowing_near, rate_near
from sjft_tf.advice.measurement import Measurement
from sjft_tf.advice.trunk_stages import early_stage, middle_stage
from sjft_tf.config import Setting
from sjft_tf.evaluation import ChosenSelector


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One way to train.

    Attributes:
        name: short, fit for a folder.
        why: the reason.
        settings: by the names of the flags, in place of what the user gave; for `RunConfig.with_settings`.
    """

    name: str
    why: str
    settings: dict[str, Setting]


@dataclasses.dataclass(frozen=True)
class Advice:
    """What to try, first things first.

    Attributes:
        cell: place in the decision table.
        borrowing: whether borrowing is likely to help, and why that is thought.
        rate: which learning rates were best for targets about as far away; "" where nothing is known.
        recipes: at least one.
        notes: bordering cases, and what the measurement cannot tell.
        decision: what --selector=auto takes.
    """

    cell: str
    borrowing: str
    rate: str
    recipes: tuple[Recipe, ...]
    notes: tuple[str, ...]
    decision: ChosenSelector


_BORROWING = {
    (True, True): (
        "likely to help. With ImageNet to borrow from, the paper gained 4.5 points on Flowers-102 (10 images a class) "
        "and 4.1 on Caltech-256 (15 a class) over plain fine-tuning."
    ),
    (True, False): "likely to help as well, as long as the source does not lie much farther away than 2.5.",
    (False, True): (
        "may still help: the paper gained 9.8 points on Stanford Dogs (100 a class), which was cut from ImageNet, and "
        "2.7 on Caltech-256 (60 a class). Steps see twice as many images."
    ),
    (False, False): (
        "not likely to be worth it: there is enough of your own, and the source resembles it little. Steps see twice "
        "as many images."
    ),
}


def advise(measured: Measurement, trunk: str, pretrained: bool) -> Advice:
    """The advice for a measurement.

    Args:
        measured: the two axes.
        trunk: the network, whose stages are named in the settings.
        pretrained: whether it starts from trained weights; else nothing of it is worth keeping.
    """
    borrow = _borrow(measured, pretrained)
    if not pretrained:
        recipes = (borrow, _plain("there are no trained weights to keep: all layers learn at the full rate"))
        if measured.cell == "much data, different domain":
            recipes = recipes[::-1]
    elif measured.little and measured.similar:
        recipes = (borrow, _linear_head())
    elif measured.little:
        recipes = (borrow, _early_frozen(trunk))
    elif measured.similar:
        recipes = (_layer_rates(trunk), borrow)
    else:
        recipes = (_plain("enough images to move every layer, and the new domain asks for it"), borrow)
    borrowing, notes = _BORROWING[measured.little, measured.similar], _notes(measured, pretrained)
    if measured.little:  # of little data alone there are curves
        borrowing += " " + borrowing_near(measured.ratio)
    rate = rate_near(measured.ratio) if measured.little and pretrained else ""
    return Advice(measured.cell, borrowing, rate, recipes, notes, measured.decision)


_TAKES = {"none": "nothing of this source, which lies too far away,", "all": "the whole source"}


def _borrow(measured: Measurement, pretrained: bool) -> Recipe:
    why = f"what the program does by itself: it borrows {_TAKES[measured.decision.selector]}"
    if pretrained:
        why += " and co-tunes: the source's head learns which of its classes your images look like"
    return Recipe("borrow", why, {"selector": "auto"})


def _linear_head() -> Recipe:
    return Recipe(
        "linear-head",
        "too few images to move a whole network, and its features fit: train a linear classifier on them",
        {"selector": "none", "freeze": "trunk", "freeze_batch_norm": True},
    )


def _early_frozen(trunk: str) -> Recipe:
    stage = early_stage(trunk)
    return Recipe(
        "early-frozen",
        "the top of the network is about other images, its early stages about edges and textures: keep these "
        f"(up to {stage}), and let the later ones move at a tenth of the rate. The lecture puts linear classifiers on "
        "early stages; here the head stays on top, and the stages between are adapted",
        {"selector": "none", "freeze": stage, "freeze_batch_norm": True, "layer_rate": ["trunk:0.1"]},
    )


def _layer_rates(trunk: str) -> Recipe:
    stage = middle_stage(trunk)
    return Recipe(
        "layer-rates",
        f"fine-tune all layers: those up to {stage} at 1/100, the rest of the trunk at 1/10 of the head's rate",
        {"selector": "none", "layer_rate": [f"{stage}:0.01", "trunk:0.1"]},
    )


def _plain(why: str) -> Recipe:
    return Recipe("fine-tune", why, {"selector": "none", "layer_rate": [], "freeze": ""})


def _notes(measured: Measurement, pretrained: bool) -> tuple[str, ...]:
    notes = [f"Bordering case: {text}. It may as well be: {cell}." for text, cell in measured.borders()]
    if math.isinf(measured.ratio):
        notes.append(
            "Most of the described target images have an exact copy among the others, so there is no spread to measure "
            "by: remove the copies and ask again."
        )
    if measured.smallest * 10 < measured.median:
        notes.append(f"Classes are uneven: the smallest has {measured.smallest} images. The median decides here.")
    if pretrained:
        notes.append(
            "The lecture's domain is that of the images the trunk was trained on. If they are not this source, measure "
            "them as well: give them as --source."
        )
    notes.append("The measurement is about low-level look only. What helps shows a comparison.")
    return tuple(notes)
