"""`kill -9` at any moment, then the same command again: nothing half-written, nothing done twice, the same end."""

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from sjft_tf.artifacts import fingerprint, load_npz, read_json
from sjft_tf.export import load_predictor
from sjft_tf.training import finished_rounds, round_folder
from sjft_tf.training.checkpoints.model_files import check_files
from sjft_tf.workdir import RoundFiles

pytestmark = pytest.mark.slow

ROUNDS, KILLS = 3, 6
TRAIN = ["-m", "sjft_tf.scripts.train"]
# Ends itself, as by kill -9, at the rename that gives the artifact argv[1] its name: before it or after it.
CUT = """
import os, pathlib, runpy, sys
name, when = sys.argv.pop(1), sys.argv.pop(1)
rename = pathlib.Path.replace
def replace(self, target):
    here = str(target).endswith(name)
    if here and when == "before":
        os.kill(os.getpid(), 9)
    done = rename(self, target)
    if here:
        os.kill(os.getpid(), 9)
    return done
pathlib.Path.replace = replace
runpy.run_module("sjft_tf.scripts.train", run_name="__main__", alter_sys=True)
"""


@pytest.fixture(scope="module")
def settings(world):
    return [
        *(f"--target=folder:{world / 'target'}", f"--source=folder:{world / 'source'}"),
        *("--image_size=16", "--resize=16", "--pad=2", "--bins=8", "--descriptor_resize=16", "--descriptor_crop=16"),
        *(
            "--selector=nearest",
            "--k0=3",
            "--trunk=preact_resnet",
            "--weights=none",
            "--depth=8",
            "--width=4",
            "--dropout=0.2",
        ),
        *(f"--rounds={ROUNDS}", "--steps_per_round=4", "--batch_size=6", "--eval_batch_size=8", "--deterministic"),
        "--checkpoint_steps=2",
    ]


@pytest.fixture
def start(settings, forks, tmp_path):
    """Starts the training as a process of its own; its output goes to a file."""

    def call(workdir, *words):
        arguments = [*(words or TRAIN), *settings, f"--workdir={workdir}"]
        return forks.start(arguments, tmp_path / "output.txt")

    call.output = lambda: (tmp_path / "output.txt").read_text()
    return call


@pytest.fixture(scope="module")
def undisturbed(settings, forks, tmp_path_factory):
    """The workdir of a run that nothing disturbed, and the processor's seconds it took."""
    workdir = tmp_path_factory.mktemp("undisturbed") / "run"
    output = workdir.parent / "output.txt"
    process = forks.start([*TRAIN, *settings, f"--workdir={workdir}"], output)
    assert process.wait() == 0, output.read_text()
    return workdir, process.seconds


def visible(root: Path):
    """All files below `root` except temporary ones and the event files, which grow line by line."""
    for path in root.rglob("*"):
        inside = path.relative_to(root).parts
        if path.is_file() and inside[0] != "logs" and not any(part.startswith(".") for part in inside):
            yield path


def check_everything_loads(root: Path):
    """Every artifact that can be seen is whole."""
    for path in visible(root):
        if path.suffix == ".npz":
            load_npz(path)
        elif path.suffix == ".json":
            read_json(path)
        elif path.suffix == ".h5":
            assert arrays_in(path)
        elif path.suffix == ".png":
            with Image.open(path) as image:
                image.load()
        elif path.suffix == ".csv":
            with open(path, newline="") as stream:
                assert len({len(line) for line in csv.reader(stream)}) == 1
            assert path.read_bytes().endswith(b"\n")
        else:
            assert "saved_model" in path.parts, f"{path} is of no known kind"
    done = finished_rounds(root / "rounds")
    assert done == list(range(len(done)))
    for index in done:
        folder = round_folder(root / "rounds", index)
        assert load_npz(folder / RoundFiles.STATE)[1]["weights"] == fingerprint(
            (folder / RoundFiles.MODEL).read_bytes()
        )
    for folder in (root / "checkpoints").glob("step-*"):
        check_files(folder, load_npz(folder / RoundFiles.STATE)[1])
    if (root / "saved_model").exists():
        load_predictor(root / "saved_model")


def arrays_in(path: Path) -> dict[str, np.ndarray]:
    datasets = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: datasets.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
        )
    return datasets


