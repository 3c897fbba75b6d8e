"""Find it or make it: the central idea of a workdir, written once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from sjft_tf.artifacts.formats import REMAKE
from sjft_tf.artifacts.stamps import OTHER_WORKDIR, ArtifactMismatch, Stamp, check_made_from
from sjft_tf.errors import InputError

log = logging.getLogger(__name__)

Value = TypeVar("Value")


@dataclass(frozen=True)
class Artifact(Generic[Value]):
    """Something that lies at `path` if it was made before, and is made and written there if not.

    One policy for what lies there and was made from something else, or is damaged: it is refused, since it may have
    taken hours, and the user decides. With `replaceable` it is made again (damage is told), unless it differs in an
    entry that is `fixed`.

    Attributes:
        path: the file.
        made_from: the stamp of what is wanted: names and JSON-able values.
        load: reads the file: `(value, its stamp)`; raises InputError if it is damaged.
        save: writes a value with `made_from`, atomically.
        replaceable: whether another or a damaged one gives way.
        fixed: entries of the stamp of which this is not true, for instance the images of a finished run.
        unfit: what is wrong with a value of the right stamp, which is damaged then; None if nothing is.

    Example:
        >>> def load(path):
        ...     arrays, meta = load_npz(path)
        ...     return arrays["x"], meta["made_from"]
        >>> def save(path, x, made_from):
        ...     save_npz(path, {"x": x}, {"made_from": made_from})
        >>> Artifact(folder / "x.npz", {"n": 3}, load, save).get(lambda: np.arange(3))
        array([0, 1, 2])
    """

    path: Path
    made_from: Stamp
    load: Callable[[Path], tuple[Value, Stamp]]
    save: Callable[[Path, Value, Stamp], None]
    replaceable: bool = False
    fixed: Collection[str] = ()
    unfit: Callable[[Value], str | None] = lambda _: None

    def stored(self) -> Value | None:
        """What lies there, if it was made from the same; None if it is absent or to be made again.

        Raises:
            ArtifactMismatch: it was made from something else, and is not to be replaced.
            InputError: it is damaged, and is not to be replaced.
        """
        if not self.path.exists():
            return None
        try:
            value, stamp = self.load(self.path)
            if not self._compare(stamp):
                return None
            if (reason := self.unfit(value)) is not None:
                raise InputError(f"{self.path} is damaged: {reason}. {REMAKE}")
        except ArtifactMismatch:
            raise
        except InputError as error:
            if not self.replaceable:
                raise
            log.warning("%s It is made again.", error)
            return None
        return value

    def _compare(self, stamp: Stamp) -> bool:
        """Whether the stamp is the one wanted; raises ArtifactMismatch where a difference is not to be replaced."""
        if not self.replaceable:
            check_made_from(self.path, stamp, self.made_from)
            return True
        fixed = [name for name in self.fixed if name in stamp]
        ours, theirs = ({name: one.get(name) for name in fixed} for one in (self.made_from, stamp))
        check_made_from(self.path, theirs, ours, OTHER_WORKDIR)
        try:
            check_made_from(self.path, stamp, self.made_from)
        except ArtifactMismatch:
            return False
        return True

    def get(self, make: Callable[[], Value]) -> Value:
        """What lies there, or else what `make` gives, which is written then; raises what `stored` raises."""
        value = self.stored()
        if value is None:
            value = make()
            self.save(self.path, value, self.made_from)
        return value
