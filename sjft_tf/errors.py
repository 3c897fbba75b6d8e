"""The error type for bad input (a wrong flag, an unreadable file, another run's artifact), and the end on request."""

import signal

SIGNALS = {signal.SIGTERM: "SIGTERM", signal.SIGINT: "Ctrl-C"}
"""Which signals ask a run to end, in words."""


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message says what came, what was expected and what to do about it. Scripts print it without a
    traceback and exit with status 2; any other exception is a bug and keeps its traceback.
    """


class Stopped(Exception):
    """The run was asked to end (SIGTERM, Ctrl-C) and did so where it can go on; the message says where that is.

    Scripts print it and exit with the status of a process that the signal ended: 143 for SIGTERM, 130 for Ctrl-C.

    Attributes:
        signal: the signal's number.
    """

    def __init__(self, message: str, number: int = signal.SIGTERM) -> None:
        super().__init__(message)
        self.signal = number
