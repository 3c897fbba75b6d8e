"""Measures a target and a source before any training, and says which recipe suits them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from sjft_tf import artifacts
from sjft_tf.advice import (
    BANK,
    BINS,
    DIFFERENT,
    FAR,
    LITTLE,
    SIDE,
    Advice,
    Measurement,
    command,
)
from sjft_tf.advice import advise as advice_for
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.pipeline.sharding.scanning import open_sets
from sjft_tf.pipeline.stages.deciding import distances_of
from sjft_tf.pipeline.stages.sampling import Samples
from sjft_tf.run_sets import NO_IMAGES
from sjft_tf.workdir import Workdir


def measure(config: RunConfig, workdir: Workdir, most_target: int = 256, most_source: int = 2048) -> Measurement:
    """Counts the target's classes, and compares descriptors of samples of both sets.

    Bank, side and bins are those the thresholds were found with, and no settings of the run. Bin edges are fitted to
    the target's sample; samples are drawn by `config.training.seed`.

    Args:
        config: which images, and the seed.
        workdir: where the results of checking the files are kept.
        most_target: target images that are described, at least 2.
        most_source: source images, at least 1.

    Raises:
        InputError: sets that do not fit, samples that are too small.
    """
    if most_target < 2 or most_source < 1:
        raise InputError(
            "The samples must have at least 2 target images and 1 source image. "
            f"Received: --sample_target={most_target} --sample_source={most_source}"
        )
    # Images that are scored play no part here, and need not even be there.
    sets = open_sets(config.replace("data", validation=NO_IMAGES, test=NO_IMAGES), workdir)
    source, several = sets.source_images(), len(config.data.source) > 1
    samples = Samples.of(sets.target, source, (most_target, most_source), config.training.seed, several)
    distance, counts, draws = samples.distance, sets.target.class_counts, config.training.total_draws
    return Measurement(
        images=len(sets.target),
        classes=sets.target.num_classes,
        smallest=int(counts.min()),
        median=float(np.median(counts)),
        largest=int(counts.max()),
        source_images=len(source),
        ratio=distance.ratio,
        between=distance.between,
        within=distance.within,
        candidates=distance.candidates,
        sampled_target=len(samples.target),
        sampled_source=len(samples.source),
        drawn=draws,
        parts=distances_of(samples).parts,
    )


def commands_for(advice: Advice, config: RunConfig, folder: str) -> dict[str, str]:
    """The command of each recipe by its name, and of the comparison; every one is a valid configuration.

    Args:
        advice: the recipes.
        config: what the user gave.
        folder: the workdirs of the commands lie in it.
    """
    commands = {
        recipe.name: command("train", config.with_settings(**recipe.settings).validate(), f"{folder}/{recipe.name}")
        for recipe in advice.recipes
    }
    # Chosen by the comparison itself, and no flags of it.
    plain = config.replace("data", holdout_test=0.0, validation_fold="", source_rows="")
    compared = plain.replace("selection", selector=RunConfig().selection.selector).validate()
    return commands | {"compare": command("compare", compared, f"{folder}/compare")}


def advise(
    config: RunConfig, workdir: Workdir, keep: bool, most_target: int = 256, most_source: int = 2048
) -> Iterator[str]:
    """Measures, and yields the advice as lines; with `keep` it is written to `advice.json` in the workdir too."""
    measured = measure(config, workdir, most_target, most_source)
    advice = advice_for(measured, config.model.trunk, config.model.weights != "none")
    commands = commands_for(advice, config, str(workdir.root.parent) if keep else "runs")
    yield ""
    yield (
        f"    target: {measured.images} images in {measured.classes} classes; a class has {measured.smallest} to "
        f"{measured.largest}, the median {measured.median:g} ({'below' if measured.little else 'at least'} {LITTLE})"
    )
    yield (
        f"  distance: {measured.ratio:.2f} ({'below' if measured.similar else 'at least'} {DIFFERENT:g}): the nearest "
        f"of {measured.candidates} source images is {measured.between:.3g} away, "
        f"of other target images {measured.within:.3g}"
    )
    yield f"   sampled: {measured.sampled_target} target and {measured.sampled_source} source images"
    yield (
        f"     draws: a training with these flags draws {measured.drawn:,} source images, {measured.passes:,.2f} for "
        f"each of {measured.source_images:,}"
    )
    yield f"      auto: --selector=auto takes {advice.decision}"
    yield f"      case: {advice.cell}"
    yield f" borrowing: {advice.borrowing}"
    if advice.rate:
        yield f"      rate: {advice.rate}"
    for number, recipe in enumerate(advice.recipes, 1):
        yield f"{number:>10}: {recipe.name}: {recipe.why}"
        yield f"            {commands[recipe.name]}"
    yield "   to know: compare them on your images"
    yield f"            {commands['compare']}"
    for note in advice.notes:
        yield f"      note: {note}"
    if keep:
        path = workdir.advice
        artifacts.write_json(
            path,
            {
                "measured": measured.to_json(),
                "thresholds": {"images a class": LITTLE, "ratio": DIFFERENT, "far": FAR},
            }
            | {"measured by": {"bank": BANK, "side": SIDE, "bins": BINS}}
            | {"auto": dataclasses.asdict(advice.decision)}
            | {"case": advice.cell, "borrowing": advice.borrowing, "rate": advice.rate}
            | {"recipes": [{"name": r.name, "why": r.why, "command": commands[r.name]} for r in advice.recipes]}
            | {"compare": commands["compare"], "notes": list(advice.notes)},
        )
        yield f"   details: {path}"
