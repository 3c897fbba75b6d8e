"""Damaged and hostile artifacts: the right content or an InputError that names the file; nothing else, ever."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sjft_tf import artifacts
from sjft_tf.config import RunConfig
from sjft_tf.descriptors import BinEdges, DescriptorStore
from sjft_tf.errors import InputError
from sjft_tf.evaluation import PROBABILITIES, evaluate_probabilities
from sjft_tf.pipeline.pruning import target as pruning
from sjft_tf.pipeline.stages import audit, co_tuning, deciding, heads, results
from sjft_tf.pipeline.stages.gradients import GRADIENTS
from sjft_tf.pipeline.stages.importance import CLASS_IMPORTANCE
from sjft_tf.retrieval import NeighborTable
from sjft_tf.training.checkpoints import rounds
from sjft_tf.workdir import Workdir

STAMP = {"target": "abc"}


def _npz(path, arrays, **meta):
    artifacts.save_npz(path, arrays, {"made_from": STAMP, **meta})


def _floats(*values):
    return np.array(values, np.float64)


def make(folder: Path) -> Workdir:
    """One tiny artifact of each kind."""
    workdir, first_round = Workdir(folder), folder / "rounds" / "00"
    NeighborTable(
        np.array([[2, 0], [1, 2]], np.int32), np.array([[0, 1], [2, 3]], np.float32), {"source_size": 3}
    ).save(workdir.neighbors)
    BinEdges((np.zeros((2, 3), np.float32),), *[(np.zeros(2, np.float32),)] * 2, STAMP).save(workdir.edges)
    writer = DescriptorStore.create(workdir.descriptors, 2, [2], [4], 2, STAMP)
    writer.write(np.arange(2), np.full((2, 4), 2))
    writer.finish()
    _npz(workdir.importance, {name: _floats(0.25, 0.75) for name in ("target", "source", "weight")})
    _npz(workdir.likeness, {"weight": _floats(0.25, -0.5), "target_class": np.array([1, 0], np.int32)})
    head = {"weights": np.ones((3, 2)), "mean": _floats(0.5, 1.5), "factor": np.array(2.0)}
    _npz(workdir.heads / "target-0.npz", head, l2=0.1, held_out=4, accuracy=0.75, temperature=1.5)
    given = {"source_given_target": np.full((2, 4), 0.25, np.float32)}
    _npz(workdir.heads / "relationship-0.npz", given, l2=0.1, accuracy=0.5)
    leak = {"source_row": np.array([1], np.int32), "role": np.array(["test"]), "target_row": np.array([0], np.int32)}
    leak |= {"kind": np.array(["near"]), "score": np.array([0.9], np.float32)}
    _npz(workdir.leaks, leak, judged={"test": 2})
    scores = {"rows": np.arange(2), "scores": _floats(1, -np.inf), "bound": _floats(1, -1), "better": np.arange(2)}
    _npz(workdir.influence / "scores.npz", scores | {"dropped": np.array([True, False])}, how="by hand")
    digests = {"weights": "w", "optimizer": "o"}
    metrics = {"scoring": {"wrong": 1}, "seconds": 1.5}
    _npz(first_round / "state.npz", {"counts": np.arange(2)}, index=0, global_step=3, k0=1, metrics=metrics, **digests)
    scoring = {"entropy": np.ones(2, np.float32), "wrong": np.ones(2, bool)}
    scoring |= {name: np.ones(2, np.int32) for name in ("predicted", "labels")}
    artifacts.save_npz(first_round / "scoring.npz", scoring, {"weights": "w"})
    p = np.array([[0.25, 0.75], [0.5, 0.5]])
    made_from = {"images": "abc", "views": "center", "weights": "w"}
    artifacts.save_npz(first_round / "probabilities-test.npz", {"probabilities": p}, {"made_from": made_from})
    figures = evaluate_probabilities(p, [0, 1], ("a", "b")).to_json() | {"made_from": made_from}
    artifacts.write_json(first_round / "metrics.json", {"test": figures})
    artifacts.write_json(workdir.classes, {"target": ["a", "b"], "source": []})
    artifacts.write_json(workdir.decision, {"selector": "all", "reason": "long", "made_from": STAMP})
    config = RunConfig()
    workdir.write_config(config.replace("data", target="folder:x", source=["folder:y"]))
    return workdir


# What each file is read by; the result is compared with what the undamaged file gives.
LOADERS = {
    "neighbors.npz": lambda w: (t := NeighborTable.load(w.neighbors)) and (t.rows, t.distances, t.made_from),
    "edges.npz": lambda w: (e := BinEdges.load(w.edges)) and (*e.edges, *e.low, *e.high),
    "descriptors-source/meta.json": lambda w: DescriptorStore.open(w.descriptors).counts([0, 1]),
    "class_importance.npz": lambda w: artifacts.load_npz(w.importance, CLASS_IMPORTANCE.schema),
    "gradients.npz": lambda w: artifacts.load_npz(w.likeness, GRADIENTS.schema),
    "heads/target-0.npz": lambda w: artifacts.load_npz(w.heads / "target-0.npz", heads._SCHEMA),
    "heads/relationship-0.npz": lambda w: artifacts.load_npz(w.heads / "relationship-0.npz", co_tuning._SCHEMA),
    "leaks.npz": lambda w: artifacts.load_npz(w.leaks, audit._SCHEMA),
    "influence/scores.npz": lambda w: artifacts.load_npz(w.influence / "scores.npz", pruning._SCHEMA),
    "rounds/00/state.npz": lambda w: vars(rounds.read_round(w.rounds, 0)),
    "rounds/00/scoring.npz": lambda w: rounds.read_scoring(w.rounds, 0) or {},
    "rounds/00/probabilities-test.npz": lambda w: artifacts.load_npz(
        w.rounds / "00/probabilities-test.npz", PROBABILITIES
    ),
    "rounds/00/metrics.json": lambda w: {name: one.to_json() for name, one in results.round_figures(w, 0).items()},
    "classes.json": lambda w: w.read_classes(),
    "selector.json": lambda w: (d := deciding._load(w.decision)) and (str(d[0]), d[1]),
    "config.json": lambda w: w.read_config().to_json(),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Workdir:
    return make(tmp_path_factory.mktemp("artifacts") / "run")


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.filterwarnings("ignore:Reading `.npy` or `.npz` file required additional header parsing")
def test_damaged_artifacts(name, whole, attack):
    attack(whole.root, name, lambda root: LOADERS[name](Workdir(root)))


def test_a_bomb_is_refused_before_anything_is_allocated(tmp_path):
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, zeros=np.zeros(10**7, np.uint8))
    with pytest.raises(InputError, match="compressed"):
        artifacts.load_npz(path)
    artifacts.save_npz(path, {"a": np.zeros(2)}, {})
    content = path.read_bytes()
    path.write_bytes(content.replace(b"'shape': (2,), }    ", b"'shape': (2" + b"0" * 4 + b",), }"))
    with pytest.raises(InputError, match=r"bomb\.npz .*Remove it"):
        artifacts.load_npz(path)


def test_a_file_without_digest_says_so(tmp_path):
    np.savez(tmp_path / "old.npz", a=np.zeros(2))
    with pytest.raises(InputError, match=r"old\.npz .*no digest of its content.*older version"):
        artifacts.load_npz(tmp_path / "old.npz")
    (tmp_path / "old.json").write_text(json.dumps({"a": 1}))
    with pytest.raises(InputError, match=r"old\.json .*no digest .*older version"):
        artifacts.read_json(tmp_path / "old.json")
