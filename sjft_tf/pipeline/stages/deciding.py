"""--selector=auto: decided once for a run, before anything is searched, and kept with it."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import numpy as np

from sjft_tf.advice import Distances, decide
from sjft_tf.artifacts import Artifact, Stamp, read_json, write_json
from sjft_tf.config import RELATED, RunConfig
from sjft_tf.evaluation import ChosenSelector
from sjft_tf.images import refuse_changed
from sjft_tf.pipeline.stages.sampling import Samples
from sjft_tf.run_sets import Sets
from sjft_tf.training import ALONE, Cluster
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)

_SELECTORS = ("none", "all")
_FORM = {"selector": str, "reason": str, "made_from": dict}
_MOST, _SEED = (256, 2048), 0
"""Target and source images that are described, and the seed they are drawn by: not the run's, so that runs of all seeds
decide alike."""


def resolved(config: RunConfig, sets: Sets, workdir: Workdir, cluster: Cluster = ALONE) -> tuple[RunConfig, Sets]:
    """The settings and sets that all later stages work with: of --selector=auto what it stands for.

    Of several processes the chief decides.
    """
    if config.selection.selector != "auto":
        return config, sets
    if config.selection.k0 != "auto":
        log.warning(
            "--k0=%s has no effect with --selector=auto, which looks for no neighbors. Give --selector=nearest",
            config.selection.k0,
        )

    def make() -> dict[str, np.ndarray]:
        decision = decision_of(config, sets, workdir)
        log.info("selector=auto takes %s", decision)
        return {"selector": np.array(_SELECTORS.index(decision.selector))}

    selector = _SELECTORS[int(cluster.once(make)["selector"])]
    if config.training.co_tuning == "auto":
        config = config.replace("training", co_tuning=RELATED if config.co_tuning else "0")
    config = config.replace("selection", selector=selector)
    return config, sets if config.uses_source else dataclasses.replace(sets, source=None)


def decision_of(config: RunConfig, sets: Sets, workdir: Workdir) -> ChosenSelector:
    """What --selector=auto takes for these sets, from the workdir or decided now.

    One of other images is replaced: a run that was begun with it is refused for these by itself.
    """

    def make() -> ChosenSelector:
        if sets.source is None:
            return decide(None)
        source, target = sets.source, sets.target
        with workdir.timed("choice of the selector"):
            samples = Samples.of(target, source, _MOST, _SEED, several=len(config.data.source) > 1)
            refuse_changed(target, source)
        return decide(distances_of(samples))

    return _artifact(config, sets, workdir).get(make)


def distances_of(samples: Samples) -> Distances:
    """The distances of the source and of its parts."""
    return Distances(samples.distance.ratio, samples.part_ratios())


def kept_decision(config: RunConfig, workdir: Workdir) -> ChosenSelector | None:
    """What was decided for a run with these settings, for its figures; None where they name a selector.

    Raises:
        InputError: the file is damaged.
    """
    if config.selection.selector != "auto" or not workdir.decision.is_file():
        return None
    return _load(workdir.decision)[0]


def _artifact(config: RunConfig, sets: Sets, workdir: Workdir) -> Artifact[ChosenSelector]:
    def unfit(decision: ChosenSelector) -> str | None:
        return None if decision.selector in _SELECTORS else f"it names the selector {decision.selector!r:.99}"

    stamp: Stamp = {
        "target": sets.target.fingerprint,
        "source": None if sets.source is None else sets.source.fingerprint,
    }
    return Artifact(workdir.decision, stamp, _load, _save, replaceable=True, unfit=unfit)


def _load(path: Path) -> tuple[ChosenSelector, Stamp]:
    value = read_json(path, _FORM)
    return ChosenSelector(value["selector"], value["reason"]), value["made_from"]


def _save(path: Path, decision: ChosenSelector, made_from: Stamp) -> None:
    write_json(path, {**dataclasses.asdict(decision), "made_from": made_from})
