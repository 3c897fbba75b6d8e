"""Which image file changed since it was checked: asked before results are written, and where a read has failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable
from weakref import WeakValueDictionary

import numpy as np
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.images.places.paths import MISSING, file_stats
from sjft_tf.images.places.spec import is_remote
from sjft_tf.images.places.walking import visible_name

_BLOCK = 1024  # files looked at before a change among them is told


class Files:
    """The files that images come from, and their stats when they were checked.

    Args:
        paths: N of them.
        stats: `paths.file_stats` of them, (bytes, ns).
    """

    def __init__(self, paths: Sequence[str], stats: Sequence[tuple[int, int]]) -> None:
        # Joined, because a million Python strings are a hundred megabytes.
        self._joined = "\0".join(paths).encode("utf-8", "surrogateescape")
        self._stats = np.array(stats, np.int64).reshape(-1, 2)

    def change(self, remote: bool = True) -> str:
        """The first file that is another one now and what happened to it, "" if none is.

        Args:
            remote: also ask remote file systems, where every file takes a request.
        """
        paths = self._joined.decode("utf-8", "surrogateescape").split("\0")
        for start in range(0, len(self._stats), _BLOCK):
            block = zip(paths[start : start + _BLOCK], self._stats[start : start + _BLOCK].tolist(), strict=True)
            part = [(path, tuple(before)) for path, before in block if remote or not is_remote(path)]
            try:
                now = file_stats([path for path, _ in part])
            except OSError as failure:
                return f"The images can no longer be reached ({failure})"
            for (path, before), after in zip(part, now, strict=True):
                if before != after:
                    return f"{visible_name(path)} {_what(before, after)}"
        return ""


@runtime_checkable
class ReadFromFiles(Protocol):
    """A set that says which files its images come from, as `ImageSet` does."""

    @property
    def files(self) -> Sequence[Files]: ...


def _what(before: tuple[int, int], after: tuple[int, int]) -> str:
    if after == MISSING:
        return "is gone"
    sizes = f"{before[0]} bytes before, {after[0]} now" if before[0] != after[0] else f"still {after[0]} bytes"
    return f"was changed ({sizes})"


# Of each list of files that was opened, by its key, while an image set holds it.
_opened: WeakValueDictionary[str, Files] = WeakValueDictionary()


def remember(key: str, paths: Sequence[str], stats: Sequence[tuple[int, int]]) -> Files:
    """Takes note of the files of a set as they were checked; the same key again replaces the list."""
    files = _opened[key] = Files(paths, stats)
    return files


def refuse_changed(*sets: object) -> None:
    """To be called before something is written that was made from these images: that they still are what they were.

    Files on the local disk only; 40,000 take a tenth of a second. Sets that lie in memory (npz, digits, keras, ...) or
    in a temporary copy (compressed shards) have no files, and cannot change.

    Args:
        sets: ImageSets; None, and a set that says nothing of files, is passed over.

    Raises:
        InputError: names the first file that was deleted or changed.
    """
    lists = {id(files): files for images in sets if isinstance(images, ReadFromFiles) for files in images.files}
    for files in lists.values():
        if what := files.change(remote=False):
            raise _refusal(f"{what} since this command began, so that what it was about to write would be wrong")


def changed_file(error: BaseException) -> InputError | None:
    """What to say where TensorFlow failed because an image is no longer what it was; None if that is not the reason.

    Args:
        error: any exception; those that did not come from TensorFlow are not looked into.
    """
    failures = [str(one) for one in _chain(error) if isinstance(one, tf.errors.OpError)]
    changes = [what for files in list(_opened.values()) if (what := files.change())] if failures else []
    if not changes:
        return None
    # Of several the one that the failed read was about.
    change = max(changes, key=lambda what: any(what.split(" ")[0] in failure for failure in failures))
    return _refusal(f"{change} since this command began, and could not be read")


def _refusal(what: str) -> InputError:
    # Programs that have nothing to go on from say this too.
    return InputError(
        f"{what}. What was finished before is kept. Bring the image back as it was and start the same command again."
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
