"""Which image file changed since it was checked: what a failed read in the middle of a run is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.images.paths import MISSING, file_stats

_BLOCK = 1024  # files looked at before a change among them is told

# Of each list of files that was opened, by its key: the paths, joined because a million of them are, and their stats.
_opened: dict[str, tuple[bytes, np.ndarray]] = {}


def remember(key: str, paths: Sequence[str], stats: Sequence[tuple[int, int]]) -> None:
    """Takes note of the files of a set as they were checked; the same key again replaces the list."""
    joined = "\0".join(paths).encode("utf-8", "surrogateescape")
    _opened[key] = (joined, np.array(stats, np.int64).reshape(-1, 2))


def changed_file(error: BaseException) -> InputError | None:
    """What to say where TensorFlow failed because an image is no longer what it was; None if that is not the reason.

    Args:
        error: any exception; those that did not come from TensorFlow are not looked into.
    """
    if not any(isinstance(one, tf.errors.OpError) for one in _chain(error)):
        return None
    for joined, stats in _opened.values():
        paths = joined.decode("utf-8", "surrogateescape").split("\0")
        for start in range(0, len(stats), _BLOCK):
            part = paths[start : start + _BLOCK]
            try:
                now = file_stats(part)
            except OSError as failure:
                return _refusal(f"The images can no longer be reached ({failure})")
            for path, before, after in zip(part, stats[start : start + _BLOCK].tolist(), now, strict=True):
                if tuple(before) != after:
                    gone = "is gone" if after == MISSING else f"was changed ({before[0]} bytes before, {after[0]} now)"
                    return _refusal(f"{path} {gone}")
    return None


def _refusal(what: str) -> InputError:
    return InputError(
        f"{what} since this command began, and the image could not be read. What was reached is kept: bring the image "
        "back as it was and start the same command again, and it goes on; with other images begin in a new --workdir"
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
