"""Which test images each run had right, read from its files: for intervals over seeds and images together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sjft_tf import artifacts
from sjft_tf.comparison.statistics import Interval, image_interval
from sjft_tf.csv_files import read_rows, unescape
from sjft_tf.errors import InputError


def image_intervals(root: Path, content: dict[str, Any]) -> dict[str, Interval | None]:
    """Of each arm the interval of its difference to the baseline, over seeds and images; None where files are missing.

    Args:
        root: the comparison's workdir.
        content: that of comparison.json.
    """
    right: dict[str, dict[int, np.ndarray]] = {}
    labels: np.ndarray | None = None
    for arm in content["arms"]:
        right[arm["name"]] = {}
        for run in arm["runs"]:
            read = _right(root / run["workdir"], fused=arm["name"] == "fusion")
            if read is not None:
                right[arm["name"]][run["seed"]], labels = read
    plain, found = right.get(content["baseline"], {}), {}
    for name, of_seed in right.items():
        seeds = [seed for seed in of_seed if seed in plain]
        if name == content["baseline"] or labels is None or len(seeds) < 2:
            continue
        gains = np.stack([of_seed[seed] - plain[seed] for seed in seeds])
        found[name] = image_interval(gains, labels)
    return found


def _right(run: Path, fused: bool) -> tuple[np.ndarray, np.ndarray] | None:
    """`(right float64 [N], labels int64 [N])` of a run's test images, in order; None if it has no predictions."""
    table = run / "predictions.csv"
    if not table.is_file():
        return None
    lines = read_rows(table, ("label", "predicted"))
    place = {name: number for number, name in enumerate(artifacts.read_json(run / "classes.json")["target"])}
    # A class that begins like an escaped one, from a run with --raw_csv, is found as it was written.
    place = {unescape(name): number for name, number in place.items()} | place
    if unknown := sorted({line[name] for line in lines for name in ("label", "predicted")} - set(place)):
        raise InputError(f"{table} names a class that {run / 'classes.json'} does not have: {unknown[0]!r}")
    labels = np.array([place[line["label"]] for line in lines], np.int64)
    predicted = np.array([place[line["predicted"]] for line in lines], np.int64)
    if fused:
        files = sorted((run / "rounds").glob("*/probabilities-test.npz"))
        predicted = np.mean([artifacts.load_npz(path)[0]["probabilities"] for path in files], axis=0).argmax(axis=1)
    return (predicted == labels).astype(np.float64), labels
