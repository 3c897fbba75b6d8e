"""Which target images hurt: judged, listed, and on request checked by training again without some of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sjft_tf import artifacts
from sjft_tf.config import RunConfig
from sjft_tf.csv_files import Writer
from sjft_tf.errors import InputError
from sjft_tf.influence import leave_one_out
from sjft_tf.pipeline.checking.begun_run import refuse_other_target
from sjft_tf.pipeline.checking.held_back import held_back
from sjft_tf.pipeline.checking.several_labels import refusal
from sjft_tf.pipeline.pruning.head import InfluenceProblem, InfluenceScores
from sjft_tf.pipeline.pruning.target import judgement
from sjft_tf.pipeline.sharding.scanning import open_sets
from sjft_tf.pipeline.sharding.workers import keeping_workers
from sjft_tf.run_sets import Sets
from sjft_tf.workdir import Workdir


def prune(config: RunConfig, workdir: Workdir, verify: int = 0) -> Iterator[str]:
    """Judges the target's images, chooses, writes, and yields what was found."""
    settings = config.prune
    if verify < 0 or (verify and (settings.cross_fit or settings.influence_layers or settings.prune_by != "influence")):
        raise InputError(
            "--verify trains the convex head again without single images: it needs a number from 1, and neither "
            f"--cross_fit nor --influence_layers nor another --prune_by. Received: --verify={verify}"
        )
    sets, judged, dropped = _judged_anew(config, workdir)
    target = sets.target
    yield f"    judged: {len(judged.rows)} of {len(target)} target images; {judged.how}"
    positive = int((judged.scores > 0).sum())
    kept = len(target) - dropped.sum()
    yield f"   harmful: {positive} have a positive score; {dropped.sum()} dropped, {kept} kept"
    labels = target.labels[judged.rows]
    for name, sign in (("worst", -1), ("best", 1)):
        for position in np.argsort(sign * judged.scores, kind="stable")[:3]:
            row = judged.rows[position]
            yield (
                f"{name:>10}: {target.ids[row]} ({target.class_names[labels[position]]}, fits "
                f"{target.class_names[judged.better[position]]}) {judged.scores[position]:+.4g}"
            )
    yield f"      list: {workdir.influence_csv}"
    yield f"   picture: {', '.join(map(str, workdir.influence_pictures.values()))}"
    yield f"     train: --target_rows={workdir.kept}"
    if verify:
        yield from _verified(config, sets, workdir, judged, verify)


def judged_images(config: RunConfig, workdir: Workdir) -> tuple[np.ndarray, np.ndarray]:
    """As `prune`, for Python: scores float64 [N] (NaN for an image that judged), and which are dropped, bool [N]."""
    sets, judged, dropped = _judged_anew(config, workdir)
    scores = np.full(len(sets.target), np.nan)
    scores[judged.rows] = judged.scores
    left_out = np.zeros(len(sets.target), bool)
    left_out[judged.rows[dropped]] = True
    return scores, left_out


@keeping_workers()
def _judged_anew(config: RunConfig, workdir: Workdir) -> tuple[Sets, InfluenceScores, np.ndarray]:
    config.check_network()
    with held_back(workdir):
        sets = open_sets(config, workdir)
        if sets.target.label_matrix is not None:
            raise refusal("Pruning", sets.target)
        refuse_other_target(config, sets, workdir)
        return sets, *judgement(config, sets, workdir)


def _verified(config: RunConfig, sets: Sets, workdir: Workdir, judged: InfluenceScores, number: int) -> Iterator[str]:
    problem = InfluenceProblem(config, sets, workdir)
    drawn = np.random.default_rng(config.training.seed).permutation(len(judged.rows))[:number]
    judges = problem.examples(problem.judging)
    retrained = leave_one_out(problem.head, judged.scores, judges, drawn, config.prune.damping)
    path = workdir.influence_check
    with artifacts.atomic_write(path, "w") as stream:
        writer = Writer(stream)
        writer.writerow(["id", "predicted", "measured"])
        for i, predicted, measured in zip(drawn, retrained.predicted, retrained.measured, strict=True):
            writer.writerow([sets.target.ids[judged.rows[i]], f"{predicted:.8g}", f"{measured:.8g}"])
    yield f"  verified: {len(drawn)} heads trained again without one image; change of the validation loss in nats:"
    for i in np.argsort(-np.abs(retrained.measured))[:5]:
        name = sets.target.ids[judged.rows[drawn[i]]]
        yield f"            {name}: predicted {retrained.predicted[i]:+.4g}, measured {retrained.measured[i]:+.4g}"
    if len(drawn) > 2:
        yield f"            Pearson {retrained.pearson:.4f}, Spearman {retrained.spearman:.4f}; all of them: {path}"
