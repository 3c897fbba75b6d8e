"""Files of a comparison's runs that are damaged or of other images: refused by name, before anything is averaged."""

import numpy as np
import pytest

from sjft_tf import artifacts, outputs
from sjft_tf.comparison import Arm, ComparisonSpec
from sjft_tf.comparison.images import image_intervals
from sjft_tf.comparison.records import ArmRecord, ComparisonRecord, RunRecord
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.evaluation import save_predictions

RECORD = ComparisonRecord(
    ComparisonSpec(RunConfig(), ()),
    tuple(
        ArmRecord(
            Arm(name, name, ""),
            runs=[RunRecord(seed, 0.1, None, None, None, None, None, f"{folder}{seed}") for seed in range(2)],
        )
        for name, folder in (("fine-tune", "plain"), ("rounds", "rounds"), ("fusion", "rounds"))
    ),
)
LABELS, P = np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])


@pytest.fixture
def root(tmp_path):
    for folder in ("plain0", "plain1", "rounds0", "rounds1"):
        _write(tmp_path / folder, LABELS, P)
    return tmp_path


def _write(run, labels, p):
    save_predictions(run / "predictions.csv", [f"i{i}" for i in range(len(p))], ["a", "b"], p, labels)
    artifacts.write_json(run / "classes.json", {"target": ["a", "b"]})
    artifacts.save_npz(run / "rounds" / "00" / "probabilities-test.npz", {"probabilities": p}, {})


@pytest.mark.parametrize("arrays", [{}, {"probabilities": P[:2]}, {"probabilities": -P}, {"probabilities": P[:, :1]}])
def test_probabilities(root, arrays):
    artifacts.save_npz(root / "rounds1/rounds/00/probabilities-test.npz", arrays, {})
    with pytest.raises(InputError, match=r"rounds1.rounds.00.probabilities-test\.npz .*Remove the run's folder"):
        image_intervals(root, RECORD)


def test_class_names(root):
    artifacts.write_json(root / "plain0" / "classes.json", {"target": [["a"], "b"]})
    with pytest.raises(InputError, match=r"plain0.classes\.json .*place 0 must be text.*Remove the run's folder"):
        image_intervals(root, RECORD)
    artifacts.write_json(root / "plain0" / "classes.json", {"target": ["a"]})
    with pytest.raises(InputError, match=r"plain0.predictions\.csv names a class .*'b'\. Remove the run's folder"):
        image_intervals(root, RECORD)


@pytest.mark.parametrize("kept", [slice(2), slice(None, None, -1)])
def test_other_images(root, kept):
    _write(root / "rounds1", LABELS[kept], P[kept])
    with pytest.raises(InputError, match=r"rounds1.predictions\.csv is not of the same images"):
        image_intervals(root, RECORD)


def test_a_cell_that_was_changed(root):
    table = root / "rounds1" / "predictions.csv"
    outputs.record(table)
    assert set(image_intervals(root, RECORD)) == {"rounds", "fusion"}
    table.write_bytes(table.read_bytes().replace(b"i0,a", b"i0,b"))
    with pytest.raises(InputError, match=r"rounds1.predictions\.csv is damaged.*Remove the run's folder"):
        image_intervals(root, RECORD)


def test_a_fusion_without_rounds_is_left_out(root):
    for seed in range(2):
        (root / f"rounds{seed}/rounds/00/probabilities-test.npz").unlink()
    assert set(image_intervals(root, RECORD)) == {"rounds"}
