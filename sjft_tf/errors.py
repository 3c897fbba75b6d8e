"""The error type for bad input (a wrong flag, an unreadable file, another run's artifact), and the end on request."""


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message says what came, what was expected and what to do about it. Scripts print it without a
    traceback and exit with status 2; any other exception is a bug and keeps its traceback.
    """


class Stopped(Exception):
    """The run was asked to end (SIGTERM) and did so where it can go on; the message says where that is.

    Scripts print it and exit with status 143, as a process ended by SIGTERM does.
    """
