"""The error type for bad input: a wrong flag, an unreadable file, an artifact of another run."""


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message says what came, what was expected and what to do about it. Scripts print it without a
    traceback and exit with status 2; any other exception is a bug and keeps its traceback.
    """
