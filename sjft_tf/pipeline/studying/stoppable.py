"""SIGTERM and Ctrl-C while jobs of a study are done: each writes a checkpoint, then the study ends."""

from __future__ import annotations

import contextlib
import signal
from abc import ABC, abstractmethod
from collections.abc import Iterator

from sjft_tf.errors import SIGNALS, Stopped

STOPPED = "Ended by {}. The same command goes on."


class Stoppable(ABC):
    """Does jobs of a study until it is stopped.

    Attributes:
        stopped: it was.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._signal = signal.SIGTERM

    @abstractmethod
    def close(self) -> None:
        """Ends what waits for a job; the next job starts it again. While none is done only."""

    @abstractmethod
    def is_busy(self) -> bool:
        """Whether a job is being done."""

    @abstractmethod
    def kill(self) -> None:
        """Ends all jobs at once."""

    def stop(self) -> None:
        """Asks all jobs to write a checkpoint and end; from now on a job raises `Stopped`."""
        self.stopped = True

    @contextlib.contextmanager
    def stoppable(self) -> Iterator[None]:
        """SIGTERM and Ctrl-C stop the jobs, and this process when they are done. In the main thread only.

        A second Ctrl-C ends everything at once.
        """

        def ended(number: int, _: object) -> None:
            if self.stopped and number == signal.SIGINT:
                self.kill()
                raise KeyboardInterrupt
            busy = self.is_busy()
            self._signal = self._signal if self.stopped else signal.Signals(number)
            self.stop()
            if not busy:
                raise self.ended()

        # What was started in the background ignores Ctrl-C, which is meant for another program then.
        heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        before = {number: signal.signal(number, ended) for number in heard}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self.close()

    def ended(self) -> Stopped:
        """What a job raises that was stopped."""
        return Stopped(STOPPED.format(SIGNALS[self._signal]), self._signal)
