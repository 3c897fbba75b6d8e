"""Several threads: for compiled loops over array ranges that release the interpreter's lock, and for what waits."""

from __future__ import annotations

import concurrent.futures
import functools
import itertools
import os
import queue
import threading
from collections.abc import Callable, Generator, Iterable
from typing import TypeVar

Item = TypeVar("Item")


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def _pool() -> concurrent.futures.ThreadPoolExecutor:
    return concurrent.futures.ThreadPoolExecutor(cores(), thread_name_prefix="sjft")


def over_ranges(work: Callable[[int, int], object], total: int, least: int = 1) -> None:
    """Calls `work(begin, end)` for ranges that together are 0..total, each at least `least` long, on all cores."""
    # More ranges than cores: one that is held up by other work does not hold up the rest.
    pieces = max(1, min(4 * cores(), total // least))
    if pieces == 1 or cores() == 1:
        work(0, total)
        return
    bounds = [total * piece // pieces for piece in range(pieces + 1)]
    for done in [_pool().submit(work, begin, end) for begin, end in itertools.pairwise(bounds)]:
        done.result()


def ahead(items: Iterable[Item], depth: int = 2) -> Generator[Item, None, None]:
    """Iterates `items` in a thread of its own, up to `depth` items ahead of the consumer.

    What the iteration raises is raised here. When the consumer stops early the thread ends after its current item.
    """
    # An item, alone in a tuple; what the iteration raised; None at its end.
    ready: queue.Queue[tuple[Item] | BaseException | None] = queue.Queue(depth)
    stopped = threading.Event()

    def offer(entry: tuple[Item] | BaseException | None) -> bool:
        while not stopped.is_set():
            try:
                ready.put(entry, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def produce() -> None:
        try:
            for item in items:
                if not offer((item,)):
                    return
            offer(None)
        except BaseException as error:  # handed over to the consumer, whatever it is
            offer(error)
        finally:
            if isinstance(items, Generator):
                items.close()

    thread = threading.Thread(target=produce, name="sjft-ahead", daemon=True)
    thread.start()
    try:
        while True:
            entry = ready.get()
            if isinstance(entry, tuple):
                yield entry[0]
            elif entry is None:
                return
            else:
                raise entry
    finally:
        stopped.set()
        thread.join()


def side_by_side(several: Iterable[Iterable[Item]], stop: Callable[[], object]) -> Generator[Item, None, None]:
    """Iterates several at once, each in a thread of its own: their items as they come.

    The first error that one of them raises is raised here. Then, and when the consumer stops early, `stop` is called,
    which must make the others end, and they are waited for.
    """
    ready: queue.SimpleQueue[tuple[Item] | BaseException | None] = queue.SimpleQueue()

    def produce(items: Iterable[Item]) -> None:
        try:
            for item in items:
                ready.put((item,))
            ready.put(None)
        except BaseException as error:  # handed over to the consumer, whatever it is
            ready.put(error)

    threads = [threading.Thread(target=produce, args=(items,), name="sjft-side", daemon=True) for items in several]
    left = len(threads)
    for thread in threads:
        thread.start()
    try:
        while left:
            entry = ready.get()
            if isinstance(entry, tuple):
                yield entry[0]
            elif entry is None:
                left -= 1
            else:
                raise entry
    finally:
        if left:
            stop()
        for thread in threads:
            thread.join()
