"""The leakage audit of a run: found in the workdir or made, told to the user, heeded with --exclude_leaks."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

import numpy as np

from sjft_tf import artifacts, outputs
from sjft_tf.config import RunConfig
from sjft_tf.csv_files import Writer
from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet
from sjft_tf.images.audit import MIN_SIDE, SETTINGS, Audit, Leak, audit
from sjft_tf.images.watching import refuse_changed
from sjft_tf.pipeline.checking.refusals import held_back, refuse_other_target
from sjft_tf.pipeline.inputs import Sets, open_sets
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
    assert sets.source is not None
    found = audit_of(sets, workdir)
    for line in warnings(sets.source, found, workdir, config.data.exclude_leaks):
        log.warning("%s", line)
    rows = np.arange(len(sets.source))
    if not config.data.exclude_leaks:
        return rows
    kept = np.setdiff1d(rows, [leak.source_row for leak in found.leaks])
    if not len(kept):
        raise InputError(
            f"--exclude_leaks leaves nothing of the source: all {len(sets.source)} images are the target's"
        )
    return kept


def audit_of(sets: Sets, workdir: Workdir) -> Audit:
    """The audit of these sets, from the workdir if it was made from them, else made now.

    It is cheap beside what depends on it, so one of other images is simply replaced, but for a finished run's. Writes
    the list for the user (leaks.csv, leaks.png), then the audit itself (leaks.npz): where that is, the others are
    complete.
    """
    assert sets.source is not None
    targets = roles(sets)
    made_from = {"source": sets.source.fingerprint, **SETTINGS} | {
        f"{role} images": images.fingerprint for role, images in targets.items()
    }
    found = _stored(workdir, made_from, {role: len(images) for role, images in targets.items()}, len(sets.source))
    if found is None and finished_rounds(workdir.rounds):
        _refuse_other(workdir, made_from)
    fresh = found is None
    if found is None:
        with workdir.timed("leakage audit"):
            found = audit(sets.source, targets)
            refuse_changed(sets.source, *targets.values())
            workdir.leaks.unlink(missing_ok=True)
    if fresh or not outputs.intact(workdir.leaks_csv, workdir.leaks_picture):
        _write_list(sets.source, targets, found.leaks, workdir)
        _show(sets.source, targets, found.leaks, workdir)
        outputs.record(workdir.leaks_csv, workdir.leaks_picture)
    if fresh:
        _save(workdir, found, made_from)
        _tell_limits(sets.source, targets, found)
    return found


def roles(sets: Sets) -> dict[str, ImageSet]:
    """The target sets a source image must not be part of, those whose figures it would spoil most first."""
    named = {"test": sets.test, "validation": sets.validation, "training": sets.target}
    return {role: images for role, images in named.items() if images is not None}


def warnings(source: ImageSet, found: Audit, workdir: Workdir, excluded: bool) -> list[str]:
    """What the user must know: how many leaks of each role, where they are listed, what can be done."""
    if not found.leaks:
        return []
    rows = {leak.source_row for leak in found.leaks}
    parts = []
    for role in found.judged:
        kinds = [leak.kind for leak in found.leaks if leak.role == role]
        if kinds:
            parts.append(f"{len(kinds)} show {role} images ({kinds.count('identical')} byte-identical)")
    what = "They are left out." if excluded else "--exclude_leaks leaves them out, --noaudit does not look for them."
    listed, shown = (workdir.root / path.name for path in (workdir.leaks_csv, workdir.leaks_picture))
    return [
        f"LEAKAGE: {len(rows)} of {len(source)} source images are images of the target: {'; '.join(parts)}. "
        f"Listed in {listed}, shown in {shown}. {what}"
    ]


def run_audit(config: RunConfig, workdir: Workdir) -> list[str]:
    """What scripts/audit.py does: audits and says what was found."""
    with held_back(workdir):
        sets = open_sets(config, workdir)
        if sets.source is None:
            raise InputError("There is nothing to audit: give --source")
        refuse_other_target(config, sets, workdir)
        found = audit_of(sets, workdir)
    count = {role: sum(leak.role == role for leak in found.leaks) for role in found.judged}
    identical = {role: sum(leak.role == role and leak.kind == "identical" for leak in found.leaks) for role in count}
    lines = [
        f"{role:>10}: {count[role]} of {len(sets.source)} source images show one of the {len(images)} {role} images, "
        f"{identical[role]} of them byte-identical"
        for role, images in roles(sets).items()
    ]
    lines.append(f"      list: {workdir.leaks_csv}")
    return lines + ([f"   picture: {workdir.leaks_picture}"] if found.leaks else [])


def _stored(workdir: Workdir, made_from: dict[str, Any], sizes: dict[str, int], source_size: int) -> Audit | None:
    if not workdir.leaks.is_file():
        return None
    try:
        arrays, meta = artifacts.load_npz(workdir.leaks, _SCHEMA)
        artifacts.check_made_from(workdir.leaks, meta["made_from"], made_from)
        within = arrays["source_row"].max(initial=-1) < source_size and all(
            role in sizes and row < sizes[role]
            for role, row in zip(arrays["role"].tolist(), arrays["target_row"].tolist(), strict=True)
        )
        if not within or set(meta["judged"]) != set(sizes) or set(arrays["kind"].tolist()) - {"identical", "near"}:
            raise InputError(f"{workdir.leaks} is damaged: it names images or kinds that there are not.")
    except artifacts.ArtifactMismatch:
        return None
    except InputError as error:
        log.warning("%s The audit is made again.", error)  # cheap beside what depends on it
        return None
    columns = (arrays[name].tolist() for name in Leak._fields)
    return Audit(tuple(Leak(*values) for values in zip(*columns, strict=True)), meta["judged"])


def _refuse_other(workdir: Workdir, made_from: dict[str, Any]) -> None:
    """The audit of a finished run is part of it; only a set that had not been there may be added."""
    if workdir.leaks.is_file():
        try:
            there = artifacts.load_npz(workdir.leaks, _SCHEMA)[1]["made_from"]
        except InputError:  # damaged: it is made again
            return
        both = [name for name in there if name in made_from and name not in SETTINGS]
        found, asked = ({name: stamp[name] for name in both} for stamp in (there, made_from))
        artifacts.check_made_from(workdir.leaks, found, asked, artifacts.OTHER_WORKDIR)


def _save(workdir: Workdir, found: Audit, made_from: dict[str, Any]) -> None:
    types = (np.int32, np.str_, np.int32, np.str_, np.float32)
    columns = zip(*found.leaks, strict=True) if found.leaks else [()] * len(types)
    arrays: dict[str, np.ndarray] = {
        name: np.array(c, kind) for name, c, kind in zip(Leak._fields, columns, types, strict=True)
    }
    artifacts.save_npz(workdir.leaks, arrays, {"made_from": made_from, "judged": found.judged})


def _write_list(source: ImageSet, targets: dict[str, ImageSet], leaks: tuple[Leak, ...], workdir: Workdir) -> None:
    with artifacts.atomic_write(workdir.leaks_csv, "w") as stream:
        writer = Writer(stream)
        writer.writerow(["source_id", "role", "target_id", "kind", "score"])
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


def _tell_limits(source: ImageSet, targets: dict[str, ImageSet], found: Audit) -> None:
    tiny = [role for role, images in targets.items() if found.judged[role] < len(images)]
    if tiny:
        log.info(
            "Leakage audit: images with a side below %d pixels (%s) were compared with the %d source images byte by "
            "byte only.",
            MIN_SIDE,
            ", ".join(f"{len(targets[role]) - found.judged[role]} {role}" for role in tiny),
            len(source),
        )
