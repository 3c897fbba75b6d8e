"""What images are known by: a digest of what is in each, and a hash of where it lies."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

import numpy as np

from sjft_tf.images.places.paths import join


def sha256_rows(contents: Sequence[bytes]) -> np.ndarray:
    """The SHA-256 digests of byte strings, as uint8 [N, 32]."""
    joined = b"".join(hashlib.sha256(content).digest() for content in contents)
    return np.frombuffer(joined, np.uint8).reshape(-1, 32)


def identities_of(origin: str, ids: Sequence[str]) -> np.ndarray:
    """What `ImageSet.identities` is made of: uint64 [N], hashes of the origin joined with each id."""
    # A file is the same file whether it was listed from the dataset's root or from one of its split folders:
    # joining root and id gives the same path both ways (and an absolute or remote id replaces the root).
    joined = (os.path.normpath(join(origin, name)).encode() for name in ids)
    return np.array([int.from_bytes(hashlib.blake2b(j, digest_size=8).digest(), "big") for j in joined], np.uint64)
