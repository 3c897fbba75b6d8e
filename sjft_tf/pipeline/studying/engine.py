"""What does a study of any kind: how many runs at once, how it is stopped, what it tells in the end."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import ClassVar

from sjft_tf.pipeline.studying.runs import Runs
from sjft_tf.workdir import StudyFiles


def nothing() -> None:
    """What stops or ends where there is nothing to stop or to end."""


class Engine(ABC):
    """A study being done.

    Args:
        runs: makes sure that single runs are there.
        at_once: runs done at the same time.
        stop: makes all that is being done end.
        rest: ends processes that wait for a further job, when there is none.

    Attributes:
        root: folder of everything.
        failed: the message of each run that failed.
    """

    FILES: ClassVar[type[StudyFiles]] = StudyFiles

    def __init__(self, runs: Runs, at_once: int, stop: Callable[[], object], rest: Callable[[], object]) -> None:
        self.root, self.failed = runs.root, runs.failed
        self._at_once, self._stop, self._rest, self._writing = at_once, stop, rest, threading.Lock()

    @abstractmethod
    def run(self) -> Iterator[str]:
        """Does everything; yields lines for the screen as they come."""

    @abstractmethod
    def plan(self) -> Iterator[str]:
        """The runs there are, and which are finished."""

    @abstractmethod
    def _write(self, complete: bool = False) -> None:
        """Writes the record and the tables; `complete`: all runs are done."""

    def _end(self) -> Iterator[str]:
        """Writes everything and the page; the lines of the table, and where it all lies."""
        self._rest()
        self._write(complete=True)
        # Late: pictures open the image sets, and with them TensorFlow, when all processes that train are done.
        from sjft_tf.report import write_report

        page, table = write_report(self.root), self.root / self.FILES.MARKDOWN
        files = [str(self.root / name) for name in (self.FILES.RECORD, self.FILES.MARKDOWN, self.FILES.CSV)]
        yield ""
        yield from table.read_text(encoding="utf-8").splitlines()
        yield ""
        yield f"results: {', '.join(files)}, {page}"
