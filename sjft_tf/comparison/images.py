"""Which test images each run had right, read from its files: for intervals over seeds and images together."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sjft_tf import artifacts, outputs
from sjft_tf.comparison.arms import BASELINE
from sjft_tf.comparison.records import ComparisonRecord
from sjft_tf.csv_files import read_rows, unescape
from sjft_tf.errors import InputError
from sjft_tf.schema import Array, Schema
from sjft_tf.study import Interval, image_interval
from sjft_tf.workdir import RoundFiles, Workdir

_REMEDY = "Remove the run's folder and start the same command again: the run is made anew."


def image_intervals(root: Path, record: ComparisonRecord) -> dict[str, Interval | None]:
    """Of each arm the interval of its difference to the baseline, over seeds and images; None where files are missing.

    Args:
        root: the comparison's workdir.
        record: of the comparison.

    Raises:
        InputError: a run's files are damaged, or are of other images.
    """
    right: dict[str, dict[int, np.ndarray]] = {}
    labels: np.ndarray | None = None
    for of_arm in record.arms:
        name = of_arm.arm.name
        right[name] = {}
        for run in of_arm.runs:
            folder = root / run.workdir
            read = _right(folder, fused=name == "fusion")
            if read is None:
                continue
            right[name][run.seed] = read[0]
            if labels is not None and not np.array_equal(labels, read[1]):
                raise InputError(
                    f"{Workdir(folder).predictions} is not of the same images as those of other runs. {_REMEDY}"
                )
            labels = read[1]
    plain, intervals = right.get(BASELINE, {}), {}
    for name, of_seed in right.items():
        seeds = [seed for seed in of_seed if seed in plain]
        if name == BASELINE or labels is None or len(seeds) < 2:
            continue
        gains = np.stack([of_seed[seed] - plain[seed] for seed in seeds])
        intervals[name] = image_interval(gains, labels)
    return intervals


def _right(run: Path, fused: bool) -> tuple[np.ndarray, np.ndarray] | None:
    """`(right float64 [N], labels int64 [N])` of a run's test images, in order; None if it has no predictions."""
    table = Workdir(run).predictions
    if not table.is_file():
        return None
    outputs.check(table, _REMEDY)
    lines = read_rows(table, ("label", "predicted"))
    names = artifacts.read_json(Workdir(run).classes, {"target": [str]}, _REMEDY)["target"]
    index = {name: number for number, name in enumerate(names)}
    # A class that begins like an escaped one, from a run with --raw_csv, is found as it was written.
    index = {unescape(name): number for name, number in index.items()} | index
    if unknown := sorted({line[name] for line in lines for name in ("label", "predicted")} - set(index)):
        raise InputError(f"{table} names a class that {run / 'classes.json'} does not have: {unknown[0]!r}. {_REMEDY}")
    labels = np.array([index[line["label"]] for line in lines], np.int64)
    predicted = np.array([index[line["predicted"]] for line in lines], np.int64)
    if fused:
        files = sorted(Workdir(run).rounds.glob(f"*/{RoundFiles.probabilities('test')}"))
        if not files:
            return None
        wanted = Schema({"probabilities": Array("float", (len(lines), len(names)), low=0, high=1.001)})
        of_rounds = [artifacts.load_npz(path, wanted, _REMEDY)[0]["probabilities"] for path in files]
        predicted = np.mean(of_rounds, axis=0).argmax(axis=1)
    return (predicted == labels).astype(np.float64), labels
