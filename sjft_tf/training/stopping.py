"""Ending on request: SIGTERM, as clusters send it before they take the machine away, and Ctrl-C (SIGINT)."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import TypeAlias

from sjft_tf.errors import SIGNALS

Handler: TypeAlias = Callable[[int, FrameType | None], object] | int | None
"""What Python calls, or does, when a signal comes."""


class StopRequest:
    """While it listens, SIGTERM or Ctrl-C sets `made` instead of ending the process; a second Ctrl-C ends it at once.

    Outside of training nothing needs to be saved, so that there the signals end the process at once, as always.
    Works in the main thread only, which is where Python handles signals.

    Attributes:
        made: a signal came.
        signal: which one it was, the first of several.
    """

    def __init__(self) -> None:
        self.made = False
        self.signal = signal.SIGTERM
        self._before: dict[signal.Signals, Handler] = {}

    @property
    def name(self) -> str:
        """The signal in words."""
        return SIGNALS[self.signal]

    def listen(self) -> None:
        """From now on the signals are only noted."""
        if not self._before:
            # What was started in the background ignores Ctrl-C, which is meant for another program then.
            heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._note) for number in heard}

    def release(self) -> None:
        """From now on the signals do what they did before `listen`."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _note(self, number: int, _: FrameType | None) -> None:
        if self.made and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not self.made:
            self.made, self.signal = True, signal.Signals(number)
            if number == signal.SIGINT:
                # print() may be what the signal came into, and cannot be entered twice.
                os.write(2, b"\nEnding after this step, with a checkpoint. Ctrl-C again ends at once.\n")
