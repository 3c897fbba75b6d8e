"""TF_CONFIG, the environment variable that tells a process which others it works with, and which one it is."""

from __future__ import annotations

import json
import os

from sjft_tf.errors import InputError

_EXAMPLE = '{"cluster": {"worker": ["HOST0:PORT", "HOST1:PORT"]}, "task": {"type": "worker", "index": 0}}'


def place_in_cluster(text: str | None = None) -> tuple[int, int]:
    """This process's number, and how many there are; the chief's number is 0.

    Args:
        text: what to read in place of the environment's TF_CONFIG.

    Raises:
        InputError: it is missing, no JSON, or names no place among workers.
    """
    text = os.environ.get("TF_CONFIG") if text is None else text
    if not text:
        raise InputError(f"--strategy=multi_worker needs the environment variable TF_CONFIG, e.g. {_EXAMPLE}")
    try:
        value = json.loads(text)
        cluster, kind, index = value["cluster"], value["task"]["type"], value["task"]["index"]
        # TensorFlow counts a chief that has a type of its own before the workers.
        counts = {name: len(cluster[name]) for name in ("chief", "worker") if name in cluster}
        good = set(cluster) == set(counts) and counts.get("chief", 1) == 1 and isinstance(index, int)
        if not good or not 0 <= index < counts[kind]:
            raise ValueError("no such worker")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"TF_CONFIG must list the workers and say which of them this is, e.g. {_EXAMPLE}. Received: {text}"
        ) from error
    return index + (counts.get("chief", 0) if kind == "worker" else 0), sum(counts.values())