def stamps(root: Path):
    """When the finished stages were written: these files must never be written again."""
    done = [root / "edges.npz", root / "neighbors.npz"]
    done += [round_folder(root / "rounds", i) / RoundFiles.STATE for i in finished_rounds(root / "rounds")]
    return {path: path.stat().st_mtime_ns for path in done if path.exists()}


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]):
    assert a.keys() == b.keys()
    assert a
    for name, array in a.items():
        np.testing.assert_array_equal(array, b[name], err_msg=name)


def figures(folder: Path) -> dict:
    """The figures of a round without the digests of files, of which only the content must be alike."""
    return {name: {**each, "made_from": None} for name, each in read_json(folder / "metrics.json").items()}


def check_same_end(one: Path, other: Path):
    """The two runs ended alike, bit for bit."""
    for name in ("edges.npz", "neighbors.npz"):
        same(load_npz(one / name)[0], load_npz(other / name)[0])
    for index in range(ROUNDS):
        a, b = (round_folder(root / "rounds", index) for root in (one, other))
        same(arrays_in(a / RoundFiles.MODEL), arrays_in(b / RoundFiles.MODEL))
        same(load_npz(a / RoundFiles.OPTIMIZER)[0], load_npz(b / RoundFiles.OPTIMIZER)[0])
        states = [load_npz(folder / RoundFiles.STATE) for folder in (a, b)]
        same(*(arrays for arrays, _ in states))
        metrics = [{**meta["metrics"], "seconds": None} for _, meta in states]
        assert metrics[0] == metrics[1]
        assert figures(a) == figures(b)
    same(arrays_in(one / "trunk.weights.h5"), arrays_in(other / "trunk.weights.h5"))
    for name in ("borrowed.csv", "predictions.csv", "classes.json"):
        assert (one / name).read_text() == (other / name).read_text()
    a, b = (json.loads((root / "metrics.json").read_text()) for root in (one, other))
    assert a["final"] == b["final"]
    assert a["fusion of rounds"] == b["fusion of rounds"]
    for root in (one, other):
        assert not [path for path in root.rglob(".*") if path.name.endswith((".sjft-tmp", ".sjft-old"))]
    assert {p.relative_to(one) for p in visible(one)} == {p.relative_to(other) for p in visible(other)}


def finish(settings, workdir):
    # No fork: with another seed of `hash` than those before it the end is the same.
    done = subprocess.run(
        [sys.executable, *TRAIN, *settings, f"--workdir={workdir}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_killed_at_random_moments(undisturbed, settings, start, tmp_path):
    calm, seconds = undisturbed
    # One moment in each sixth of the run, in random order.
    rng = np.random.default_rng(2)
    moments = rng.permutation((np.arange(KILLS) + rng.uniform(size=KILLS)) / KILLS) * seconds
    workdir, before, killed = tmp_path / "run", {}, 0
    for moment in moments:
        process = start(workdir)
        if process.works(moment):
            process.send_signal(signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
        if process.wait() != -signal.SIGKILL:
            assert process.wait() == 0, start.output()
        check_everything_loads(workdir)
        after = stamps(workdir)
        assert before == {path: after.get(path) for path in before}
        before = after
    assert killed >= 2  # beside other work the undisturbed run takes longer, and late moments come after the end
    finish(settings, workdir)
    assert before == {path: stamps(workdir).get(path) for path in before}
    check_same_end(calm, workdir)


def test_killed_at_the_moment_an_artifact_gets_its_name(undisturbed, settings, start, tmp_path):
    workdir, before = tmp_path / "run", {}
    for name, when in [
        ("neighbors.npz", "before"),
        ("rounds/00", "after"),
        ("checkpoints/step-00000006", "after"),
        ("rounds/01", "before"),
        ("rounds/01/metrics.json", "before"),
        ("saved_model", "before"),
    ]:
        assert start(workdir, "-c", CUT, name, when).wait() == -signal.SIGKILL, start.output()
        assert (workdir / name).exists() == (when == "after")
        leftovers = [path for path in workdir.rglob(".*") if path.name.endswith(".sjft-tmp")]
        assert len(leftovers) == (when == "before")
        check_everything_loads(workdir)
        after = stamps(workdir)
        assert before == {path: after.get(path) for path in before}
        before = after
    finish(settings, workdir)
    check_same_end(undisturbed[0], workdir)
