"""A refused command changes nothing: what is written before the last check is held back until the check has passed."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sjft_tf import artifacts
from sjft_tf.config import RunConfig
from sjft_tf.descriptors import partial_store
from sjft_tf.errors import InputError
from sjft_tf.pipeline.inputs import Sets
from sjft_tf.training import STATE, Checkpoints, DamagedCheckpoint, finished_rounds, round_folder, round_made_from
from sjft_tf.workdir import Workdir

# What opening, pruning and auditing the sets and comparing a table write. Of `logs` only the picture of influence.
_HELD = ("scans", "edges", "leaks", "leaks_csv", "leaks_picture", "influence", "times", "outputs", "logs")
_DIVIDED_BY = ("target_rows", "prune_target", "per_class", "holdout_test", "validation_fold")


@contextlib.contextmanager
def held_back(workdir: Workdir, publish: bool = True, begun: bool = False) -> Iterator[None]:
    """What is written inside reaches the workdir when the block ends, and not at all when it raises.

    A workdir in which nothing has been made yet gets everything at once: what was scanned is not scanned again after
    a wrong flag. A comparison's shared caches are not the run's own and are never held back.

    Args:
        workdir: its paths lead to a scratch folder meanwhile, where files that are there already can be read.
        publish: False: nothing is written at all, for programs that only read.
        begun: something has been made with this workdir, though it may lie elsewhere.
    """
    if publish and not begun and not _worth_keeping(workdir):
        yield
        return
    # Beside its place, so that a file gets there in one step; the next start removes it if this one is killed.
    room = workdir.root if publish else None
    scratch = Path(tempfile.mkdtemp(prefix=".held.", suffix=".sjft-tmp", dir=room))
    places = {name: place for name in _HELD if (place := getattr(workdir, name)).parent == workdir.root}
    try:
        before = [path for name, place in places.items() for path in _files(name, place)]
        for path in before:
            _show(path, scratch / path.relative_to(workdir.root))
        for name, place in places.items():
            setattr(workdir, name, scratch / place.name)
        try:
            yield
        except InputError as error:
            # Nobody is to look for a file in the scratch folder, which is about to go.
            text = str(scratch), str(workdir.root)
            error.args = tuple(arg.replace(*text) if isinstance(arg, str) else arg for arg in error.args)
            raise
        finally:
            for name, place in places.items():
                setattr(workdir, name, place)
        if publish:
            _publish(scratch, workdir.root, before)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def refuse_other_target(config: RunConfig, sets: Sets, workdir: Workdir) -> None:
    """Refuses to put results about another target into the folder of a run that is finished or was stopped.

    Only where both divide their target alike; a table, an audit or a pruning that is there is compared by itself.

    Raises:
        ArtifactMismatch: the run was trained on other images.
    """
    done = finished_rounds(workdir.rounds)
    if not (done or workdir.checkpoints.is_dir()) or not workdir.config.is_file():
        return
    run = workdir.read_config()
    ours, theirs = ([getattr(c.data, name) for name in _DIVIDED_BY] for c in (config, run))
    if ours != theirs or run.data.prune_target or (run.data.per_class and config.training.seed != run.training.seed):
        return
    if done:
        path = round_folder(workdir.rounds, done[-1]) / STATE
        stamp = round_made_from(workdir.rounds, done[-1])
    else:
        try:
            newest = newest_checkpoint(workdir)
        except DamagedCheckpoint:  # for the training to tell
            return
        if newest is None:
            return
        path, stamp = newest
    there = stamp.get("target images")
    asked = {"target images": sets.target.fingerprint}
    artifacts.check_made_from(path, {"target images": there}, asked, artifacts.OTHER_WORKDIR)


def newest_checkpoint(workdir: Workdir) -> tuple[Path, dict[str, Any]] | None:
    """Folder and stamp of the newest checkpoint of a run's first round; None without any.

    Raises:
        DamagedCheckpoint: none of them can be read.
    """
    return Checkpoints(workdir.checkpoints, 1, {}).origin_of_newest("the beginning")


def _worth_keeping(workdir: Workdir) -> bool:
    places = (
        *(workdir.checkpoints, workdir.edges, workdir.neighbors, workdir.search, workdir.descriptors),
        *(partial_store(workdir.descriptors), workdir.importance, workdir.leaks, workdir.influence),
    )
    return bool(finished_rounds(workdir.rounds)) or any(place.exists() for place in places)


def _files(name: str, place: Path) -> list[Path]:
    if name == "logs":
        return sorted(place.glob("*.influence"))
    if place.is_dir():
        return sorted(Path(folder) / name for folder, _, names in os.walk(place) for name in names)
    return [place] if place.is_file() else []


def _show(path: Path, link: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    try:
        link.symlink_to(path.absolute())  # whoever writes replaces the link, never what it points to
    except OSError:  # a file system without links
        shutil.copy2(path, link)


def _publish(scratch: Path, root: Path, before: list[Path]) -> None:
    for path in before:
        if not os.path.lexists(scratch / path.relative_to(root)):
            path.unlink(missing_ok=True)
    for folder, _, names in os.walk(scratch):
        for name in sorted(names):
            made = Path(folder) / name
            if not made.is_symlink():
                target = root / made.relative_to(scratch)
                target.parent.mkdir(parents=True, exist_ok=True)
                made.replace(target)
