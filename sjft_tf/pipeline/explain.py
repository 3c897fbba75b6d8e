"""Looks at chosen target images: why their neighbors are as far away as they are, and pictures of many of them."""

from __future__ import annotations

import csv
import dataclasses
import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sjft_tf.artifacts import atomic_write
from sjft_tf.descriptors import BinEdges, FilterBank, extract
from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet, View
from sjft_tf.pipeline.inputs import Sets, descriptor_view, filter_bank
from sjft_tf.retrieval import Layout, NeighborTable
from sjft_tf.retrieval.explain import Channel, bank_channels, channel_contributions
from sjft_tf.summaries import neighbor_montage
from sjft_tf.summaries.explanation import Shown, explanation_picture
from sjft_tf.training.config import RunConfig
from sjft_tf.workdir import Workdir

_LISTED = 5  # filters listed for the nearest and for the median neighbor
# The table's distances are float32 sums: exact to 1e-4 of their size, or to this where they are almost zero.
_RELATIVE, _ABSOLUTE = 1e-4, 2e-5


@dataclasses.dataclass(frozen=True)
class Looks:
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
    found = {}
    for key in keys:
        if key in by_id:
            found[by_id[key]] = key
        elif re.fullmatch("[0-9]+", key) and int(key) < len(ids):
            found[int(key)] = key
        else:
            ending = [name for name in ids if name.endswith(f"/{key}")][:3]
            near = ending or difflib.get_close_matches(key, ids, n=3, cutoff=0.5)
            hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"An id looks like {ids[0]!r}."
            raise InputError(
                f"{images.name} has no image {key!r}, neither as an id nor as a row (0 to {len(ids) - 1}). {hint}"
            )
    return list(found)


def file_name(row: int, name: str) -> str:
    """Part of a file name for one image: its row, which makes it unique, and its id as far as file names allow."""
    safe = re.sub(r"[^\w.-]+", "_", name)[-60:]
    return f"{row}-{safe.lstrip('._')}"


def write_montage(sets: Sets, table: NeighborTable, looks: Looks, workdir: Workdir) -> str:
    """Draws the chosen target images beside their nearest neighbors; returns the line to show."""
    assert sets.source is not None
    chosen = np.array(find_rows(sets.target, looks.montage))
    k = min(looks.montage_neighbors, table.k_max)
    nearest = table.prefix(k)
    path = Path(looks.montage_output) if looks.montage_output else workdir.root / "montage.png"
    ids = [str(name) for name in sets.target.ids[chosen]]
    neighbor_montage(path, sets.target, sets.source, chosen, nearest.rows[chosen], nearest.distances[chosen], ids)
    all_there = " (all that their lists have)" if k < looks.montage_neighbors else ""
    return f"  montage: {path} ({k} nearest{all_there} of {len(chosen)} target image{'s' * (len(chosen) > 1)})"


