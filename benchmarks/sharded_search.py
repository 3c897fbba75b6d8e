"""A search by workers at the paper's size, of generated descriptors, against that of one process.

  python benchmarks/sharded_search.py --images=1280000 --targets=1020 --k=5000 --workers=2

Descriptors are made as they are asked for, so that this is about search, merging and what is moved: shards are searched
with the limits of the moment, results come back as files, the lists are merged here. Tables must be equal, bit by bit.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from timing import keep, parse

from sjft_tf.engine import DaskEngine, ShardFiles, divided
from sjft_tf.retrieval import Found, Layout, Search, search_shard
from sjft_tf.schema import Array, Schema

FOUND = Schema(
    {
        "rows": Array("int32", ("images",)),
        "counts": Array("int32", ("targets",)),
        "pairs": Array("int64", ("pairs",)),
    },
    {"kind": str, "made_from": str},
)
BLOCK = 64
_PRIME = 2**31 - 1


def resident_mb() -> float:
    """The most memory this process has had so far, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


@dataclass(frozen=True)
class Generated:
    """Descriptors of any number of images, and their search, see `engine.Work`.

    Each block of 64 has the numbers of the first one, in other filters and bins, and mixed otherwise.
    """

    targets: int
    k: int
    channels: int
    bins: int
    folder: str = ""

    def blocks(self, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        draw = np.random.default_rng(1)
        first = draw.multinomial(2916, draw.dirichlet(np.full(self.bins, 3), self.channels), (BLOCK, self.channels))
        first = (first / 2916).astype(np.float32)
        for number in np.unique(rows // BLOCK):
            there = rows[rows // BLOCK == number]
            # In no order, as in a real source: if each part were nearer than those before, no limit would keep it away.
            turn = int(number) * 1_103_515_245 % _PRIME
            moved = np.roll(first, (turn % self.channels, turn // self.channels % self.bins), axis=(1, 2))
            share = np.float32(0.8 * turn / _PRIME)  # of even histograms: so no two blocks are the same
            moved = (1 - share) * moved + share / np.float32(self.bins)
            yield there, moved.reshape(BLOCK, -1)[there % BLOCK]

    def search(self) -> Search:
        rows = np.arange(self.targets, dtype=np.int32) + 7 * BLOCK
        target = np.concatenate([block for _, block in self.blocks(rows)])
        return Search(target, self.k, Layout((self.channels,), self.bins))

    def open(self) -> Callable[[np.ndarray, np.ndarray], tuple[str, float]]:
        search, files = self.search(), ShardFiles(Path(self.folder), {}, FOUND)

        def doing(rows: np.ndarray, limits: np.ndarray) -> tuple[str, float]:
            return files.write(search_shard(search, self.blocks(rows), limits)._asdict()), resident_mb()

        return doing


def digest(search: Search) -> str:
    """Of the table."""
    return hashlib.sha256(b"".join(part.tobytes() for part in search.result())).hexdigest()[:16]


def alone(work: Generated, images: int) -> dict[str, float | str]:
    """One process's search."""
    begun, search = time.perf_counter(), work.search()
    for rows, descriptors in work.blocks(np.arange(images, dtype=np.int32)):
        search.add(rows, descriptors)
    return {"table": digest(search), "seconds": time.perf_counter() - begun, "peak": resident_mb()}


def by_workers(work: Generated, images: int, shard: int, workers: int) -> dict[str, float | str]:
    """The search by workers, and what it moved."""
    begun, search, files = time.perf_counter(), work.search(), ShardFiles(Path(work.folder), {}, FOUND)
    down = up = merging = peak = 0.0
    shards = divided(np.arange(images, dtype=np.int32), shard)

    def limits() -> np.ndarray:
        nonlocal down
        given = search.limits
        down += given.nbytes
        return given

    with DaskEngine(workers) as engine:
        for _, (name, memory) in engine.each(work, shards, limits):
            started = time.perf_counter()
            found = Found(**files.read(name))
            up, peak = up + files.size(name), max(peak, memory)
            files.remove(name)
            search.merge(found)
            merging += time.perf_counter() - started
    whole = {"down": down, "up": up, "merging": merging, "worker_peak": peak}
    return {"table": digest(search), "seconds": time.perf_counter() - begun, "peak": resident_mb(), **whole}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1_280_000)
    parser.add_argument("--targets", type=int, default=1020)
    parser.add_argument("--k", type=int, default=5000)
    parser.add_argument("--channels", type=int, default=48)
    parser.add_argument("--bins", type=int, default=100)
    parser.add_argument("--shard_images", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--once", choices=("alone", "workers"), default="", help=argparse.SUPPRESS)
    given = parse(parser, argv)
    if given.once:
        with tempfile.TemporaryDirectory() as folder:
            work = Generated(given.targets, given.k, given.channels, given.bins, folder)
            if given.once == "alone":
                print(json.dumps(alone(work, given.images)))
            else:
                print(json.dumps(by_workers(work, given.images, given.shard_images, given.workers)))
        return
    settings = [f"--{name}={value}" for name, value in vars(given).items() if name != "once"]
    found = {}
    for who in ("alone", "workers"):  # a process each: peaks are of one search
        command = [sys.executable, __file__, f"--once={who}", *settings]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found[who] = json.loads(done.stdout.splitlines()[-1])
    one, many = found["alone"], found["workers"]
    pairs = 8 * given.targets * given.k
    print(f"{given.images} images x {given.targets} targets, K = {given.k}, {given.channels * given.bins} numbers each")
    print(f"one process: {one['seconds']:.1f} s, peak {one['peak']:.0f} MiB")
    print(
        f"{given.workers} workers, shards of {given.shard_images}: {many['seconds']:.1f} s, of which merging "
        f"{many['merging']:.1f} s; peak of the launcher {many['peak']:.0f} MiB, of a worker "
        f"{many['worker_peak']:.0f} MiB"
    )
    limits, neighbors = many["down"] / 1e6, many["up"] / 1e6
    print(f"moved: {limits:.1f} MB of limits, {neighbors:.1f} MB of neighbors (the table has {pairs / 1e6:.1f})")
    keep("workers / one process", many["seconds"] / one["seconds"])
    equal = "equal" if one["table"] == many["table"] else "DIFFER"
    print(f"workers / one process: {many['seconds'] / one['seconds']:.2f}; tables {equal}")
    if one["table"] != many["table"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
