"""Chosen target images, looked at more closely: found by id or row, drawn beside many neighbors, or explained."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet
from sjft_tf.pipeline.inspection.explain import explain
from sjft_tf.retrieval import NeighborTable
from sjft_tf.run_sets import Sets
from sjft_tf.summaries import neighbor_montage
from sjft_tf.workdir import Workdir


@dataclasses.dataclass(frozen=True)
class InspectionRequest:
    """What a user wants to see of single target images, each given by its id or its row.

    Attributes:
        explain: target images whose distances are divided into filters.
        montage: target images that are drawn beside their nearest neighbors.
        montage_neighbors: how many neighbors of each.
        montage_output: the PNG file; empty for montage.png in the workdir.
    """

    explain: Sequence[str] = ()
    montage: Sequence[str] = ()
    montage_neighbors: int = 8
    montage_output: str = ""

    def check(self, target: ImageSet) -> None:
        """Finds all images, before a search of hours begins.

        Raises:
            InputError: see `find_rows`; or `montage_neighbors` below 1.
        """
        if self.montage_neighbors < 1:
            raise InputError(f"--montage_neighbors must be at least 1. Received: {self.montage_neighbors}")
        if self.montage_output and not self.montage_output.lower().endswith(".png"):
            raise InputError(f"--montage_output must end in .png. Received: {self.montage_output!r}")
        find_rows(target, [*self.explain, *self.montage])

    def lines(self, config: RunConfig, sets: Sets, table: NeighborTable, workdir: Workdir) -> Iterator[str]:
        """Makes what was asked for, and yields the lines to show."""
        if self.montage:
            yield write_montage(sets, table, self, workdir)
        if self.explain:
            yield from explain(config, sets, table, find_rows(sets.target, self.explain), workdir)


def find_rows(images: ImageSet, keys: Sequence[str]) -> list[int]:
    """Rows of images given by id or by row number (an id that looks like a number counts as an id), each once.

    Raises:
        InputError: neither an id nor a row; names ids that look similar.
    """
    ids = images.ids.tolist()
    by_id = {name: row for row, name in enumerate(ids)}
    rows = []
    for key in keys:
        if key in by_id:
            rows.append(by_id[key])
        elif re.fullmatch("[0-9]+", key) and int(key) < len(ids):
            rows.append(int(key))
        else:
            ending = [name for name in ids if name.endswith(f"/{key}")][:3]
            near = ending or difflib.get_close_matches(key, ids, n=3, cutoff=0.5)
            hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"An id looks like {ids[0]!r}."
            raise InputError(
                f"{images.name} has no image {key!r}, neither as an id nor as a row (0 to {len(ids) - 1}). {hint}"
            )
    return list(dict.fromkeys(rows))


def write_montage(sets: Sets, table: NeighborTable, inspection: InspectionRequest, workdir: Workdir) -> str:
    """Draws the chosen target images beside their nearest neighbors; returns the line to show."""
    chosen = np.array(find_rows(sets.target, inspection.montage))
    k = min(inspection.montage_neighbors, table.k_max)
    nearest = table.prefix(k)
    path = Path(inspection.montage_output) if inspection.montage_output else workdir.montage
    ids = [str(name) for name in sets.target.ids[chosen]]
    neighbor_montage(
        path, sets.target, sets.source_images(), chosen, nearest.rows[chosen], nearest.distances[chosen], ids
    )
    number = f"{len(chosen)} target image" + "s" * (len(chosen) > 1)
    short = "; the lists have no more" if k < inspection.montage_neighbors else ""
    return f"  montage: {path} ({k} nearest of {number}{short})"