def explain(
    config: RunConfig, sets: Sets, table: NeighborTable, rows: Sequence[int], workdir: Workdir
) -> Iterator[str]:
    """Divides the distances of target images to their nearest and their median neighbor into the filters of the bank.

    The median neighbor is the one in the middle of the list, at place K // 2 counted from 0. The descriptors of the
    three images are made again. Writes `explain-ROW-ID.csv` and `.png` for each.

    Yields:
        The lines to show: which filters add most, and a warning where the parts do not add up to the table's distance.
    """
    assert sets.source is not None
    edges, bank, view = BinEdges.load(workdir.edges), filter_bank(config), descriptor_view(config)
    layout, channels = Layout(edges.layer_channels, edges.bins), bank_channels(bank)
    places = [0, table.k_max // 2]
    targets = _descriptors(sets.target, bank, edges, view, rows)
    sources = _descriptors(sets.source, bank, edges, view, np.unique(table.rows[rows][:, places]))
    for row in rows:
        neighbors = table.rows[row, places]
        one, others = targets[row], np.stack([sources[int(neighbor)] for neighbor in neighbors])
        parts = channel_contributions(np.stack([one, one]), others, layout)
        distances = table.distances[row, places].astype(np.float64)
        yield from _words(sets, row, neighbors, distances, table.k_max, parts, channels)
        stem = workdir.root / f"explain-{file_name(row, str(sets.target.ids[row]))}"
        csv_path, picture = stem.with_name(f"{stem.name}.csv"), stem.with_name(f"{stem.name}.png")
        _write_csv(csv_path, channels, parts)
        images = _shown(sets, view, row, neighbors, distances, places)
        blocks = np.stack([one, *others]).reshape(3, len(channels), layout.bins)
        explanation_picture(picture, images, parts, channels, order(parts)[:3].tolist(), blocks)
        yield f"    details: {csv_path}, {picture}"


def shares(parts: np.ndarray) -> np.ndarray:
    """Each line of [2, C] divided by its sum; zero where that is zero (a neighbor like the target to the last bin)."""
    total = parts.sum(axis=1, keepdims=True)
    return np.divide(parts, total, out=np.zeros_like(parts), where=total > 0)


def order(parts: np.ndarray) -> np.ndarray:
    """Channels of [2, C] contributions, those with the largest share of both distances together first."""
    return np.argsort(-shares(parts).sum(axis=0), kind="stable")


def _descriptors(
    images: ImageSet, bank: FilterBank, edges: BinEdges, view: View, rows: Sequence[int] | np.ndarray
) -> dict[int, np.ndarray]:
    blocks = extract(images, bank, edges, view, rows=np.asarray(rows, np.int32))
    return {int(row): line for some, lines in blocks for row, line in zip(some, lines, strict=True)}


def _words(
    sets: Sets,
    row: int,
    neighbors: np.ndarray,
    distances: np.ndarray,
    k_max: int,
    parts: np.ndarray,
    channels: Sequence[Channel],
) -> Iterator[str]:
    assert sets.source is not None
    yield f"  explained: {sets.target.ids[row]} (row {row}, class {_class_of(sets.target, row)})"
    for name, neighbor, distance, rank in zip(
        ("nearest", "median"), neighbors, distances, (1, k_max // 2 + 1), strict=True
    ):
        whose = f"{sets.source.ids[neighbor]} (class {_class_of(sets.source, neighbor)}, rank {rank} of {k_max})"
        yield f"    {name:>7}: distance {distance:.5g} to {whose}"
    off = np.abs(parts.sum(axis=1) - distances) > np.maximum(_RELATIVE * distances, _ABSOLUTE)
    if off.any():
        yield (
            f"    WARNING: the parts add up to {parts.sum(axis=1)[off][0]:.7g}, but the table says "
            f"{distances[off][0]:.7g}. The table was made with other images, another device or another version; "
            "remove neighbors.npz to make it again."
        )
    part = shares(parts)
    listed = [c for c in order(parts) if (np.sum(part > part[:, [c]], axis=1) < _LISTED).any()]
    width = max(len(name) for name in [*(channels[c].name for c in listed), *(c.group for c in channels)])
    yield f"    {'share of the distance to':<{width}}  nearest  median"
    for c in listed:
        yield f"    {channels[c].name:<{width}}  {part[0, c]:7.1%}  {part[1, c]:6.1%}"
    groups = list(dict.fromkeys(channel.group for channel in channels))
    if len(groups) > 1:
        yield "    all filters of"
        for group in groups:
            there = part[:, [channel.group == group for channel in channels]].sum(axis=1)
            yield f"    {group:<{width}}  {there[0]:7.1%}  {there[1]:6.1%}"


def _class_of(images: ImageSet, row: int) -> str:
    return images.class_names[int(images.labels[row])]


def _shown(
    sets: Sets, view: View, row: int, neighbors: np.ndarray, distances: np.ndarray, places: Sequence[int]
) -> list[Shown]:
    assert sets.source is not None
    # As the filters see them: resized and cropped.
    images = [Shown(view(sets.target.load(row)).numpy(), "target", [_class_of(sets.target, row), sets.target.ids[row]])]
    for name, neighbor, distance, place in zip(("nearest", "median"), neighbors, distances, places, strict=True):
        source = sets.source
        lines = [_class_of(source, neighbor), source.ids[neighbor], f"distance {distance:.4g}", f"rank {place + 1}"]
        images.append(Shown(view(source.load(neighbor)).numpy(), name, lines))
    return images


def _write_csv(path: Path, channels: Sequence[Channel], parts: np.ndarray) -> None:
    with atomic_write(path, "w") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["channel", "layer", "name", "nearest", "median"])
        for number, (channel, nearest, median) in enumerate(zip(channels, *parts, strict=True)):
            writer.writerow([number, channel.layer, channel.name, f"{nearest:.9g}", f"{median:.9g}"])
