"""Which shard is done where: tried elsewhere when it fails, given up when it fails everywhere."""

from __future__ import annotations

import logging
import queue
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from sjft_tf.engine.on_worker import Answer, Work
from sjft_tf.errors import InputError

log = logging.getLogger(__name__)

_AHEAD = 2  # shards with each worker: one at work and one that waits
_TRIES = 3  # workers at which a shard may fail, where there are so many
_LOOK = 1.0  # seconds between two looks at the workers, while no answer comes
_LEAST_PATIENCE, _SLOWER = 600.0, 10.0


class Workers(Protocol):
    """The workers as this module needs them; `DaskEngine` has Dask's."""

    def addresses(self) -> list[str]:
        """Those that are there."""

    def send(self, work: Work, rows: np.ndarray, hint: Any, to: Sequence[str]) -> Any:
        """Has a shard done by one of the workers `to`, by another where they are gone, by any if empty; a future."""

    def answer(self, future: Any) -> Answer | None:
        """What came of it; None: the worker that had it is gone, and others have tried as often as they may.

        Raises:
            InputError: nobody is there any more who could say.
        """

    def cancel(self, future: Any) -> None:
        """Nobody waits for it any more."""

    def restart(self, future: Any) -> str:
        """Starts the worker that has this shard again; its address, "" if none has it."""


def divided(rows: np.ndarray, size: int) -> list[np.ndarray]:
    """Rows int32 [n], ascending, as shards: those of each stretch of `size` numbers.

    So the division of a whole set and that of what is left of it have most of their shards in common.

    Example:
        >>> [shard.tolist() for shard in divided(np.array([0, 1, 5, 9], np.int32), 5)]
        [[0, 1], [5, 9]]
    """
    if size < 1:
        raise InputError(f"--shard_images must be at least 1. Received: {size}")
    starts = np.flatnonzero(np.diff(rows // size, prepend=-1))
    return np.split(rows, starts[1:]) if len(rows) else []


@dataclass
class _Shard:
    rows: np.ndarray
    failed: dict[str, str] = field(default_factory=dict)  # by worker what it said
    lost: int = 0
    since: float = 0.0


class Overseer:
    """Has the shards of one work done, in any order.

    Args:
        workers: who does them.
        work: what is done.
        named: what the rows of a shard are called in messages.
        patience: seconds after which a shard's worker is started again; 0: ten times as long as the slowest so far, and
            at least ten minutes.
        join_seconds: how long to wait where no worker is there.
    """

    def __init__(
        self,
        workers: Workers,
        work: Work,
        named: Callable[[np.ndarray], str],
        patience: float = 0,
        join_seconds: float = 600,
    ) -> None:
        self._workers, self._work, self._named = workers, work, named
        self._patience, self._join_seconds = patience, join_seconds
        self._slowest = 0.0
        self._unfit: dict[str, str] = {}  # by address why
        self._flying: dict[Any, _Shard] = {}
        self._answered: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def each(self, shards: Sequence[np.ndarray], hint: Callable[[], Any]) -> Iterator[tuple[np.ndarray, Any]]:
        """Yields rows and value of every shard, as they come; `hint()` goes along with each when it is sent.

        Raises:
            InputError: a shard failed everywhere, or no worker is left.
        """
        waiting = deque(_Shard(rows) for rows in shards)
        try:
            while waiting or self._flying:
                usable = self._usable()
                while waiting and len(self._flying) < _AHEAD * len(usable):
                    self._send(waiting.popleft(), hint(), usable)
                try:
                    future = self._answered.get(timeout=_LOOK)
                except queue.Empty:
                    self._hurry(waiting)
                    continue
                if (shard := self._flying.pop(future, None)) is None:
                    continue  # given up before
                answer = self._workers.answer(future)
                if answer is not None and not (answer.unfit or answer.failed):
                    self._slowest = max(self._slowest, time.monotonic() - shard.since)
                    yield shard.rows, answer.value
                else:
                    self._failed(shard, answer)
                    waiting.appendleft(shard)
        finally:
            for future in self._flying:
                self._workers.cancel(future)
            self._flying.clear()

    def _usable(self) -> list[str]:
        """Addresses of the workers that can do this work; waits for the first one."""
        until = time.monotonic() + self._join_seconds
        while not (there := self._workers.addresses()):
            if time.monotonic() > until:
                raise InputError(
                    f"No worker came within {self._join_seconds:.0f} s. Start some at the scheduler, or leave "
                    "--scheduler out."
                )
            time.sleep(0.1)
        if not (usable := [address for address in there if address not in self._unfit]):
            reasons = "\n".join(dict.fromkeys(self._unfit.values()))
            raise InputError(f"None of the {len(there)} worker(s) can do this work:\n{reasons}")
        return usable

    def _send(self, shard: _Shard, hint: Any, usable: list[str]) -> None:
        others = [address for address in usable if address not in shard.failed]
        shard.since = time.monotonic()
        future = self._workers.send(self._work, shard.rows, hint, others if shard.failed or self._unfit else [])
        self._flying[future] = shard
        future.add_done_callback(self._answered.put)

    def _failed(self, shard: _Shard, answer: Answer | None) -> None:
        """Takes down why, and raises if there is nobody left to try."""
        which = f"{len(shard.rows)} images ({self._named(shard.rows)})"
        if answer is None:
            shard.lost += 1
            if shard.lost > _TRIES:
                raise InputError(
                    f"The workers that were given {which} ended again and again: perhaps their memory does not do. Try "
                    "smaller shards (--shard_images) or fewer workers a machine. What is finished stays."
                )
        elif answer.unfit:
            if answer.bug:
                raise RuntimeError(f"On the worker {answer.worker}:\n{answer.unfit}")
            if answer.address not in self._unfit:
                self._unfit[answer.address] = f"- {answer.worker}: {answer.unfit}"
                log.warning("The worker %s is left out: %s", answer.worker, answer.unfit)
        else:
            if answer.bug:
                raise RuntimeError(f"On the worker {answer.worker}, at {which}:\n{answer.failed}")
            shard.failed[answer.address] = f"- {answer.worker}: {answer.failed}"
            left = set(self._workers.addresses()) - set(shard.failed) - set(self._unfit)
            if not left or len(shard.failed) >= _TRIES:
                said = "\n".join(shard.failed.values())
                raise InputError(
                    f"{which} could not be done by any of {len(shard.failed)} worker(s) that tried:\n{said}\n"
                    "What is finished stays; the same command goes on."
                )
            log.warning("%s go to another worker: %s said: %s", which, answer.worker, answer.failed)

    def _hurry(self, waiting: deque[_Shard]) -> None:
        """Starts workers again that have been at a shard for too long."""
        limit = self._patience or max(_LEAST_PATIENCE, _SLOWER * self._slowest)
        for future, shard in list(self._flying.items()):
            # A shard may have waited for the one before it as long as that took.
            if time.monotonic() - shard.since < _AHEAD * limit:
                continue
            shard.since = time.monotonic()
            if who := self._workers.restart(future):  # else it waits for a worker to come
                log.warning("The worker %s is started again: no answer about %s.", who, self._named(shard.rows))
                del self._flying[future]
                self._workers.cancel(future)
                self._failed(shard, None)
                waiting.appendleft(shard)
