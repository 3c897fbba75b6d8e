"""What is kept of a run while it trains, and which state of it is the last one."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import keras

from sjft_tf.artifacts import FREE_SPACE, NoSpace, Stamp, shortage
from sjft_tf.errors import Stopped
from sjft_tf.training.checkpoints.rounds import kept_rounds, round_folder
from sjft_tf.training.checkpoints.steps import Checkpoints, Resumed
from sjft_tf.training.stopping import StopRequest

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CheckpointPolicy:
    """Where the states of a run are kept, and who else is told.

    Attributes:
        rounds: folder of the finished rounds, one sub-folder each.
        made_from: what the run was made from; a finished round made from something else is refused.
        checkpoints: those within a round; None writes none.
        every: steps between two checkpoints; 0: only when asked to stop.
        mark: called with round and step where a round begins or goes on, and before each checkpoint: what others
            write about later steps of this round and about later rounds will be written again from there.
        stop: when it is made, a checkpoint is written and the training ends.
    """

    rounds: Path
    made_from: Stamp
    checkpoints: Checkpoints | None = None
    every: int = 0
    mark: Callable[[int, int], None] = lambda *_: None
    stop: StopRequest | None = None

    def round_written(self, index: int, folder: Path) -> None:
        """Round `index` is in its `folder`: its checkpoints go, and so does the run if it was asked to.

        Raises:
            Stopped: on request.
        """
        if self.checkpoints is not None:
            self.checkpoints.clear()
        self.end_on_request(f"round {index + 1}", folder)
        if self.stop is not None:
            self.stop.release()

    def end_on_request(self, after: str, folder: Path) -> None:
        """After a step or round that is kept in `folder`: ends the run if it was asked to.

        Raises:
            Stopped: on request.
        """
        if self.stop is not None and self.stop.made:
            message = f"Ended by {self.stop.name} after {after}, kept in {folder}. The same command goes on there."
            raise Stopped(message, self.stop.signal)

    @property
    def stopping(self) -> bool:
        """Whether the end was asked for."""
        return self.stop is not None and self.stop.made

    def last_state(self) -> Path | None:
        """Folder of the newest checkpoint or else finished round; None at the beginning of a run."""
        if self.checkpoints is not None and (steps := self.checkpoints.steps()):
            return self.checkpoints.path(steps[-1])
        rounds = kept_rounds(self.rounds)
        return round_folder(self.rounds, rounds[-1]) if rounds else None

    def origin(self, index: int) -> str:
        """What round `index` begins with, for messages."""
        return f"the end of round {index} ({round_folder(self.rounds, index - 1)})" if index else "the beginning"

    @contextlib.contextmanager
    def round(self, index: int, steps: int, model: keras.Model) -> Iterator[Resumed | None]:
        """Around the training of round `index`: takes up its checkpoint, and yields it, None where it begins anew.

        Adds the last state to an error of a full disk, and gives the signal back at the end.

        Raises:
            NoSpace: something could not be written.
        """
        first, resumed = index * steps, None
        with self._guarded():
            if self.checkpoints is not None:
                resumed = self.checkpoints.resume(first, first + steps, model, self.origin(index))
            if resumed is not None:
                log.info("continuing in round %d after step %d", index + 1, resumed.step)
            self.mark(index, first if resumed is None else resumed.step)
            yield resumed

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if (reason := shortage(error)) is None:
                raise
            what = str(error) if isinstance(error, NoSpace) else f"There is no room left ({reason}). {FREE_SPACE}"
            folder = self.last_state()
            what_is_left = f"The last good state is kept in {folder}." if folder else "No state had been written yet."
            raise NoSpace(f"{what} {what_is_left}") from error
        finally:
            if self.stop is not None:
                self.stop.release()
