"""Predictions as a file."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.evaluation import save_predictions


def test_predictions_as_csv(tmp_path):
    p = np.array([[0.25, 0.75], [1.0, 0.0]], np.float32)
    ids, names = np.array(["a,b/1.jpg", "c.jpg"]), ["yes", 'no "really"']
    save_predictions(tmp_path / "x" / "p.csv", ids, names, p, labels=np.array([0, 1]))
    with open(tmp_path / "x" / "p.csv", newline="") as stream:
        lines = list(csv.reader(stream))
    assert lines == [
        ["id", "predicted", "probability", "label"],
        ["a,b/1.jpg", 'no "really"', "0.75", "yes"],
        ["c.jpg", "yes", "1", 'no "really"'],
    ]
    save_predictions(tmp_path / "q.csv", ids, names, p)
    assert (tmp_path / "q.csv").read_text().splitlines()[0] == "id,predicted,probability"
    save_predictions(tmp_path / "q.csv", ids, names, p, np.array([0, 1]), all_probabilities=True)
    with open(tmp_path / "q.csv", newline="") as stream:
        header, first, _ = csv.reader(stream)
    assert (header[4:], first[4:]) == (["p:yes", 'p:no "really"'], ["0.25", "0.75"])
    with pytest.raises(InputError, match="'ids': 1"):
        save_predictions(tmp_path / "q.csv", ids[:1], names, p)
