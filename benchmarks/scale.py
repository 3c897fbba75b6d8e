"""Time and memory of each stage of a retrieval against the number of source and of target images, on log-log axes.

  python benchmarks/scale.py --output=runs/scale

Stages are describing (generated pictures of --crop px, the filters and their histograms), search (descriptors that are
generated as it asks for them; making them is not counted) and expansion (hardness, the update of K and what is
borrowed). One size varies while the other stays: sources with the first of --targets that is at least 1000, targets
with the first of --sources that is at least 40,000. Every point is --repeats processes of its own, so that peaks are
its own: memory is what a process takes above what it had after a tiny problem of the same stage. Written: scale.json
and scale.svg. Printed: slopes, and what 1.28 million source images would take at the rate of the largest source.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

STAGES = ("describing", "search", "expansion")
WHOLE = 1_280_000
CORES = 64


def describing(given: argparse.Namespace, sources: int, targets: int) -> float:
    """Seconds to describe the source; the same few pictures come again and again, so that they take no memory."""
    from sjft_tf.descriptors import GaborBank, chunk_size, extract_counts, fit_bin_edges, image_batches
    from sjft_tf.images import ImageSet, View

    side, bank, view = given.crop, GaborBank(), View(given.crop, given.crop)
    pixels = np.random.default_rng(0).integers(0, 256, (64, side, side, 3), np.uint8)
    pictures = ImageSet.from_arrays("generated", pixels, np.arange(64) % 2)
    first = next(iter(image_batches(pictures, view, None, chunk_size(bank, (None, side, side, 3)))))[1]
    edges = fit_bin_edges(bank, [first], given.bins)
    begun = time.perf_counter()
    for _ in extract_counts(pictures, bank, edges, view, np.arange(sources, dtype=np.int32) % 64):
        pass
    return time.perf_counter() - begun


def search(given: argparse.Namespace, sources: int, targets: int) -> float:
    """Seconds to search the source."""
    from sharded_search import Generated

    work = Generated(targets, min(given.k, sources), given.channels, given.bins)
    begun = time.perf_counter()
    running = work.search()
    taken = time.perf_counter() - begun
    for rows, descriptors in work.blocks(np.arange(sources, dtype=np.int32)):
        begun = time.perf_counter()
        running.add(rows, descriptors)
        taken += time.perf_counter() - begun
    begun = time.perf_counter()
    running.result()
    return taken + time.perf_counter() - begun


def expansion(given: argparse.Namespace, sources: int, targets: int) -> float:
    """Seconds from probabilities to what is borrowed next."""
    from sjft_tf.selection import Selector, SourceClasses, hardness, update_counts

    rng, k = np.random.default_rng(0), min(given.k, sources)
    order = rng.permutation(sources).astype(np.int32)
    table = order[(rng.integers(0, sources, targets)[:, None] + np.arange(k)) % sources]
    selector = Selector("nearest", table, targets, SourceClasses(rng.integers(0, 1000, sources).astype(np.int32), 1000))
    probabilities = rng.dirichlet(np.full(102, 0.05), targets).astype(np.float32)
    labels = probabilities.argmax(1).astype(np.int32)
    k0 = max(1, k // 8)
    counts = rng.integers(k0, k + 1, targets).astype(np.int32)
    begun = time.perf_counter()
    selector.borrow(update_counts(counts, hardness(probabilities, labels), k0, selector.k_max).numpy())
    return time.perf_counter() - begun


def once(given: argparse.Namespace, stage: Callable) -> dict[str, float]:
    """One point, in a process of its own."""
    from search_memory import resident_mb

    stage(given, 128, 8)  # imports and compiles
    before = resident_mb("VmRSS")
    seconds = stage(given, *given.once[1:])
    return {"seconds": seconds, "mib": max(0.0, resident_mb("VmHWM") - before)}


def sizes(given: argparse.Namespace) -> list[tuple[str, str, int, int]]:
    """`(stage, what varies, sources, targets)` of every point; describing knows no targets."""
    targets = next((one for one in given.targets if one >= 1000), given.targets[-1])
    sources = next((one for one in given.sources if one >= 40_000), given.sources[-1])
    points = [("describing", "sources", one, targets) for one in given.described]
    for stage in STAGES[1:]:
        points += [(stage, "sources", one, targets) for one in given.sources]
        points += [(stage, "targets", sources, one) for one in given.targets]
    return points


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Of the line through the logarithms, least squares; NaN where there is no line.

    >>> round(slope([1, 10, 100], [3, 300, 30000]), 6)
    2.0
    """
    if len(x) < 2 or min(y) <= 0:
        return float("nan")
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def lines(points: Sequence[dict]) -> dict[tuple[str, str], list[dict]]:
    """The points of each stage and of what varies, in order."""
    found: dict[tuple[str, str], list[dict]] = {}
    for point in points:
        found.setdefault((point["stage"], point["varies"]), []).append(point)
    return found


