"""Pruning the target: judged, chosen, written down, or found in the workdir."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import numpy as np

from sjft_tf import artifacts, outputs
from sjft_tf.config import RunConfig
from sjft_tf.csv_files import Writer
from sjft_tf.images import ImageSet, refuse_changed
from sjft_tf.influence import choose, ranks, save_kept
from sjft_tf.pipeline.networks import network_origin
from sjft_tf.pipeline.pruning.head import InfluenceProblem, InfluenceScores, by_alternative, by_head, cross_fit
from sjft_tf.run_sets import Sets
from sjft_tf.schema import Array, Schema
from sjft_tf.summaries import Pair, influence_summary, pair_montage
from sjft_tf.training import finished_rounds
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)

Judgement = tuple[InfluenceScores, np.ndarray]
"""Scores of the target images, and which of them are dropped, bool [M]."""

_SHOWN = 24  # images in a picture
_SCHEMA = Schema(
    {
        "rows": Array("int", ("images",), low=0),
        "scores": Array("float", ("images",), infinite=True),
        "bound": Array("float", ("images",), infinite=True),
        "better": Array("int", ("images",), low=0),
        "dropped": Array("bool", ("images",)),
    },
    {"made_from": dict, "how": str},
)


def pruned(config: RunConfig, sets: Sets, workdir: Workdir) -> Sets:
    """The sets with the target's kept images only; judged now, or as it lies in the workdir.

    Raises:
        InputError: see `influence`; nothing of the target is left out where influence cannot be computed.
    """
    judged, dropped = judgement(config, sets, workdir)
    log.info("Pruning drops %d of %d target images (%s)", dropped.sum(), len(sets.target), judged.how)
    return dataclasses.replace(sets, target=sets.target.subset(np.flatnonzero(~_by_row(judged, dropped, sets.target))))


def judgement(config: RunConfig, sets: Sets, workdir: Workdir) -> Judgement:
    """Scores and the choice, bool [M]: from the workdir if made from the same, else made now and written."""

    def make() -> Judgement:
        with workdir.timed("pruning"):
            made = _made(config, sets, workdir)
            refuse_changed(sets.target, sets.validation)
            _told(workdir)[0].unlink(missing_ok=True)  # of other scores: written anew below
            return made

    artifact = _artifact(config, sets, workdir)
    judged, dropped = artifact.get(make)
    if not outputs.intact(*_told(workdir)):
        _write(sets.target, judged, dropped, workdir, artifact.made_from)
    return judged, dropped


def _made(config: RunConfig, sets: Sets, workdir: Workdir) -> Judgement:
    problem = InfluenceProblem(config, sets, workdir)
    if config.prune.prune_by != "influence":
        judged = by_alternative(problem)
    elif config.prune.influence_layers:
        from sjft_tf.pipeline.pruning.network import by_network

        judged = by_network(problem, sets, workdir.influence)
    else:
        judged = cross_fit(problem) if config.prune.cross_fit else by_head(problem)
    dropped = choose(
        judged.bound,
        sets.target.labels[judged.rows],
        max_share=min(1.0, config.prune.drop_share * len(sets.target) / len(judged.rows)),
        keep_per_class=config.prune.keep_per_class,
    )
    return judged, dropped


def _made_from(config: RunConfig, sets: Sets) -> artifacts.Stamp:
    return {
        **{name: value for name, value in config.stamp("view", "prune").items() if name not in ("pad", "mirror")},
        **{name: getattr(config.model, name) for name in ("trunk", "alpha", "depth", "width")},
        "seed": config.training.seed,
        **network_origin(config.model),
        "target images": sets.target.fingerprint,
        "validation images": sets.validation.fingerprint if sets.validation is not None else None,
    }


def _artifact(config: RunConfig, sets: Sets, workdir: Workdir) -> artifacts.Artifact[Judgement]:
    made_from, target = _made_from(config, sets), sets.target

    def load(path: Path) -> tuple[Judgement, artifacts.Stamp]:
        arrays, meta = artifacts.load_npz(path, _SCHEMA)
        dropped = arrays.pop("dropped")
        return (InfluenceScores(**arrays, how=meta["how"]), dropped), meta["made_from"]

    def save(path: Path, value: Judgement, made_from: artifacts.Stamp) -> None:
        judged, dropped = value
        arrays = {name: getattr(judged, name) for name in ("rows", "scores", "bound", "better")}
        artifacts.save_npz(path, {**arrays, "dropped": dropped}, {"made_from": made_from, "how": judged.how})

    def unfit(value: Judgement) -> str | None:
        rows, better = value[0].rows, value[0].better
        known = (
            len(rows)
            and rows.max() < len(target)
            and better.max() < target.num_classes
            and len(np.unique(rows)) == len(rows)
        )
        return None if known else "it names images or classes that there are not"

    # The pruning that a finished run was made with is part of it; any other is told in its report, of its images.
    fixed: list[str] = []
    if finished_rounds(workdir.rounds):
        part = workdir.config.is_file() and workdir.read_config().data.prune_target
        fixed = [name for name in made_from if part or "images" in name]
    path = workdir.influence_scores
    return artifacts.Artifact(path, made_from, load, save, replaceable=True, fixed=fixed, unfit=unfit)


def _by_row(judged: InfluenceScores, dropped: np.ndarray, target: ImageSet) -> np.ndarray:
    left_out = np.zeros(len(target), bool)
    left_out[judged.rows[dropped]] = True
    return left_out


def _write(
    target: ImageSet, judged: InfluenceScores, dropped: np.ndarray, workdir: Workdir, made_from: artifacts.Stamp
) -> None:
    names = target.class_names
    rank, order = ranks(judged.scores), np.argsort(-judged.scores, kind="stable")
    with artifacts.atomic_write(workdir.influence_csv, "w") as stream:
        writer = Writer(stream)
        writer.writerow(["id", "class", "influence", "rank", "dropped", "better_class"])
        for i in order:
            row = judged.rows[i]
            cells = (target.ids[row], names[target.labels[row]], f"{judged.scores[i]:.8g}", rank[i], int(dropped[i]))
            writer.writerow([*cells, names[judged.better[i]]])
    pictures = workdir.influence_pictures
    for name, chosen in (("harmful", order[:_SHOWN]), ("helpful", order[::-1][:_SHOWN])):
        pair_montage(pictures[name], [_pair(target, judged, i, int(rank[i])) for i in chosen])
    influence_summary(workdir.logs, judged.scores, pictures)
    save_kept(workdir.kept, target, ~_by_row(judged, dropped, target), made_from)
    outputs.record(*_told(workdir))


def _told(workdir: Workdir) -> list[Path]:
    return [workdir.influence_csv, *workdir.influence_pictures.values(), workdir.kept]


def _pair(target: ImageSet, judged: InfluenceScores, i: int, rank: int) -> Pair:
    """An image beside the most helpful other image of the class that would fit it better."""
    row, better = judged.rows[i], judged.better[i]
    alike = np.flatnonzero((target.labels[judged.rows] == better) & (judged.rows != row))
    if len(alike):
        other = judged.rows[alike[np.argmin(judged.scores[alike])]]
    else:
        other = next((r for r in np.flatnonzero(target.labels == better) if r != row), row)
    label, fits = target.class_names[target.labels[row]], target.class_names[better]
    return Pair(
        target.load(row).numpy(),
        target.load(other).numpy(),
        f"{rank}: {label[:18]}, {judged.scores[i]:+.3g}",
        f"fits {fits[:24]} (right)" if better != target.labels[row] else "its label fits (right: the same)",
    )
