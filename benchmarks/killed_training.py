"""`kill -9` at random moments of a training, then the same command again: are the weights always the same, bit for bit?

  python benchmarks/killed_training.py --times=20 -- --target=folder:MY_IMAGES --source=folder:LARGE_SET --rounds=3 \
      --steps_per_round=40 --checkpoint_steps=5 --trunk=preact_resnet --weights=none --selector=nearest

What follows `--` are flags of scripts/train.py (all but --workdir and --deterministic, which is added); they must
include --rounds, --steps_per_round, --checkpoint_steps and a selector with a neighbor table, which is made once and
copied. The moments are uniform over the steps of the run and not over its time: a state is awaited on disk, and then a
random part of the time that the last one took. Everything is written to a temporary folder.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from timing import keep, parse

from sjft_tf.artifacts import load_npz
from sjft_tf.owned_folder import MARKER
from sjft_tf.training import Checkpoints, finished_rounds, round_folder
from sjft_tf.workdir import RoundFiles


class Training:
    """The program, started with the same flags again and again."""

    def __init__(self, flags: Sequence[str], workdir: Path, steps_per_round: int):
        self.workdir, self._round = workdir, steps_per_round
        self._checkpoints = Checkpoints(workdir / "checkpoints", 1, {})
        command = [sys.executable, "-m", "sjft_tf.scripts.train", *flags]
        self._command = [*command, "--deterministic", f"--workdir={workdir}"]

    def start(self) -> subprocess.Popen:
        return subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def finish(self) -> float:
        """Runs to the end; seconds it took."""
        begun = time.perf_counter()
        if self.start().wait() != 0:
            sys.exit("the training failed; run scripts/train.py with these flags to see why")
        return time.perf_counter() - begun

    def step(self) -> int:
        """Steps done in the newest state on disk."""
        rounds = self._round * len(finished_rounds(self.workdir / "rounds"))
        return max([rounds, *self._checkpoints.steps()])

    def kill(self, step: int, part: float) -> bool:
        """Kills the training when this step is on disk and `part` of the time of the last state has passed again."""
        process, found = self.start(), -1
        since = last = time.perf_counter()
        while process.poll() is None:
            if (now := self.step()) > found:
                last, since, found = since, time.perf_counter(), now
            if found >= step and time.perf_counter() - since >= part * (since - last):
                process.kill()
                break
            time.sleep(0.002)
        return process.wait() != 0

    def arrays(self) -> dict[str, np.ndarray]:
        """Weights and optimizer variables of all rounds."""
        found: dict[str, np.ndarray] = {}

        def add(name: str, item: object) -> None:
            if isinstance(item, h5py.Dataset):
                found[f"{index}/{name}"] = item[()]

        for index in finished_rounds(self.workdir / "rounds"):
            place = round_folder(self.workdir / "rounds", index)
            with h5py.File(place / RoundFiles.MODEL) as file:
                file.visititems(add)
            found |= {f"{index}/{name}": value for name, value in load_npz(place / RoundFiles.OPTIMIZER)[0].items()}
        return found


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(value, other[name]) for name, value in one.items())


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("flags", nargs="+", help="flags of scripts/train.py, after --")
    arguments = parse(parser, argv)
    given = dict(flag.lstrip("-").split("=", 1) for flag in arguments.flags if "=" in flag)
    rounds, steps, every = (int(given[name]) for name in ("rounds", "steps_per_round", "checkpoint_steps"))
    moments = np.random.default_rng(arguments.seed).uniform(0, rounds * steps, arguments.times)
    with tempfile.TemporaryDirectory() as folder:
        calm = Training(arguments.flags, Path(folder) / "calm", steps)
        print(f"undisturbed: {calm.finish():.1f} s, {rounds} rounds of {steps} steps", flush=True)
        wanted = calm.arrays()
        equal = killed = inside = 0
        for number, moment in enumerate(moments):
            run = Training(arguments.flags, Path(folder) / str(number), steps)
            run.workdir.mkdir()
            (run.workdir / MARKER).touch()
            for name in ("edges.npz", "neighbors.npz"):
                shutil.copy(calm.workdir / name, run.workdir)
            at = int(moment // every * every)
            was_killed = run.kill(at, moment / every % 1)
            kept = run.step()
            seconds = run.finish()
            result = same(run.arrays(), wanted)
            equal, killed, inside = equal + result, killed + was_killed, inside + (was_killed and kept % steps > 0)
            end = f"killed, step {kept} on disk" if was_killed else "finished before"
            print(
                f"{number + 1:3}: {end}, again {seconds:.1f} s, weights {'identical' if result else 'DIFFER'}",
                flush=True,
            )
            shutil.rmtree(run.workdir)
    print(
        f"{killed} of {arguments.times} killed, {inside} went on within a round, {equal} ended with identical weights"
    )
    keep("identical weights / trainings", equal / arguments.times)
    if equal != arguments.times:
        sys.exit(1)


if __name__ == "__main__":
    main()