def report(points: Sequence[dict], cores: int) -> str:
    """Slopes, and the arithmetic for the whole of ImageNet."""
    text = []
    for (stage, varies), those in lines(points).items():
        x = [point[varies] for point in those]
        time_slope, memory_slope = (slope(x, [point[name] for point in those]) for name in ("seconds", "mib"))
        text.append(
            f"{stage} over {varies}, {x[0]:,} to {x[-1]:,}: slope of seconds {time_slope:.2f}, "
            f"of memory above start {memory_slope:.2f}"
        )
    for stage in STAGES:
        largest = lines(points)[stage, "sources"][-1]
        seconds, sources = largest["seconds"], largest["sources"]
        whole = seconds * WHOLE / sources
        against = "" if stage == "describing" else f" x {largest['targets']:,} target images"
        text.append(
            f"{stage}: {sources:,}{against} took {seconds:.2f} s; x {WHOLE:,} / {sources:,} = {whole:,.1f} s "
            f"on {cores} cores; x {cores} / {CORES} = {whole * cores / CORES:,.1f} s on {CORES}, "
            "if all of it were divided"
        )
    return "\n".join(text)


def draw(points: Sequence[dict], path: Path) -> None:
    """Seconds and memory over both sizes, as SVG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "scale", "font.size": 9}):
        figure = Figure(figsize=(8, 5.6), layout="constrained")
        axes = figure.subplots(2, 2, sharex="col", sharey="row")
        for column, varies in enumerate(("sources", "targets")):
            for row, (name, label) in enumerate((("seconds", "seconds"), ("mib", "MiB above start"))):
                each = axes[row][column]
                each.set(xscale="log", yscale="log", ylabel=label if column == 0 else "")
                each.grid(alpha=0.3)
                for stage in STAGES:
                    those = [point for point in lines(points).get((stage, varies), []) if point[name] > 0]
                    x, y = [point[varies] for point in those], [point[name] for point in those]
                    if those:
                        each.plot(x, y, "o-", markersize=4, label=f"{stage}, slope {slope(x, y):.2f}")
                if each.get_legend_handles_labels()[0]:
                    each.legend(frameon=False, fontsize=8)
            axes[1][column].set_xlabel(f"{varies[:-1]} images")
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=int, nargs="+", default=[10_000, 20_000, 40_000, 100_000, 200_000, 400_000])
    parser.add_argument("--targets", type=int, nargs="+", default=[100, 300, 1000, 3000, 12_000])
    parser.add_argument("--described", type=int, nargs="+", default=[1000, 4000, 16_000], help="images described")
    parser.add_argument("--k", type=int, default=5000)
    parser.add_argument("--channels", type=int, default=48)
    parser.add_argument("--bins", type=int, default=100)
    parser.add_argument("--crop", type=int, default=64, help="side of the pictures")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path, help="folder for scale.json and scale.svg", required=True)
    parser.add_argument("--once", nargs=3, default=None, help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.once:
        stage, *size = given.once
        given.once = [stage, *map(int, size)]
        print(json.dumps(once(given, {"describing": describing, "search": search, "expansion": expansion}[stage])))
        return
    from sjft_tf.artifacts import write_json
    from sjft_tf.parallel import cores

    settings = [f"--{name}={getattr(given, name)}" for name in ("k", "channels", "bins", "crop", "output")]
    given.output.mkdir(parents=True, exist_ok=True)
    points = []
    for stage, varies, sources, targets in sizes(given):
        command = [sys.executable, __file__, *settings, "--once", stage, str(sources), str(targets)]
        found = []
        for _ in range(given.repeats):
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            found.append(json.loads(done.stdout.splitlines()[-1]))
        point = {name: float(np.median([one[name] for one in found])) for name in ("seconds", "mib")}
        points.append({"stage": stage, "varies": varies, "sources": sources, "targets": targets, **point})
        print(
            f"{stage:>10}: {sources:>9,} source, {targets:>6,} target images: {point['seconds']:8.2f} s, "
            f"{point['mib']:6.0f} MiB above start",
            flush=True,
        )
        write_json(given.output / "scale.json", {"cores": cores(), "settings": settings[:-1], "points": points})
    draw(points, given.output / "scale.svg")
    print(report(points, cores()))


if __name__ == "__main__":
    main()
