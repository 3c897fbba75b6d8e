"""The leakage audit of a run: found in the workdir or made, told to the user, heeded with --exclude_leaks."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import numpy as np

from sjft_tf import artifacts, outputs
from sjft_tf.config import RunConfig
from sjft_tf.csv_files import Writer
from sjft_tf.errors import InputError
from sjft_tf.images import (
    AUDIT_SETTINGS,
    MIN_AUDITED_SIDE,
    Audit,
    ImageSet,
    Leak,
    find_conflicts,
    find_leaks,
    refuse_changed,
)
from sjft_tf.pipeline.sharding.auditing import auditor
from sjft_tf.run_sets import Sets
from sjft_tf.schema import Array, Schema
from sjft_tf.summaries import Pair, pair_montage
from sjft_tf.training import ALONE, Cluster, finished_rounds
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)

_SHOWN = 40  # pairs in the picture
_SCHEMA = Schema(
    {
        "source_row": Array("int32", ("leaks",), low=0),
        "role": Array("text", ("leaks",)),
        "target_row": Array("int32", ("leaks",), low=0),
        "kind": Array("text", ("leaks",)),
        "score": Array("float32", ("leaks",)),
    },
    {"made_from": dict, "judged": {"*": int}},
)


def audited(config: RunConfig, sets: Sets, workdir: Workdir, cluster: Cluster = ALONE) -> Sets:
    """The sets to work with: audited unless --noaudit, the source without its leaks with --exclude_leaks.

    Leaks are listed in the workdir and told as a warning. Whatever uses the source afterwards, and whatever is
    stamped with its fingerprint, sees the rows that are left. Of several processes the chief audits.

    Raises:
        InputError: every source image is a target image, and leaks are to be excluded.
    """
    if sets.source is None or not config.data.audit:
        return sets
    kept = cluster.once(lambda: {"kept": _kept(config, sets, workdir)})["kept"]
    if len(kept) == len(sets.source):
        return sets
    return dataclasses.replace(sets, source=sets.source.subset(kept))


def _kept(config: RunConfig, sets: Sets, workdir: Workdir) -> np.ndarray:
    source, report = sets.source_images(), audit_of(config, sets, workdir)
    for line in warnings(source, report, workdir, config.data.exclude_leaks):
        log.warning("%s", line)
    rows = np.arange(len(source))
    if not config.data.exclude_leaks:
        return rows
    kept = np.setdiff1d(rows, [leak.source_row for leak in report.leaks])
    if not len(kept):
        raise InputError(f"--exclude_leaks leaves nothing of the source: all {len(source)} images are the target's")
    return kept


def audit_of(config: RunConfig, sets: Sets, workdir: Workdir) -> Audit:
    """The audit of these sets, from the workdir if it was made from them, else made now.

    It is cheap beside what depends on it, so one of other images is simply replaced, but for a finished run's. Writes
    the audit itself (leaks.npz) and, where they are not what was written, the list and the picture for the user.
    """
    source, targets = sets.source_images(), roles(sets)

    def make() -> Audit:
        with workdir.timed("leakage audit"):
            report = find_leaks(source, targets, auditor(config, source, workdir))
            refuse_changed(source, *targets.values())
        workdir.leaks_csv.unlink(missing_ok=True)  # of another audit: written anew below
        _tell_limits(source, targets, report)
        return report

    report = _artifact(source, targets, workdir).get(make)
    if not outputs.intact(workdir.leaks_csv, workdir.leaks_picture):
        _write_list(workdir.leaks_csv, "source_id", source, targets, report.leaks)
        _show(source, targets, report.leaks, workdir)
        outputs.record(workdir.leaks_csv, workdir.leaks_picture)
    return report


def repeats_of(sets: Sets, workdir: Workdir) -> tuple[Leak, ...]:
    """The training images that are held-out ones or in another class too, also re-encoded, resized or changed a little.

    Lists them (repeats.csv), and the ids of the others for `--target_rows` (not_repeated.txt). `source_row` of a `Leak`
    is here the training image's, and the role "training" names its double of another class.
    """
    held_out = sets.scored()
    with workdir.timed("leakage audit"):
        repeats = (*(find_leaks(sets.target, held_out).leaks if held_out else ()), *find_conflicts(sets.target))
        refuse_changed(sets.target, *held_out.values())
    _write_list(workdir.repeats_csv, "training_id", sets.target, {**held_out, "training": sets.target}, repeats)
    others = np.setdiff1d(np.arange(len(sets.target)), [repeat.source_row for repeat in repeats])
    with artifacts.atomic_write(workdir.not_repeated, "w") as stream:
        stream.writelines(f"{name}\n" for name in sets.target.ids[others])
    return repeats


def roles(sets: Sets) -> dict[str, ImageSet]:
    """The target sets a source image must not be part of, those whose figures it would spoil most first."""
    named = {"test": sets.test, "validation": sets.validation, "training": sets.target}
    return {role: images for role, images in named.items() if images is not None}


def warnings(source: ImageSet, report: Audit, workdir: Workdir, excluded: bool) -> list[str]:
    """What the user must know: how many leaks of each role, where they are listed, what can be done."""
    if not report.leaks:
        return []
    rows = {leak.source_row for leak in report.leaks}
    parts = []
    for role in report.judged:
        kinds = [leak.kind for leak in report.leaks if leak.role == role]
        if kinds:
            parts.append(f"{len(kinds)} show {role} images ({kinds.count('identical')} byte-identical)")
    what = "They are left out." if excluded else "--exclude_leaks leaves them out, --noaudit does not look for them."
    listed, shown = (workdir.root / path.name for path in (workdir.leaks_csv, workdir.leaks_picture))
    return [
        f"LEAKAGE: {len(rows)} of {len(source)} source images are images of the target: {'; '.join(parts)}. "
        f"Listed in {listed}, shown in {shown}. {what}"
    ]


def _artifact(source: ImageSet, targets: dict[str, ImageSet], workdir: Workdir) -> artifacts.Artifact[Audit]:
    images = {"source": source.fingerprint} | {f"{role} images": one.fingerprint for role, one in targets.items()}
    sizes = {role: len(one) for role, one in targets.items()}

    def load(path: Path) -> tuple[Audit, artifacts.Stamp]:
        arrays, meta = artifacts.load_npz(path, _SCHEMA)
        report = Audit(
            tuple(Leak(*leak) for leak in zip(*(arrays[name].tolist() for name in Leak._fields), strict=True)),
            meta["judged"],
        )
        return report, meta["made_from"]

    def unfit(report: Audit) -> str | None:
        known = set(report.judged) == set(sizes) and all(
            leak.source_row < len(source)
            and leak.target_row < sizes.get(leak.role, 0)
            and leak.kind in ("identical", "near")
            for leak in report.leaks
        )
        return None if known else "it names images or kinds that there are not"

    # It is cheap beside what depends on it, but the audit of a finished run is part of it: of that only a set that had
    # not been there may be added.
    fixed = images if finished_rounds(workdir.rounds) else ()
    stamp = images | AUDIT_SETTINGS
    return artifacts.Artifact(workdir.leaks, stamp, load, _save, replaceable=True, fixed=fixed, unfit=unfit)


def _save(path: Path, report: Audit, made_from: artifacts.Stamp) -> None:
    types = (np.int32, np.str_, np.int32, np.str_, np.float32)
    columns = zip(*report.leaks, strict=True) if report.leaks else [()] * len(types)
    arrays: dict[str, np.ndarray] = {
        name: np.array(column, kind) for name, column, kind in zip(Leak._fields, columns, types, strict=True)
    }
    artifacts.save_npz(path, arrays, {"made_from": made_from, "judged": report.judged})


def _write_list(
    path: Path, column: str, source: ImageSet, targets: dict[str, ImageSet], leaks: tuple[Leak, ...]
) -> None:
    with artifacts.atomic_write(path, "w") as stream:
        writer = Writer(stream)
        writer.writerow([column, "role", "target_id", "kind", "score"])
        for leak in leaks:
            names = (source.ids[leak.source_row], leak.role, targets[leak.role].ids[leak.target_row])
            writer.writerow([*names, leak.kind, f"{leak.score:.4f}"])


def _show(source: ImageSet, targets: dict[str, ImageSet], leaks: tuple[Leak, ...], workdir: Workdir) -> None:
    """The picture for judging: the least certain pairs first, identical ones at the end."""
    workdir.leaks_picture.unlink(missing_ok=True)
    if not leaks:
        return
    doubtful = sorted(leaks, key=lambda leak: (leak.kind == "identical", leak.score))[:_SHOWN]
    pairs = [
        Pair(
            targets[leak.role].load(leak.target_row).numpy(),
            source.load(leak.source_row).numpy(),
            f"{leak.role} {_end(str(targets[leak.role].ids[leak.target_row]))}",
            f"source {_end(str(source.ids[leak.source_row]))}, "
            + (leak.kind if leak.kind == "identical" else f"likeness {leak.score:.2f}"),
        )
        for leak in doubtful
    ]
    pair_montage(workdir.leaks_picture, pairs)


def _end(name: str, longest: int = 26) -> str:
    """The end of a long name, which tells files apart."""
    return name if len(name) <= longest else f"…{name[1 - longest :]}"


def _tell_limits(source: ImageSet, targets: dict[str, ImageSet], report: Audit) -> None:
    tiny = [role for role, images in targets.items() if report.judged[role] < len(images)]
    if tiny:
        log.info(
            "Leakage audit: images with a side below %d pixels (%s) were compared with the %d source images byte by "
            "byte only.",
            MIN_AUDITED_SIDE,
            ", ".join(f"{len(targets[role]) - report.judged[role]} {role}" for role in tiny),
            len(source),
        )
