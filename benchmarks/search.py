"""Exact search against the bare matrix products of the same blocks, and against FAISS, as ratios within one run.

  python benchmarks/search.py --targets=1000 --sources=20000 --channels=96 --bins=32 --k=1000 --repeats=7

Descriptors are generated: noisy histograms of counts. FAISS (faiss-cpu must be installed) searches the same augmented
vectors with IndexFlatIP; building its index is not counted. The runs alternate; ratios are taken run by run, because
the machine may be busy with something else at any time: then the ratio of processor times tells more than that of the
clock. The neighbors of some targets are checked against a float64 computation.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from timing import in_turn, parse, ratio, seconds

from sjft_tf.parallel import cores
from sjft_tf.retrieval import Layout, nearest
from sjft_tf.retrieval.divergence import EPSILON, Products, augmented_source, augmented_target, shared


def generated(rng: np.random.Generator, images: int, layout: Layout, positions: int = 2916) -> np.ndarray:
    """float32 [images, D]: histograms of `positions` responses, every image with its own leaning."""
    channels = sum(layout.layer_channels)
    found = np.empty((images, channels * layout.bins), np.float32)
    for start in range(0, images, 500):
        count = min(500, images - start)
        leaning = 0.5 + rng.random((count, 1, layout.bins), np.float32)
        shares = rng.standard_gamma(3.0, (count, channels, layout.bins), np.float32) * leaning
        shares /= shares.sum(axis=2, keepdims=True)
        found[start : start + count] = (np.rint(shares * positions) / positions).reshape(count, -1)
    return found


def bare_products(target: np.ndarray, source: np.ndarray, layout: Layout) -> Callable[[], None]:
    """The matrix products alone, of blocks that are ready."""
    factor, rows = Products(target, layout).factor, Products.SOURCE_ROWS
    # The last block is as large as it is: a search fills it up, and has to pay for that.
    blocks = [
        shared(augmented_source(source[start : start + rows], layout)[0]) for start in range(0, len(source), rows)
    ]

    def run() -> None:
        for block in blocks:
            tf.matmul(block, factor)

    return run


def faiss_search(target: np.ndarray, source: np.ndarray, layout: Layout, k: int) -> Callable[[], np.ndarray]:
    """FAISS on the same inner products: target [w t ; w L(t) ; -1], source [L(s) ; s ; c(s)]."""
    import faiss

    faiss.omp_set_num_threads(cores())
    augmented, _ = augmented_target(target, layout)
    queries = np.concatenate([augmented, -np.ones((len(target), 1), np.float32)], axis=1)
    augmented, own = augmented_source(source, layout)
    index = faiss.IndexFlatIP(queries.shape[1])
    index.add(np.concatenate([augmented, own[:, None]], axis=1))
    return lambda: index.search(queries, k)[1]


def furthest_error(target: np.ndarray, source: np.ndarray, rows: np.ndarray, layout: Layout) -> float:
    """How far, relative to the k-th distance, wrongly chosen or missed neighbors are from it in float64; 0 if none."""
    weights, worst = layout.weights(), 0.0
    logs = np.log(source.astype(np.float64) + EPSILON)
    for one, found in zip(target.astype(np.float64), rows, strict=True):
        distances = 0.5 * ((one - source) * (np.log(one + EPSILON) - logs)) @ weights
        limit = np.sort(distances)[len(found) - 1]
        differing = np.setxor1d(found, np.flatnonzero(distances <= limit))
        if len(differing):
            worst = max(worst, float(np.abs(distances[differing] / limit - 1).max()))
    return worst


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=int, default=1000)
    parser.add_argument("--sources", type=int, default=20000)
    parser.add_argument("--channels", type=int, default=96)
    parser.add_argument("--bins", type=int, default=32)
    parser.add_argument("--k", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--checked", type=int, default=20, help="targets whose neighbors are compared with float64")
    arguments = parse(parser, argv)
    rng, layout = np.random.default_rng(0), Layout((arguments.channels,), arguments.bins)
    target, source = (generated(rng, images, layout) for images in (arguments.targets, arguments.sources))
    rows = np.arange(len(source), dtype=np.int32)
    blocks = [(rows[start : start + 64], source[start : start + 64]) for start in range(0, len(source), 64)]
    runs: dict[str, Callable] = {
        "products": bare_products(target, source, layout),
        "search": lambda: nearest(target, blocks, arguments.k, layout)[0],
        "faiss": faiss_search(target, source, layout, arguments.k),
    }
    found = {name: run() for name, run in runs.items()}  # the first of each compiles and warms up
    times = in_turn(runs, arguments.repeats, warm=False)
    print(
        f"TensorFlow {tf.__version__}, {cores()} cores; {len(target)} targets x {len(source)} sources x "
        f"{layout.dimensions} numbers, K = {arguments.k}, {arguments.repeats} repeats"
    )
    for name, taken in times.items():
        print(seconds(name, taken))
    print(ratio("search / products", times["search"], times["products"]))
    print(ratio("faiss / search", times["faiss"], times["search"]))
    same = np.mean([len(np.intersect1d(*two)) for two in zip(found["search"], found["faiss"], strict=True)])
    print(f"neighbors that FAISS finds too: {same / arguments.k:.3%}")
    some = rng.choice(len(target), min(arguments.checked, len(target)), replace=False)
    error = furthest_error(target[some], source, found["search"][some], layout)
    print(
        f"neighbor sets of {len(some)} targets differ from float64 by pairs at most {error:.1e} from the K-th distance"
    )


if __name__ == "__main__":
    main()
