"""Work on images one after the other that is kept block by block: a killed program goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from sjft_tf import artifacts, progress
from sjft_tf.schema import Schema

IMAGES = 16
"""Of a block."""

Arrays = dict[str, np.ndarray]


def blocks(
    folder: Path,
    made_from: artifacts.Stamp,
    schema: Schema,
    count: int,
    make: Callable[[np.ndarray], Arrays],
    description: str,
    replaceable: bool = False,
) -> Iterator[Arrays]:
    """Yields the arrays of each block of images, made now or found.

    Args:
        folder: where they lie.
        made_from: what they depend on.
        schema: what they hold.
        count: images.
        make: from the rows of a block, int [n], to its arrays.
        description: for the progress bar.
        replaceable: whether blocks made from something else give way, see `artifacts.Artifact`.
    """
    with progress.bar(count, description) as shown:
        for first in range(0, count, IMAGES):
            rows = np.arange(first, min(first + IMAGES, count))
            stamp = {**made_from, "rows": [int(rows[0]), int(rows[-1])]}
            path = folder / f"{first // IMAGES:05d}.npz"

            def load(path: Path) -> tuple[Arrays, artifacts.Stamp]:
                arrays, meta = artifacts.load_npz(path, schema)
                return arrays, meta["made_from"]

            def save(path: Path, arrays: Arrays, stamp: artifacts.Stamp) -> None:
                artifacts.save_npz(path, arrays, {"made_from": stamp})

            artifact = artifacts.Artifact(path, stamp, load, save, replaceable=replaceable)
            yield artifact.get(lambda rows=rows: make(rows))  # type: ignore[misc]
            shown.update(len(rows))
