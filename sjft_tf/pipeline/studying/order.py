"""In which order runs are done of which some start from others: each as soon as it can."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """A run to be done.

    Attributes:
        name: of its cell.
        seed: of the run.
        after: the cell whose run of the same seed must be done before; "" for none.
    """

    name: str
    seed: int
    after: str = ""


class Order:
    """Hands out tasks to several threads, one after the other.

    Args:
        tasks: in the order in which they are wanted, one after those that it needs.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._waiting = list(tasks)
        self._open = {(task.name, task.seed) for task in tasks}
        self._changed = threading.Condition()

    def take(self) -> Task | None:
        """The first one that can be done, once there is one; None when nothing is left."""
        with self._changed:
            while self._waiting:
                for task in self._waiting:
                    if (task.after, task.seed) not in self._open:
                        self._waiting.remove(task)
                        return task
                self._changed.wait()
            return None

    def done(self, task: Task) -> None:
        """Lets those begin that needed it."""
        with self._changed:
            self._open.discard((task.name, task.seed))
            self._changed.notify_all()

    def end(self) -> None:
        """Nothing is handed out any more."""
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()
