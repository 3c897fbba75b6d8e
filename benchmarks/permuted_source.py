"""Does the neighbor table depend on the order of the source? Two searches of it, compared bit by bit.

  python benchmarks/permuted_source.py --target=folder:DATA/flowers102/train --source=folder:DATA/tiny_imagenet \
      --crop=64 --targets=1020 --targets=306

With TF_ENABLE_ONEDNN_OPTS=0 and ONEDNN_MAX_CPU_ISA=AVX2 set before it, with the kernels of other processors.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
from timing import keep, parse

from sjft_tf.descriptors import (
    BinEdges,
    GaborBank,
    bank_positions,
    chunk_size,
    extract_counts,
    histograms_of,
    target_descriptors,
)
from sjft_tf.images import View, open_image_set
from sjft_tf.retrieval import Layout, Search

_BLOCK = 1000


def blocks(
    rows: np.ndarray, counts: np.ndarray, positions: tuple[int, ...], edges: BinEdges
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """`(rows, histograms)`, so many at a time."""
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        yield rows[part], histograms_of(counts[part], positions, edges)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", required=True)
    parser.add_argument("--source", required=True)
    parser.add_argument("--crop", type=int, default=64)
    parser.add_argument("--bins", type=int, default=100)
    parser.add_argument("--k", type=int, default=1000)
    parser.add_argument("--targets", type=int, action="append", required=True)
    arguments = parse(parser, argv)
    target, source = open_image_set(arguments.target), open_image_set(arguments.source)
    bank, view = GaborBank(), View(arguments.crop, arguments.crop)
    edges, histograms = target_descriptors(target, bank, view, arguments.bins)
    positions, layout = bank_positions(bank, view), Layout(edges.layer_channels, edges.bins)
    orders = [np.arange(len(source)), np.random.default_rng(0).permutation(len(source))]
    described = []
    for order in orders:
        parts = list(extract_counts(source, bank, edges, view, order.astype(np.int32)))
        described.append((np.concatenate([rows for rows, _ in parts]), np.concatenate([counts for _, counts in parts])))
    moved = int((described[0][1][described[1][0]] != described[1][1]).sum())
    size = chunk_size(bank, (None, arguments.crop, arguments.crop, 3))
    print(f"crop {arguments.crop}, {len(source)} images, filters see {size} at once: {moved} counts differ", flush=True)
    equal = []
    for number in arguments.targets:
        tables = []
        for rows, counts in described:
            search = Search(histograms[:number], arguments.k, layout)
            for block in blocks(rows, counts, positions, edges):
                search.add(*block)
            tables.append(search.result())
        same = all(np.array_equal(one.view(np.int32), other.view(np.int32)) for one, other in zip(*tables, strict=True))
        equal.append(same)
        print(f"{number} targets, {arguments.k} neighbors: {'the same bits' if same else 'DIFFERENT'}", flush=True)
    keep("tables of the same bits / tables", np.mean(equal))


if __name__ == "__main__":
    main()
