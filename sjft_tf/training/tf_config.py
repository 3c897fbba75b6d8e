"""TF_CONFIG, the environment variable that tells a process which others it works with, and which one it is."""

from __future__ import annotations

import json
import os
from typing import NamedTuple

from sjft_tf.errors import InputError

_EXAMPLE = '{"cluster": {"worker": ["HOST0:PORT", "HOST1:PORT"]}, "task": {"type": "worker", "index": 0}}'


class Place(NamedTuple):
    """A process among those of a run.

    Attributes:
        own: its number; the chief's is 0.
        workers: HOST:PORT of all of them, by number.
    """

    own: int
    workers: tuple[str, ...]


def place_in_cluster(text: str | None = None) -> Place:
    """This process among the others.

    Args:
        text: what to read in place of the environment's TF_CONFIG.

    Raises:
        InputError: it is missing, no JSON, names no place among workers, or two of them alike.
    """
    text = os.environ.get("TF_CONFIG") if text is None else text
    if not text:
        raise InputError(f"--strategy=multi_worker needs the environment variable TF_CONFIG, e.g. {_EXAMPLE}")
    try:
        value = json.loads(text)
        cluster, kind, index = value["cluster"], value["task"]["type"], value["task"]["index"]
        # TensorFlow counts a chief that has a type of its own before the workers.
        groups = {name: list(cluster[name]) for name in ("chief", "worker") if name in cluster}
        good = set(cluster) == set(groups) and len(groups.get("chief", [""])) == 1 and isinstance(index, int)
        if not good or not 0 <= index < len(groups[kind]):
            raise ValueError("no such worker")
        workers = tuple(address for group in groups.values() for address in group)
        for address in workers:
            port_of(address)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"TF_CONFIG must list the workers and say which of them this is, e.g. {_EXAMPLE}. Received: {text}"
        ) from error
    if twice := next((address for address in workers if workers.count(address) > 1), None):
        raise InputError(f"TF_CONFIG lists the worker {twice} twice. Give each process an address of its own")
    return Place(index + (len(groups.get("chief", ())) if kind == "worker" else 0), workers)


def port_of(address: str) -> int:
    """The port in HOST:PORT.

    Raises:
        ValueError: there is none.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"not HOST:PORT: {address!r}")
    return int(port)
