"""Damaged and hostile artifacts: the right content or an InputError that names the file; nothing else, ever."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sjft_tf import artifacts
from sjft_tf.descriptors import BinEdges, DescriptorStore
from sjft_tf.errors import InputError
from sjft_tf.evaluation import evaluate_probabilities
from sjft_tf.pipeline import audit, importance, pruning, results
from sjft_tf.retrieval import NeighborTable
from sjft_tf.training import state as rounds
from sjft_tf.training.config import RunConfig
from sjft_tf.workdir import Workdir

STAMP = {"target": "abc"}


def _npz(path, arrays, **meta):
    artifacts.save_npz(path, arrays, {"made_from": STAMP, **meta})


def _floats(*values):
    return np.array(values, np.float64)


def make(folder: Path) -> Workdir:
    """One tiny artifact of each kind."""
    workdir, place = Workdir(folder), folder / "rounds" / "00"
    NeighborTable(
        np.array([[2, 0], [1, 2]], np.int32), np.array([[0, 1], [2, 3]], np.float32), {"source_size": 3}
    ).save(workdir.neighbors)
    BinEdges((np.zeros((2, 3), np.float32),), *[(np.zeros(2, np.float32),)] * 2, STAMP).save(workdir.edges)
    writer = DescriptorStore.create(workdir.descriptors, 2, [2], [4], 2, STAMP)
    writer.write(np.arange(2), np.full((2, 4), 2))
    writer.finish()
    _npz(workdir.importance, {name: _floats(0.25, 0.75) for name in ("target", "source", "weight")})
    leak = {"source_row": np.array([1], np.int32), "role": np.array(["test"]), "target_row": np.array([0], np.int32)}
    leak |= {"kind": np.array(["near"]), "score": np.array([0.9], np.float32)}
    _npz(workdir.leaks, leak, judged={"test": 2})
    found = {"rows": np.arange(2), "scores": _floats(1, -np.inf), "bound": _floats(1, -1), "better": np.arange(2)}
    _npz(workdir.influence / "scores.npz", found | {"dropped": np.array([True, False])}, how="by hand")
    digests = {"weights": "w", "optimizer": "o"}
    metrics = {"scoring": {"wrong": 1}, "seconds": 1.5}
    _npz(place / "state.npz", {"counts": np.arange(2)}, index=0, global_step=3, k0=1, metrics=metrics, **digests)
    scoring = {"entropy": np.ones(2, np.float32), "wrong": np.ones(2, bool)}
    scoring |= {name: np.ones(2, np.int32) for name in ("predicted", "labels")}
    artifacts.save_npz(place / "scoring.npz", scoring, {"weights": "w"})
    p = np.array([[0.25, 0.75], [0.5, 0.5]])
    made_from = {"images": "abc", "views": "center", "weights": "w"}
    artifacts.save_npz(place / "probabilities-test.npz", {"probabilities": p}, {"made_from": made_from})
    figures = evaluate_probabilities(p, [0, 1], ("a", "b")).to_json() | {"made_from": made_from}
    artifacts.write_json(place / "metrics.json", {"test": figures})
    artifacts.write_json(workdir.classes, {"target": ["a", "b"], "source": []})
    config = RunConfig()
    workdir.write_config(replace(config, data=replace(config.data, target="folder:x", source=["folder:y"])))
    return workdir


# What each file is read by; the result is compared with what the undamaged file gives.
LOADERS = {
    "neighbors.npz": lambda w: (t := NeighborTable.load(w.neighbors)) and (t.rows, t.distances, t.made_from),
    "edges.npz": lambda w: (e := BinEdges.load(w.edges)) and (*e.edges, *e.low, *e.high),
    "descriptors-source/meta.json": lambda w: DescriptorStore.open(w.descriptors).counts([0, 1]),
    "class_importance.npz": lambda w: artifacts.load_npz(w.importance, importance._SCHEMA),
    "leaks.npz": lambda w: artifacts.load_npz(w.leaks, audit._SCHEMA),
    "influence/scores.npz": lambda w: artifacts.load_npz(w.influence / "scores.npz", pruning._SCHEMA),
    "rounds/00/state.npz": lambda w: vars(rounds.read_round(w.rounds, 0)),
    "rounds/00/scoring.npz": lambda w: rounds.read_scoring(w.rounds, 0) or {},
    "rounds/00/probabilities-test.npz": lambda w: artifacts.load_npz(
        w.rounds / "00/probabilities-test.npz", results._PROBABILITIES
    ),
    "rounds/00/metrics.json": lambda w: results.round_figures(w, 0),
    "classes.json": lambda w: w.read_classes(),
    "config.json": lambda w: w.read_config().to_json(),
}
TEXTS = [
    *(b"null", b"[]", b"{}", b"", b"\0", b"\xff\xfe", b'{"a": NaN}', b'"', b"1" * 6000, b"[" * 200_000),
    *(b'{"a":' * 100_000, b"{" + b'"config": {}' + b"}", b'{"sha256": null}', b'{"sha256": [[]]}'),
]
VALUES = [None, [], {}, "", "x", -1, 10**400, 1.5, True, [[1]], {"a": None}, float("nan")]


def damage_bytes(path: Path, chance: random.Random) -> str:
    """Changes the file as disks and hands do; its digest stays."""
    content, kind = bytearray(path.read_bytes()), chance.choice(["bit", "cut", "text", "zeros", "tail", "folder"])
    if kind == "folder":
        path.unlink()
        path.mkdir()
        return kind
    at = chance.randrange(len(content))
    if kind == "bit":
        content[at] ^= 1 << chance.randrange(8)
    elif kind == "cut":
        del content[at:]
    elif kind == "zeros":
        content[at : at + 16] = bytes(len(content[at : at + 16]))
    elif kind == "tail":
        content += content[at:]
    else:
        content = bytearray(chance.choice(TEXTS))
    path.write_bytes(content)
    return f"{kind} at {at}"


def replaced(value, chance: random.Random):
    """`value` with something in it replaced, dropped or added, at a random depth."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        name = chance.choice(sorted(value))
        changed = {**value, name: replaced(value[name], chance)}
        if chance.random() < 0.2:
            del changed[name]
        return changed
    if isinstance(value, list) and value and chance.random() < 0.6:
        at = chance.randrange(len(value))
        return [*value[:at], replaced(value[at], chance), *value[at + 1 :]]
    return chance.choice(VALUES)


