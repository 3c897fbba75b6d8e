"""Peak memory of a search with few and with many source images, one process each.

  python benchmarks/search_memory.py --sources 50000 400000 --memory_mb=256

Descriptors are generated as the search asks for them. "Above start" is what a process takes beyond what it had after
importing TensorFlow and compiling; that, and not the whole, is what --search_memory_mb speaks of.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from timing import keep, parse


def blocks(images: int, channels: int, bins: int, rows: int = 64) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Descriptors of so many images; each block has the numbers of the first in other columns."""
    counts = np.random.default_rng(1).multinomial(2916, np.full(bins, 1 / bins), (rows, channels))
    first = (counts / 2916).astype(np.float32)
    for number, start in enumerate(range(0, images, rows)):
        there = np.arange(start, min(start + rows, images), dtype=np.int32)
        moved = np.roll(first, (number % channels, number // channels % bins), axis=(1, 2))
        yield there, moved.reshape(rows, -1)[: len(there)]


def resident_mb(field: str) -> float:
    """VmRSS (now) or VmHWM (at most so far) of this process, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def search_once(arguments: argparse.Namespace, images: int) -> None:
    """Runs in a process of its own, and prints its figures as JSON."""
    from sjft_tf.retrieval import Layout, nearest

    layout = Layout((arguments.channels,), arguments.bins)
    _, small = next(blocks(64, arguments.channels, arguments.bins))
    nearest(small[:1], [(np.arange(64, dtype=np.int32), small)], 1, layout)
    before = resident_mb("VmRSS")
    target = np.concatenate([block for _, block in blocks(arguments.targets, arguments.channels, arguments.bins)])
    begun = time.perf_counter()
    source = blocks(images, arguments.channels, arguments.bins)
    nearest(target, source, arguments.k, layout, memory_mb=arguments.memory_mb)
    took = time.perf_counter() - begun
    print(json.dumps({"before": before, "peak": resident_mb("VmHWM"), "seconds": took}))


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=int, nargs="+", default=[50000, 400000])
    parser.add_argument("--targets", type=int, default=1000)
    parser.add_argument("--channels", type=int, default=96)
    parser.add_argument("--bins", type=int, default=32)
    parser.add_argument("--k", type=int, default=1000)
    parser.add_argument("--memory_mb", type=float, default=256)
    parser.add_argument("--once", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parse(parser, argv)
    if arguments.once:
        search_once(arguments, arguments.once)
        return
    settings = [f"--{name}={getattr(arguments, name)}" for name in ("targets", "channels", "bins", "k", "memory_mb")]
    found = []
    for images in arguments.sources:
        command = [sys.executable, __file__, f"--once={images}", *settings]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ})
        found.append(json.loads(done.stdout.splitlines()[-1]))
        figures = found[-1]
        print(
            f"{images:>8} source images: peak {figures['peak']:.0f} MiB, above start "
            f"{figures['peak'] - figures['before']:.0f} MiB (budget {arguments.memory_mb:.0f}), "
            f"{figures['seconds']:.1f} s",
            flush=True,
        )
    above = [figures["peak"] - figures["before"] for figures in found]
    keep("last / first, peak", found[-1]["peak"] / found[0]["peak"])
    keep("last / first, above start", above[-1] / above[0])
    print(f"last / first: peak {found[-1]['peak'] / found[0]['peak']:.3f}, above start {above[-1] / above[0]:.3f}")


if __name__ == "__main__":
    main()
