"""What happens in the process of a worker: it is made ready once, then does one shard after the other."""

from __future__ import annotations

import os
import signal
import socket
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from sjft_tf import progress
from sjft_tf.errors import InputError

Doing = Callable[[np.ndarray, Any], Any]
"""Does a shard, rows int32 [n], with the hint that came with it: gives a small value."""


class Work(Protocol):
    """What is done with every shard: a small value that can be pickled, such as a frozen dataclass of texts."""

    def open(self) -> Doing:
        """Makes a process ready, once for all shards.

        Raises:
            InputError: it cannot do this work: the worker is left out.
        """


@dataclass(frozen=True)
class Answer:
    """What became of a shard.

    Attributes:
        worker: who says it: host, process and address.
        address: of the worker, for the scheduler.
        value: what `Doing` gave.
        unfit: why this worker can do no shard of this work; "" if it can.
        failed: why this shard could not be done; "" if it was.
        bug: the failure is not bad input: another worker would not do better.
    """

    worker: str
    address: str
    value: Any = None
    unfit: str = ""
    failed: str = ""
    bug: bool = False


_opened: dict[str, Doing] = {}  # the last work alone: of an earlier one nothing is wanted any more
_settled = False
_place = (0, 1)  # which of how many on its machine this worker is, as of the last shard


def do(key: str, work: Work, rows: np.ndarray, hint: Any, places: Mapping[str, tuple[int, int]]) -> Answer:
    """Does a shard; called by Dask.

    Args:
        key: what the work is known by.
        work: what is to be done.
        rows: int32 [n], the shard.
        hint: handed to it.
        places: of each worker by its name, which of how many on its machine it is.
    """
    from distributed import get_worker

    worker = get_worker()
    address = worker.address
    who = f"{socket.gethostname()}, process {os.getpid()} ({address})"
    try:
        _settle(*places.get(str(worker.name), (0, 1)))
        if key not in _opened:
            _opened.clear()
            _opened[key] = work.open()
        doing = _opened[key]
    except InputError as error:
        return Answer(who, address, unfit=str(error))
    except Exception:
        return Answer(who, address, unfit=traceback.format_exc(), bug=True)
    try:
        return Answer(who, address, doing(rows, hint))
    except InputError as error:
        return Answer(who, address, failed=str(error))
    except Exception:
        return Answer(who, address, failed=traceback.format_exc(), bug=True)


def asker() -> Callable[[], bool]:
    """What tells, asked from any thread, whether somebody still waits for the shard that this thread is doing.

    Nobody does when it was cancelled, or whoever sent it is gone; Dask by itself lets it run to its end.
    """
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def wanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state == "executing"

    return wanted


def own_cores() -> list[int]:
    """Cores of a process that is started for this shard: its worker's share by the workers that are there now."""
    place, of = _place
    if not hasattr(os, "sched_setaffinity"):
        return []
    own = sorted(os.sched_getaffinity(os.getpid()))  # of the main thread: `_settle` is about another one
    # A share given from outside (SLURM, taskset) is kept: then a process does not see the whole machine.
    return own[place % len(own) :: of] if of > 1 and len(own) == os.cpu_count() else own


def _settle(place: int, of: int) -> None:
    """Keeps this thread, and what it starts, to its share of the machine's cores; once, before TensorFlow is there."""
    global _settled, _place
    _place = (place, of)
    if _settled:
        return
    _settled = True
    progress.silence()  # several bars on one screen would write over each other
    if share := own_cores():
        os.sched_setaffinity(0, share)


def end_worker(dask_worker: Any) -> None:
    """Ends a worker's process at once; called by Dask in the process that watches it, which starts another."""
    os.kill(dask_worker.pid, signal.SIGKILL)
