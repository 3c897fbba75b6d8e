"""Why the neighbors of a target image are as far away as they are: the distance taken apart into filters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sjft_tf.artifacts import atomic_write
from sjft_tf.config import RunConfig
from sjft_tf.csv_files import Writer
from sjft_tf.descriptors import BinEdges, FilterBank, extract
from sjft_tf.images import ImageSet, View
from sjft_tf.pipeline.inputs import descriptor_view, filter_bank, for_descriptors
from sjft_tf.retrieval import (
    Channel,
    Layout,
    NeighborTable,
    bank_channels,
    channel_contributions,
    empty_bin_shares,
)
from sjft_tf.run_sets import Sets
from sjft_tf.summaries import ExplainedImage, explanation_picture
from sjft_tf.workdir import Workdir

_LISTED = 5  # filters listed for the nearest and for the median neighbor
# The table's distances are float32 sums: exact to 1e-4 of their size, or to this where they are almost zero.
_RELATIVE, _ABSOLUTE = 1e-4, 2e-5


def explain(
    config: RunConfig, sets: Sets, table: NeighborTable, rows: Sequence[int], workdir: Workdir
) -> Iterator[str]:
    """Divides the distances of target images to their nearest and their median neighbor into the filters of the bank.

    The median neighbor is the one in the middle of the list, at position K // 2 counted from 0. The descriptors of the
    three images are made again. Writes `explain-ROW-ID.csv` and `.png` for each.

    Yields:
        The lines to show: which filters add most, and a warning where the parts do not add up to the table's distance.
    """
    edges, bank, view = BinEdges.load(workdir.edges), filter_bank(config), descriptor_view(config)
    layout, channels = Layout(edges.layer_channels, edges.bins), bank_channels(bank)
    positions = [0, table.k_max // 2]
    targets = _descriptors(for_descriptors(config, sets.target), bank, edges, view, rows)
    wanted = np.unique(table.rows[rows][:, positions])
    sources = _descriptors(for_descriptors(config, sets.source_images()), bank, edges, view, wanted)
    for row in rows:
        neighbors = table.rows[row, positions]
        one, others = targets[row], np.stack([sources[int(neighbor)] for neighbor in neighbors])
        twice = np.stack([one, one])
        parts = channel_contributions(twice, others, layout)
        distances = table.distances[row, positions].astype(np.float64)
        yield from _headlines(sets, row, neighbors, distances, table.k_max)
        yield from _sum_check(parts.sum(axis=1), distances)
        yield from _shares_table(parts, channels, empty_bin_shares(twice, others, layout))
        stem = workdir.root / f"explain-{file_name(row, str(sets.target.ids[row]))}"
        csv_path, picture = stem.with_name(f"{stem.name}.csv"), stem.with_name(f"{stem.name}.png")
        _write_csv(csv_path, channels, parts)
        images = _shown(sets, view, row, neighbors, distances, table.k_max)
        blocks = np.stack([one, *others]).reshape(3, len(channels), layout.bins)
        explanation_picture(picture, images, parts, channels, order(parts)[:3].tolist(), blocks)
        yield f"    details: {csv_path}, {picture}"


def file_name(row: int, name: str) -> str:
    """Part of a file name for one image: its row, which makes it unique, and its id as far as file names allow."""
    safe = re.sub(r"[^\w.-]+", "_", name)[-60:]
    return f"{row}-{safe.lstrip('._')}"


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


def _headlines(sets: Sets, row: int, neighbors: np.ndarray, distances: np.ndarray, k_max: int) -> Iterator[str]:
    source = sets.source_images()
    yield f"  explained: {sets.target.ids[row]} (row {row}, class {_class_of(sets.target, row)})"
    ranks = 1, k_max // 2 + 1
    for name, neighbor, distance, rank in zip(("nearest", "median"), neighbors, distances, ranks, strict=True):
        whose = f"{source.ids[neighbor]} (class {_class_of(source, neighbor)}, rank {rank} of {k_max})"
        yield f"    {name:>7}: distance {distance:.5g} to {whose}"


def _sum_check(sums: np.ndarray, distances: np.ndarray) -> Iterator[str]:
    off = np.flatnonzero(np.abs(sums - distances) > np.maximum(_RELATIVE * distances, _ABSOLUTE))
    for row in off[:1]:
        yield (
            f"    WARNING: the parts add up to {sums[row]:.7g}, but the table says {distances[row]:.7g}. "
            "It was made on another device or with another version of sjft_tf or TensorFlow; "
            "remove neighbors.npz to have it made again."
        )


def _shares_table(parts: np.ndarray, channels: Sequence[Channel], empty: np.ndarray) -> Iterator[str]:
    part = shares(parts)
    listed = [c for c in order(parts) if (np.sum(part > part[:, [c]], axis=1) < _LISTED).any()]
    lines = [(channels[c].name, part[:, c]) for c in listed]
    groups = np.array([channel.group for channel in channels])
    names = list(dict.fromkeys(groups.tolist()))
    if len(names) > 1:
        lines += [(f"all of {name}", part[:, groups == name].sum(axis=1)) for name in names]
    lines.append(("bins empty in one of the two", empty))
    width = max(len(name) for name, _ in lines)
    yield f"    {'share of the distance to the':<{width}}  nearest  median"
    for name, (nearest, median) in lines:
        yield f"    {name:<{width}}  {nearest:7.1%}  {median:6.1%}"


def _class_of(images: ImageSet, row: int) -> str:
    return images.class_names[int(images.labels[row])]


def _shown(
    sets: Sets, view: View, row: int, neighbors: np.ndarray, distances: np.ndarray, k_max: int
) -> list[ExplainedImage]:
    def shown(title: str, images: ImageSet, row: int, *lines: str) -> ExplainedImage:
        # As the filters see it: resized and cropped.
        pixels = view(images.load(row)).numpy()
        return ExplainedImage(pixels, title, [f"class {_class_of(images, row)}", str(images.ids[row]), *lines])

    columns = [shown("target", sets.target, row)]
    for name, neighbor, distance, rank in zip(
        ("nearest", "median"), neighbors, distances, (1, k_max // 2 + 1), strict=True
    ):
        columns.append(
            shown(name, sets.source_images(), int(neighbor), f"distance {distance:.4g}", f"rank {rank} of {k_max}")
        )
    return columns


def _write_csv(path: Path, channels: Sequence[Channel], parts: np.ndarray) -> None:
    with atomic_write(path, "w") as stream:
        writer = Writer(stream)
        writer.writerow(["channel", "layer", "name", "nearest", "median"])
        for number, (channel, nearest, median) in enumerate(zip(channels, *parts, strict=True)):
            writer.writerow([number, channel.layer, channel.name, f"{nearest:.9g}", f"{median:.9g}"])
