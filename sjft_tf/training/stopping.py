"""Ending on request: SIGTERM, as clusters send it before they take the machine away."""

from __future__ import annotations

import signal
from typing import Any


class StopRequest:
    """While it listens, SIGTERM sets `made` instead of ending the process.

    Outside of training nothing needs to be saved, so that there the signal ends the process at once, as always.
    Works in the main thread only, which is where Python handles signals.

    Attributes:
        made: the signal came.
    """

    def __init__(self) -> None:
        self.made = False
        self._before: Any = None

    def listen(self) -> None:
        """From now on the signal is only noted."""
        if self._before is None:
            self._before = signal.signal(signal.SIGTERM, self._note)

    def release(self) -> None:
        """From now on the signal does what it did before `listen`."""
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)
            self._before = None

    def _note(self, *_: Any) -> None:
        self.made = True