def forge(path: Path, chance: random.Random) -> str:
    """Writes other content with a digest that is right: only the schema stands in the way."""
    if path.suffix == ".json":
        changed = replaced(artifacts.read_json(path), chance)
        artifacts.write_json(path, changed)
        return f"forged {str(changed)[:200]}"
    arrays, meta = artifacts.load_npz(path)
    name = chance.choice(sorted(arrays))
    kind = chance.choice(["drop", "reshape", "retype", "negative", "large", "nan", "extra", "meta", "no meta", "empty"])
    array = arrays[name]
    if kind == "drop":
        del arrays[name]
    elif kind in ("reshape", "empty"):
        arrays[name] = array[..., None] if kind == "reshape" else array[:0]
    elif kind == "retype":
        arrays[name] = np.zeros(array.shape, chance.choice(["S8", "float16", "uint8", "complex64", "U4"]))
    elif kind in ("negative", "large", "nan") and array.dtype.kind in "if":
        values = {"negative": -7, "large": 2**31 - 1, "nan": np.nan if array.dtype.kind == "f" else -1}
        array.flat[chance.randrange(array.size)] = values[kind]
    elif kind == "extra":
        arrays["other"] = np.zeros(1)
    elif kind == "meta":
        meta = replaced(meta, chance)
    elif kind == "no meta":
        meta = {}
    artifacts.save_npz(path, arrays, meta if isinstance(meta, dict) else {"meta": meta})
    return f"{kind} {name} {meta}"


def same(a, b) -> bool:
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Workdir:
    return make(tmp_path_factory.mktemp("artifacts") / "run")


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.filterwarnings("ignore:Reading `.npy` or `.npz` file required additional header parsing")
def test_damaged_artifacts(name, whole, tmp_path, request):
    wanted, load = LOADERS[name](whole), LOADERS[name]
    workdir = Workdir(tmp_path / "run")
    refused, told = 0, ""
    shutil.copytree(whole.root, workdir.root)
    path, original = workdir.root / name, (whole.root / name).read_bytes()
    for seed in range(request.config.getoption("--fuzz")):
        chance = random.Random(f"{name} {seed}")
        path.write_bytes(original)
        by_hand = seed % 2 == 1
        what = (forge if by_hand else damage_bytes)(path, chance)
        try:
            found = load(workdir)
        except InputError as error:
            refused, told = refused + 1, str(error)
        except Exception as error:
            raise AssertionError(f"{name}, mutation {seed} ({what}): {type(error).__name__}: {error}") from error
        else:
            # A forged file that fits the schema is another artifact; a damaged one must never be.
            assert by_hand or same(wanted, found), (name, seed, what)
        assert len(told) < 2000, (seed, what)
        if path.is_dir():
            path.rmdir()
    assert refused > request.config.getoption("--fuzz") // 4


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
