"""A refused command changes nothing: what is written before the last check is held back until the check has passed."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sjft_tf.artifacts import partial_folder
from sjft_tf.errors import InputError
from sjft_tf.training import finished_rounds
from sjft_tf.workdir import Workdir

# What opening, pruning and auditing the sets and comparing a table write. Of `logs` only the picture of influence.
_HELD = (
    *("scans", "edges", "decision", "leaks", "leaks_csv", "leaks_picture", "repeats_csv", "influence", "times"),
    *("outputs", "logs"),
)


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
    paths = {name: path for name in _HELD if (path := getattr(workdir, name)).parent == workdir.root}
    try:
        before = [path for name, held in paths.items() for path in _files(name, held)]
        for path in before:
            _show(path, scratch / path.relative_to(workdir.root))
        for name, path in paths.items():
            setattr(workdir, name, scratch / path.name)
        try:
            yield
        except InputError as error:
            # Nobody is to look for a file in the scratch folder, which is about to go.
            text = str(scratch), str(workdir.root)
            error.args = tuple(arg.replace(*text) if isinstance(arg, str) else arg for arg in error.args)
            raise
        finally:
            for name, path in paths.items():
                setattr(workdir, name, path)
        if publish:
            _publish(scratch, workdir.root, before)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _worth_keeping(workdir: Workdir) -> bool:
    paths = (
        *(workdir.checkpoints, workdir.edges, workdir.neighbors, workdir.search, workdir.descriptors),
        *(partial_folder(workdir.descriptors), workdir.importance, workdir.transport, workdir.likeness),
        *(workdir.leaks, workdir.influence),
    )
    return bool(finished_rounds(workdir.rounds)) or any(path.exists() for path in paths)


def _files(name: str, path: Path) -> list[Path]:
    if name == "logs":
        return sorted(path.glob("*.influence"))
    if path.is_dir():
        return sorted(Path(folder) / name for folder, _, names in os.walk(path) for name in names)
    return [path] if path.is_file() else []


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
