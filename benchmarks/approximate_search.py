"""Approximate search against exact search within one run: recall@K, and time as a ratio.

  python benchmarks/approximate_search.py --targets=1000 --images=20000 --k=200 --candidates=1.5,2 --dimensions=64,128
  python benchmarks/approximate_search.py --store=KEPT --target_histograms=TARGET.npy --k=1000

Without --store, images are generated: histograms that differ along some directions, with noise of their own. Both
searches read the same kept descriptors, in turns, and ratios are taken turn by turn, because the machine may be busy
with something else at any time. The time of an approximate search is given without and with measuring its recall.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from pathlib import Path

import numpy as np
from timing import keep, parse

from sjft_tf.descriptors import DescriptorStore
from sjft_tf.retrieval import ApproximateSettings, Layout, nearest, nearest_approximate

DIRECTIONS = 24


def generate(folder: Path, targets: int, images: int, channels: int, bins: int) -> tuple[DescriptorStore, np.ndarray]:
    """A store of `images` and histograms of `targets`, both float32, of one layer of 64 x 64 responses."""
    rng, positions = np.random.default_rng(0), 4096
    mixing = rng.normal(size=(DIRECTIONS, channels * bins)) * 0.8 / np.sqrt(1 + np.arange(DIRECTIONS))[:, None]

    def counts(size: int) -> np.ndarray:
        odds = np.exp(
            rng.normal(size=(size, DIRECTIONS)) @ mixing + rng.normal(scale=0.2, size=(size, channels * bins))
        )
        odds = odds.reshape(size, channels, bins)
        found = np.floor(odds / odds.sum(axis=2, keepdims=True) * positions).astype(np.int64)
        found[:, :, 0] += positions - found.sum(axis=2)
        return found.reshape(size, -1)

    writer = DescriptorStore.create(folder / "store", images, (channels,), (positions,), bins, {"generated": 0})
    for start in range(0, images, 256):
        rows = np.arange(start, min(start + 256, images))
        writer.write(rows, counts(len(rows)))
    own = np.concatenate([counts(min(256, targets - start)) for start in range(0, targets, 256)])
    return writer.finish(), own.astype(np.float32) * (np.float32(1) / np.float32(positions))


def compare(store: DescriptorStore, targets: np.ndarray, arguments: argparse.Namespace) -> None:
    """Prints one line for each setting."""
    layout = Layout(store.layer_channels, store.bins)
    settings = list(itertools.product(arguments.dimensions, arguments.candidates))
    exact: list[float] = []
    found = {setting: [] for setting in settings}
    # Compiled code and caches: a first search of each kind is not timed.
    for turn in range(-1, arguments.repeats):
        begun = time.perf_counter()
        true, _ = nearest(targets, store.blocks(block_rows=1024), arguments.k, layout)
        if turn >= 0:
            exact.append(time.perf_counter() - begun)
        for dimensions, candidates in settings:
            begun = time.perf_counter()
            chosen = ApproximateSettings(candidates, dimensions, arguments.index, arguments.probes)
            rows, _, report = nearest_approximate(targets, store, arguments.k, layout, chosen)
            whole = time.perf_counter() - begun
            if turn >= 0:
                recall = np.mean([len(np.intersect1d(a, b)) for a, b in zip(rows, true, strict=True)]) / arguments.k
                found[dimensions, candidates].append((whole - report.seconds["measure"], whole, recall, report))
    print(f"{len(targets)} target x {len(store)} source images, {store.dimensions} numbers each, K = {arguments.k}")
    print(f"exact search: median {np.median(exact):.2f} s ({min(exact):.2f} to {max(exact):.2f})")
    print("dimensions candidates index         recall@K  k-th excess   time/exact, with measuring   parts, s")
    for (dimensions, candidates), runs in found.items():
        each = [[run[n] / base for run, base in zip(runs, exact, strict=True)] for n in (0, 1)]
        ratios = np.median(each, axis=1)
        setting = f"{dimensions} dimensions, {candidates:g} K candidates"
        keep(f"approximate / exact, {setting}", each[0])
        keep(f"recall, {setting}", runs[0][2])
        report = runs[0][3]
        parts = ", ".join(f"{n} {np.median([r[3].seconds[n] for r in runs]):.2f}" for n in report.seconds)
        print(
            f"{dimensions:10d} {candidates:10g} {report.index:12s} {runs[0][2]:9.5f} {report.excess:12.1e}   "
            f"{ratios[0]:10.2f} {ratios[1]:14.2f}   {parts}"
        )


def numbers(kind: type) -> object:
    """A parser of numbers between commas."""
    return lambda text: [kind(part) for part in text.split(",")]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", help="kept descriptors to search instead of generated ones")
    parser.add_argument("--target_histograms", help=".npy of float32 histograms, with --store")
    parser.add_argument("--targets", type=int, default=1000)
    parser.add_argument("--images", type=int, default=20000)
    parser.add_argument("--channels", type=int, default=48)
    parser.add_argument("--bins", type=int, default=64)
    parser.add_argument("--k", type=int, default=200)
    parser.add_argument("--candidates", type=numbers(float), default=[1.5, 2.0])
    parser.add_argument("--dimensions", type=numbers(int), default=[64, 128])
    parser.add_argument("--index", default="auto", choices=("auto", "flat", "ivf"))
    parser.add_argument("--probes", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parse(parser, argv)
    if bool(arguments.store) != bool(arguments.target_histograms):
        parser.error("--store and --target_histograms belong together")
    if arguments.store:
        targets = np.load(arguments.target_histograms, allow_pickle=False)
        compare(DescriptorStore.open(arguments.store), targets, arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        parts = (arguments.targets, arguments.images, arguments.channels, arguments.bins)
        compare(*generate(Path(folder), *parts), arguments)


if __name__ == "__main__":
    main()
