"""`kill -9` at random moments of a search, then the same command again: is the table always the same, bit for bit?

  python benchmarks/killed_search.py --times=20 -- --target=folder:MY_IMAGES --source=folder:LARGE_SET --k0=100

What follows `--` are flags of scripts/retrieve.py (all but --workdir); a small --checkpoint_images lets more of the
killed searches go on from a checkpoint. Everything is written to a temporary folder.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sjft_tf.artifacts import load_npz


class Retrieval:
    """The program, started with the same flags again and again."""

    def __init__(self, flags: Sequence[str], workdir: Path):
        self.workdir, self._command = workdir, [sys.executable, "-m", "sjft_tf.scripts.retrieve", *flags]

    def start(self) -> subprocess.Popen:
        command = [*self._command, f"--workdir={self.workdir}"]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def finish(self) -> float:
        """Runs to the end; seconds it took."""
        begun = time.perf_counter()
        if self.start().wait() != 0:
            sys.exit("the search failed; run scripts/retrieve.py with these flags to see why")
        return time.perf_counter() - begun

    def kill(self, share: float, seconds: float) -> bool:
        """Kills the search after this share of its `seconds`, counted from the moment bin edges are written."""
        process, begun = self.start(), time.perf_counter()
        while not (self.workdir / "edges.npz").exists() and process.poll() is None:
            time.sleep(0.01)
        edges = time.perf_counter() - begun
        try:
            process.wait(timeout=share * max(seconds - edges, 0.1))
        except subprocess.TimeoutExpired:
            process.kill()
        return process.wait() != 0

    def checkpoint(self) -> int:
        """Source images the checkpoint knows of; 0 if there is none."""
        path = self.workdir / "search.npz"
        return int(np.unpackbits(load_npz(path)[0]["seen"]).sum()) if path.exists() else 0

    def table(self) -> dict[str, np.ndarray]:
        return load_npz(self.workdir / "neighbors.npz")[0]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("flags", nargs="+", help="flags of scripts/retrieve.py, after --")
    arguments = parser.parse_args(argv)
    moments = np.random.default_rng(arguments.seed).uniform(0, 1, arguments.times)
    with tempfile.TemporaryDirectory() as folder:
        calm = Retrieval(arguments.flags, Path(folder) / "calm")
        seconds = calm.finish()
        print(f"undisturbed: {seconds:.1f} s", flush=True)
        same = killed = 0
        for number, share in enumerate(moments):
            search = Retrieval(arguments.flags, Path(folder) / str(number))
            was_killed = search.kill(share, seconds)
            known, again = search.checkpoint(), search.finish()
            pairs = zip(search.table().values(), calm.table().values(), strict=True)
            equal = all(np.array_equal(one, other) for one, other in pairs) and not search.checkpoint()
            same, killed = same + equal, killed + was_killed
            end = "killed" if was_killed else "finished before"
            result = "identical" if equal else "DIFFERS"
            print(f"{number + 1:3}: {end} at {share:.0%}, {known} images in the checkpoint, ", end="")
            print(f"again {again:.1f} s, table {result}", flush=True)
    print(f"{killed} of {arguments.times} killed, {same} of {arguments.times} tables identical")
    if same != arguments.times:
        sys.exit(1)


if __name__ == "__main__":
    main()
