"""Pruning the target: judged, chosen, written down; for scripts/prune.py and for `train.py --prune_target`."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sjft_tf import artifacts, outputs
from sjft_tf.config import RunConfig
from sjft_tf.csv_files import Writer
from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet
from sjft_tf.images.watching import refuse_changed
from sjft_tf.influence import choose, leave_one_out, ranks, save_kept
from sjft_tf.pipeline.checking.refusals import held_back, refuse_other_target
from sjft_tf.pipeline.checking.settings import check_network
from sjft_tf.pipeline.inputs import Sets, open_sets
from sjft_tf.pipeline.pruning.head import InfluenceProblem, InfluenceScores, by_alternative, by_head, cross_fit
from sjft_tf.schema import Array, Schema
from sjft_tf.summaries import Pair, influence_summary, pair_montage
from sjft_tf.training import finished_rounds
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)

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


def prune(config: RunConfig, workdir: Workdir, verify: int = 0) -> Iterator[str]:
    """What scripts/prune.py does: judges, chooses, writes, and says what was found."""
    settings = config.prune
    if verify < 0 or (verify and (settings.cross_fit or settings.influence_layers or settings.prune_by != "influence")):
        raise InputError(
            "--verify trains the convex head again without single images: it needs a number from 1, and neither "
            f"--cross_fit nor --influence_layers nor another --prune_by. Received: --verify={verify}"
        )
    sets, judged, dropped = _judged_anew(config, workdir)
    folder, target = workdir.influence, sets.target
    yield f"    judged: {len(judged.rows)} of {len(target)} target images; {judged.how}"
    positive = int((judged.scores > 0).sum())
    kept = len(target) - dropped.sum()
    yield f"   harmful: {positive} have a positive score; {dropped.sum()} dropped, {kept} kept"
    labels = target.labels[judged.rows]
    for name, sign in (("worst", -1), ("best", 1)):
        for place in np.argsort(sign * judged.scores, kind="stable")[:3]:
            row = judged.rows[place]
            yield (
                f"{name:>10}: {target.ids[row]} ({target.class_names[labels[place]]}, fits "
                f"{target.class_names[judged.better[place]]}) {judged.scores[place]:+.4g}"
            )
    yield f"      list: {folder / 'influence.csv'}"
    yield f"   picture: {folder / 'harmful.png'}, {folder / 'helpful.png'}"
    yield f"     train: --target_rows={folder / 'kept.json'}"
    if verify:
        yield from _verified(config, sets, workdir, judged, verify)


def judged_images(config: RunConfig, workdir: Workdir) -> tuple[np.ndarray, np.ndarray]:
    """As `prune`, for Python: scores float64 [N] (NaN for an image that judged), and which are dropped, bool [N]."""
    sets, judged, dropped = _judged_anew(config, workdir)
    scores = np.full(len(sets.target), np.nan)
    scores[judged.rows] = judged.scores
    return scores, _by_row(judged, dropped, sets.target)


def _judged_anew(config: RunConfig, workdir: Workdir) -> tuple[Sets, InfluenceScores, np.ndarray]:
    check_network(config)
    with held_back(workdir):
        sets = open_sets(config, workdir)
        refuse_other_target(config, sets, workdir)
        return sets, *judgement(config, sets, workdir)


def judgement(config: RunConfig, sets: Sets, workdir: Workdir) -> tuple[InfluenceScores, np.ndarray]:
    """Scores and the choice, bool [M]: from the workdir if made from the same, else made now and written.

    `scores.npz` is written last: where it is, the list, the pictures and kept.json are complete.
    """
    path, made_from = workdir.influence / "scores.npz", _made_from(config, sets)
    if (stored := _stored(path, made_from, sets.target)) is not None:
        if not outputs.intact(*_told(workdir)):
            _write(sets.target, *stored, workdir, made_from)
        return stored
    if path.is_file() and finished_rounds(workdir.rounds):
        _refuse_other(path, made_from, workdir)
    with workdir.timed("pruning"):
        bench = InfluenceProblem(config, sets, workdir)
        if config.prune.prune_by != "influence":
            judged = by_alternative(bench)
        elif config.prune.influence_layers:
            from sjft_tf.pipeline.pruning.network import by_network

            judged = by_network(bench, sets, workdir.influence)
        else:
            judged = cross_fit(bench) if config.prune.cross_fit else by_head(bench)
        dropped = choose(
            judged.bound,
            sets.target.labels[judged.rows],
            max_share=min(1.0, config.prune.drop_share * len(sets.target) / len(judged.rows)),
            keep_per_class=config.prune.keep_per_class,
        )
        refuse_changed(sets.target, sets.validation)
        path.unlink(missing_ok=True)
        _write(sets.target, judged, dropped, workdir, made_from)
        arrays = {"rows": judged.rows, "scores": judged.scores, "bound": judged.bound, "better": judged.better}
        artifacts.save_npz(path, {**arrays, "dropped": dropped}, {"made_from": made_from, "how": judged.how})
    return judged, dropped


def _made_from(config: RunConfig, sets: Sets) -> dict[str, Any]:
    weights = Path(config.model.weights)
    return {
        **{name: value for name, value in config.stamp("view", "prune").items() if name not in ("pad", "mirror")},
        **{name: getattr(config.model, name) for name in ("trunk", "alpha", "depth", "width")},
        "seed": config.training.seed,
        "weights": artifacts.fingerprint(weights.read_bytes()) if weights.is_file() else config.model.weights,
        "target images": sets.target.fingerprint,
        "validation images": sets.validation.fingerprint if sets.validation is not None else None,
    }


def _stored(path: Path, made_from: dict[str, Any], target: ImageSet) -> tuple[InfluenceScores, np.ndarray] | None:
    if not path.is_file():
        return None
    arrays, meta = artifacts.load_npz(path, _SCHEMA)
    try:
        artifacts.check_made_from(path, meta["made_from"], made_from)
    except artifacts.ArtifactMismatch:
        return None
    rows, better = arrays["rows"], arrays["better"]
    if (
        not len(rows)
        or max(rows.max() - len(target), better.max() - target.num_classes) >= 0
        or len(set(rows.tolist())) < len(rows)
    ):
        raise InputError(f"{path} is damaged: it names images or classes that there are not. {artifacts.REMAKE}")
    dropped = arrays.pop("dropped")
    return InfluenceScores(**arrays, how=meta["how"]), dropped


def _refuse_other(path: Path, made_from: dict[str, Any], workdir: Workdir) -> None:
    """The pruning that a finished run was made with is part of it; any other is told in its report, of its images."""
    part = workdir.config.is_file() and workdir.read_config().data.prune_target
    there = artifacts.load_npz(path, _SCHEMA)[1]["made_from"]
    found, asked = ({k: v for k, v in stamp.items() if part or "images" in k} for stamp in (there, made_from))
    artifacts.check_made_from(path, found, asked, artifacts.OTHER_WORKDIR)


def _by_row(judged: InfluenceScores, dropped: np.ndarray, target: ImageSet) -> np.ndarray:
    found = np.zeros(len(target), bool)
    found[judged.rows[dropped]] = True
    return found


def _write(
    target: ImageSet, judged: InfluenceScores, dropped: np.ndarray, workdir: Workdir, made_from: dict[str, Any]
) -> None:
    folder, names = workdir.influence, target.class_names
    place, order = ranks(judged.scores), np.argsort(-judged.scores, kind="stable")
    with artifacts.atomic_write(folder / "influence.csv", "w") as stream:
        writer = Writer(stream)
        writer.writerow(["id", "class", "influence", "rank", "dropped", "better_class"])
        for i in order:
            row = judged.rows[i]
            cells = (target.ids[row], names[target.labels[row]], f"{judged.scores[i]:.8g}", place[i], int(dropped[i]))
            writer.writerow([*cells, names[judged.better[i]]])
    for name, chosen in (("harmful", order[:_SHOWN]), ("helpful", order[::-1][:_SHOWN])):
        pair_montage(folder / f"{name}.png", [_pair(target, judged, i, int(place[i])) for i in chosen])
    influence_summary(workdir.logs, judged.scores, {name: folder / f"{name}.png" for name in ("harmful", "helpful")})
    save_kept(folder / "kept.json", target, ~_by_row(judged, dropped, target), made_from)
    outputs.record(*_told(workdir))


def _told(workdir: Workdir) -> list[Path]:
    return [workdir.influence / name for name in ("influence.csv", "harmful.png", "helpful.png", "kept.json")]


def _pair(target: ImageSet, judged: InfluenceScores, i: int, place: int) -> Pair:
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
        f"{place}: {label[:18]}, {judged.scores[i]:+.3g}",
        f"fits {fits[:24]} (right)" if better != target.labels[row] else "its label fits (right: the same)",
    )


def _verified(config: RunConfig, sets: Sets, workdir: Workdir, judged: InfluenceScores, number: int) -> Iterator[str]:
    bench = InfluenceProblem(config, sets, workdir)
    drawn = np.random.default_rng(config.training.seed).permutation(len(judged.rows))[:number]
    judges = bench.examples(bench.judging)
    found = leave_one_out(bench.head, judged.scores, judges, drawn, config.prune.damping)
    path = workdir.influence / "verify.csv"
    with artifacts.atomic_write(path, "w") as stream:
        writer = Writer(stream)
        writer.writerow(["id", "predicted", "measured"])
        for i, predicted, measured in zip(drawn, found.predicted, found.measured, strict=True):
            writer.writerow([sets.target.ids[judged.rows[i]], f"{predicted:.8g}", f"{measured:.8g}"])
    yield f"  verified: {len(drawn)} heads trained again without one image; change of the validation loss in nats:"
    for i in np.argsort(-np.abs(found.measured))[:5]:
        name = sets.target.ids[judged.rows[drawn[i]]]
        yield f"            {name}: predicted {found.predicted[i]:+.4g}, measured {found.measured[i]:+.4g}"
    if len(drawn) > 2:
        yield f"            Pearson {found.pearson:.4f}, Spearman {found.spearman:.4f}; all of them: {path}"
