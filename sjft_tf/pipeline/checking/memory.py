"""What surely does not fit into this machine is said before it is tried."""

from __future__ import annotations

import os

from sjft_tf.errors import InputError


def machine_memory() -> int | None:
    """Bytes of main memory of this machine; None where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None


def refuse_too_large(size: int, what: str) -> None:
    """Checks one array against the machine's whole memory: only what can by no means fit is refused.

    Args:
        size: bytes.
        what: what they are, with the flags that decide.

    Raises:
        InputError: it is larger.
    """
    memory = machine_memory()
    if memory is not None and size > memory:
        raise InputError(
            f"There is no room for {what}: {size / 2**30:,.1f} GiB, and this machine has {memory / 2**30:,.1f} GiB. "
            "Choose smaller numbers"
        )
