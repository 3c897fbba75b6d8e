"""Waiting until all processes of a cluster are there, before TensorFlow does.

That waits without end and without a word, deaf to signals.
"""

from __future__ import annotations

import logging
import select
import socket
import time
from collections.abc import Callable, Sequence

from sjft_tf.errors import InputError
from sjft_tf.training.tf_config import Place, port_of

log = logging.getLogger(__name__)

_PAUSE = 0.2  # seconds between two tries to reach those who are missing
_TRY = 2.0  # seconds until a host that does not answer counts as missing for now
_TELL = 10.0  # seconds between two lines about who is missing


def join_workers(place: Place, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
    """Returns when this process has reached every other one; each listens where TensorFlow will, until it has too.

    A process that has reached all goes on at once: those who have not reached it yet find TensorFlow's server there.

    Args:
        place: this process among its workers.
        seconds: how long to wait.
        clock: seconds that pass.

    Raises:
        InputError: some are not there in time, or this one's port is taken.
    """
    missing = [address for index, address in enumerate(place.workers) if index != place.own]
    begun, told = clock(), 0.0
    with _listening(place.workers[place.own]) as listener:
        while missing := [address for address in missing if not _answers(address)]:
            waited = clock() - begun
            if waited >= seconds:
                raise InputError(
                    f"{_named(missing)} of the {len(place.workers)} workers in TF_CONFIG did not answer for "
                    f"{seconds:g} s. Start this command there, look at address and firewall, or wait longer with "
                    "--join_timeout"
                )
            if waited >= told:
                log.info("waiting for %s (%d of %d workers are here)", _named(missing), *_counts(place, missing))
                told = waited + _TELL
            _serve(listener)


def _listening(address: str) -> socket.socket:
    port = port_of(address)
    try:
        if socket.has_dualstack_ipv6():
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        return socket.create_server(("", port))
    except OSError as error:
        raise InputError(
            f"Port {port} of this host cannot be listened at ({error.strerror or error}). TF_CONFIG says that this "
            f"process is {address}: give each process an index and a free port of its own"
        ) from error


def _answers(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        with socket.create_connection((host, port_of(address)), timeout=_TRY):
            return True
    except OSError:
        return False


def _serve(listener: socket.socket) -> None:
    """Takes what has connected within the pause."""
    end = time.monotonic() + _PAUSE
    while (left := end - time.monotonic()) > 0:
        if select.select([listener], [], [], left)[0]:
            connection, _ = listener.accept()
            with connection:  # the other side closes first, which leaves the port free for TensorFlow
                select.select([connection], [], [], _PAUSE)


def _named(missing: Sequence[str]) -> str:
    more = len(missing) - 3
    return ", ".join(missing[:3]) + (f" and {more} more" if more > 0 else "")


def _counts(place: Place, missing: Sequence[str]) -> tuple[int, int]:
    return len(place.workers) - len(missing), len(place.workers)
