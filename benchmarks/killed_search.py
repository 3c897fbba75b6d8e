"""`kill -9` at random moments of a search, then the same command again: is the table always the same, bit for bit?

  python benchmarks/killed_search.py --times=20 -- --target=folder:MY_IMAGES --source=folder:LARGE_SET --k0=100

What follows `--` are flags of scripts/retrieve.py (all but --workdir); a small --checkpoint_images lets more of the
killed searches go on from a checkpoint. Everything is written to a temporary folder.

With --engine=dask among the flags the undisturbed search is still that of one process; --who=worker kills a worker of
the search, which goes on without it, instead of the whole.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from timing import keep, parse

from sjft_tf.artifacts import load_npz


class Retrieval:
    """The program, started with the same flags again and again."""

    def __init__(self, flags: Sequence[str], workdir: Path):
        self.workdir, self.flags = workdir, tuple(flags)
        self._command = [sys.executable, "-m", "sjft_tf.scripts.retrieve", *flags]

    def start(self) -> subprocess.Popen:
        command = [*self._command, f"--workdir={self.workdir}"]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def finish(self) -> float:
        """Runs to the end; seconds it took."""
        begun = time.perf_counter()
        if self.start().wait() != 0:
            sys.exit("the search failed; run scripts/retrieve.py with these flags to see why")
        return time.perf_counter() - begun

    def _searching(self) -> tuple[subprocess.Popen, float]:
        """A search that has come to its bin edges, and seconds until then."""
        process, begun = self.start(), time.perf_counter()
        while not (self.workdir / "edges.npz").exists() and process.poll() is None:
            time.sleep(0.01)
        return process, time.perf_counter() - begun

    def kill(self, share: float, seconds: float) -> bool:
        """Kills the search after this share of its `seconds`, counted from the moment bin edges are written."""
        process, edges = self._searching()
        try:
            process.wait(timeout=share * max(seconds - edges, 0.1))
        except subprocess.TimeoutExpired:
            process.kill()
        return process.wait() != 0

    def kill_worker(self, share: float, seconds: float, draw: np.random.Generator) -> bool:
        """Kills one worker after this share of the search's `seconds`, counted likewise; waits for the search's end."""
        process, edges = self._searching()
        try:
            process.wait(timeout=share * max(seconds - edges, 0.1))
        except subprocess.TimeoutExpired:
            if workers := _workers(process.pid):
                os.kill(draw.choice(workers), signal.SIGKILL)
                return process.wait() == 0
        if process.wait() != 0:
            sys.exit("the search failed; run scripts/retrieve.py with these flags to see why")
        return False

    def checkpoint(self) -> int:
        """Source images the checkpoint knows of; 0 if there is none."""
        path = self.workdir / "search.npz"
        return int(np.unpackbits(load_npz(path)[0]["seen"]).sum()) if path.exists() else 0

    def table(self) -> dict[str, np.ndarray]:
        return load_npz(self.workdir / "neighbors.npz")[0]


def _workers(launcher: int) -> list[int]:
    """The processes of Dask's workers that a search has started."""
    children = Path(f"/proc/{launcher}/task").glob("*/children")
    found = [int(number) for path in children for number in path.read_text().split()]
    return [number for number in found if b"spawn_main" in Path(f"/proc/{number}/cmdline").read_bytes()]


def _alone(flags: Sequence[str]) -> list[str]:
    """The flags of the same search in one process."""
    others = ("engine", "workers", "scheduler", "shard_", "dashboard")
    return [flag for flag in flags if not flag.lstrip("-").startswith(others)]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--who", choices=("launcher", "worker"), default="launcher", help="what is killed")
    parser.add_argument("flags", nargs="+", help="flags of scripts/retrieve.py, after --")
    arguments = parse(parser, argv)
    draw = np.random.default_rng(arguments.seed)
    moments = draw.uniform(0, 1, arguments.times)
    with tempfile.TemporaryDirectory() as folder:
        calm = Retrieval(_alone(arguments.flags), Path(folder) / "calm")
        seconds = calm.finish()
        if calm.flags != tuple(arguments.flags):
            print(f"by one process: {seconds:.1f} s", flush=True)
            seconds = Retrieval(arguments.flags, Path(folder) / "by workers").finish()
        print(f"undisturbed: {seconds:.1f} s", flush=True)
        same = killed = 0
        for number, share in enumerate(moments):
            search = Retrieval(arguments.flags, Path(folder) / str(number))
            if arguments.who == "launcher":
                was_killed = search.kill(share, seconds)
                known, again = search.checkpoint(), search.finish()
            else:
                was_killed, known, again = search.kill_worker(share, seconds, draw), 0, 0.0
            pairs = zip(search.table().values(), calm.table().values(), strict=True)
            equal = all(np.array_equal(one, other) for one, other in pairs) and not search.checkpoint()
            same, killed = same + equal, killed + was_killed
            end = "killed" if was_killed else "finished before"
            result = "identical" if equal else "DIFFERS"
            print(f"{number + 1:3}: {end} at {share:.0%}, {known} images in the checkpoint, ", end="")
            print(f"again {again:.1f} s, table {result}", flush=True)
    print(f"{killed} of {arguments.times} killed, {same} of {arguments.times} tables identical")
    keep("identical tables / searches", same / arguments.times)
    if same != arguments.times:
        sys.exit(1)


if __name__ == "__main__":
    main()
