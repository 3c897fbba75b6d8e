"""What the fuzzers of artifacts share: files damaged as disks and hands do, and forged ones whose digest is right."""

from __future__ import annotations

import random
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sjft_tf import artifacts
from sjft_tf.errors import InputError

_NOTHING = object()
_ROOM = 128 << 10  # KB that all mutations of a file together may add

_TEXTS = [
    *(b"null", b"[]", b"{}", b"", b"\0", b"\xff\xfe", b'{"a": NaN}', b'"', b"1" * 6000, b"[" * 200_000),
    *(b'{"a":' * 100_000, b"{" + b'"config": {}' + b"}", b'{"sha256": null}', b'{"sha256": [[]]}'),
]
_VALUES = [None, [], {}, "", "x", -1, 10**400, 1.5, True, [[1]], {"a": None}, float("nan")]


def _damage_bytes(path: Path, chance: random.Random) -> str:
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
        content = bytearray(chance.choice(_TEXTS))
    path.write_bytes(content)
    return f"{kind} at {at}"


def _replaced(value, chance: random.Random):
    """`value` with something in it replaced, dropped or added, at a random depth."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        name = chance.choice(sorted(value))
        changed = {**value, name: _replaced(value[name], chance)}
        if chance.random() < 0.2:
            del changed[name]
        return changed
    if isinstance(value, list) and value and chance.random() < 0.6:
        at = chance.randrange(len(value))
        return [*value[:at], _replaced(value[at], chance), *value[at + 1 :]]
    return chance.choice(_VALUES)


def _forge(path: Path, chance: random.Random) -> str:
    """Writes other content with a digest that is right: only the schema stands in the way."""
    if path.suffix == ".json":
        changed = _replaced(artifacts.read_json(path), chance)
        artifacts.write_json(path, changed)
        return f"forged {str(changed)[:200]}"
    arrays, meta = artifacts.load_npz(path)
    name = chance.choice(sorted(arrays))
    kind = chance.choice(["drop", "reshape", "retype", "negative", "large", "nan", "extra", "meta", "no meta", "empty"])
    array = arrays[name]
    if kind == "drop":
        del arrays[name]
    elif kind in ("reshape", "empty"):
        arrays[name] = array[..., None] if kind == "reshape" else np.atleast_1d(array)[:0]
    elif kind == "retype":
        arrays[name] = np.zeros(array.shape, chance.choice(["S8", "float16", "uint8", "complex64", "U4"]))
    elif kind in ("negative", "large", "nan") and array.dtype.kind in "if":
        values = {"negative": -7, "large": 2**31 - 1, "nan": np.nan if array.dtype.kind == "f" else -1}
        array.flat[chance.randrange(array.size)] = values[kind]
    elif kind == "extra":
        arrays["other"] = np.zeros(1)
    elif kind == "meta":
        meta = _replaced(meta, chance)
    elif kind == "no meta":
        meta = {}
    artifacts.save_npz(path, arrays, meta if isinstance(meta, dict) else {"meta": meta})
    return f"{kind} {name} {meta}"


def _same(a, b) -> bool:
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[name], b[name]) for name in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return a == b


@pytest.fixture(scope="session")
def mutate() -> Callable[[Path, random.Random], str]:
    """Changes a file as disks and hands do, its digest staying as it was; says how."""
    return _damage_bytes


@pytest.fixture
def attack(tmp_path, request):
    """Mutates one file of a folder again and again: read right, refused with an InputError, or made again."""

    def of(whole: Path, name: str, load: Callable[[Path], Any], again: Any = _NOTHING) -> None:
        """The attack.

        Args:
            whole: the folder, which is copied.
            name: of the file in it.
            load: reads the file, given the folder.
            again: what `load` gives for a damaged cache, which is made again; left out, it must raise.
        """
        mutations = request.config.getoption("--fuzz")
        wanted, root, refused, message = load(whole), tmp_path / "run", 0, ""
        shutil.copytree(whole, root)
        path, original = root / name, (whole / name).read_bytes()
        sealed = path.suffix == ".npz" or original.startswith(b"{")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for seed in range(mutations):
            chance = random.Random(f"{name} {seed}")
            path.write_bytes(original)
            by_hand = sealed and seed % 2 == 1
            what = (_forge if by_hand else _damage_bytes)(path, chance)
            try:
                loaded = load(root)
            except InputError as error:
                refused, message = refused + 1, str(error)
            except Exception as error:
                raise AssertionError(f"{name}, mutation {seed} ({what}): {type(error).__name__}: {error}") from error
            else:
                if again is not _NOTHING and _same(again, loaded):
                    refused += 1
                else:
                    # A forged file that fits the schema is another artifact; a damaged one must never be.
                    assert by_hand or _same(wanted, loaded), (name, seed, what)
            assert len(message) < 2000, (seed, what)
            if path.is_dir():
                path.rmdir()
        print(f"{name}: {mutations} mutations, {refused} refused, {mutations - refused} read")
        assert refused > mutations // 4
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < _ROOM

    return of
