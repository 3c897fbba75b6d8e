"""A small world of striped images in folders: a target with splits, a source, and the settings of a tiny run."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sjft_tf.config import RunConfig
from sjft_tf.workdir import Workdir


def stripes(rng: np.random.Generator, period: float, angle: float, size: int = 16) -> Image.Image:
    y, x = np.mgrid[:size, :size]
    wave = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period + rng.uniform(0, 6))
    pixels = 128 + 80 * wave[..., None] + rng.normal(0, 12, (size, size, 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> Path:
    """Folders target/{train,val,test}/{a,b,c} and source/{0..3}, PNG images of 16 px."""
    root, rng = tmp_path_factory.mktemp("world"), np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 2), ("test", 3)):
        for number, name in enumerate("abc"):
            folder = root / "target" / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                stripes(rng, 4 + 2 * number, 0.3).save(folder / f"{i}.png")
    for number in range(4):
        folder = root / "source" / f"class {number}"
        folder.mkdir(parents=True)
        for i in range(10):
            stripes(rng, 3 + 2 * number, rng.uniform(0, 3)).save(folder / f"{i}.png")
    return root


@pytest.fixture(scope="session")
def config(world: Path) -> RunConfig:
    """A run of two rounds of four steps on that world."""
    plain = RunConfig()
    return (
        plain.replace("data", target=f"folder:{world / 'target'}", source=[f"folder:{world / 'source'}"])
        .replace("view", image_size=16, resize=16, pad=2)
        .replace("retrieval", bins=8, descriptor_resize=16, descriptor_crop=16)
        .replace("selection", selector="nearest", k0="3")
        .replace("model", trunk="preact_resnet", weights="none", depth=8, width=4, dropout=0.3)
        .replace("training", rounds=2, steps_per_round=4, batch_size=6, eval_batch_size=8)
        .replace("monitor", projector_images=0)  # test_board.py asks for it
        .validate()
    )


@pytest.fixture(scope="session")
def finished(config, tmp_path_factory):
    """`(workdir, report)` of a finished run of that config, to be read only."""
    from sjft_tf.pipeline.programs.train import train

    workdir = Workdir(tmp_path_factory.mktemp("finished") / "run")
    return workdir, train(config, workdir)


@pytest.fixture
def trained(finished, tmp_path):
    """A copy of that run for a test to change: training takes seconds, and its settings are always the same."""
    shutil.copytree(finished[0].root, tmp_path / "run")
    return Workdir(tmp_path / "run")


@pytest.fixture
def flags(world: Path) -> list[str]:
    """The same settings as flags of scripts/train.py."""
    return [
        f"--target=folder:{world / 'target'}",
        f"--source=folder:{world / 'source'}",
        *[
            "--image_size=16",
            "--resize=16",
            "--pad=2",
            "--bins=8",
            "--descriptor_resize=16",
            "--descriptor_crop=16",
            "--selector=nearest",
            "--k0=3",
        ],
        *["--trunk=preact_resnet", "--weights=none", "--depth=8", "--width=4", "--dropout=0.3"],
        *["--rounds=2", "--steps_per_round=4", "--batch_size=6", "--eval_batch_size=8", "--projector_images=0"],
    ]


@pytest.fixture(scope="session")
def forks():
    """A process that starts programs without the seconds of importing TensorFlow."""
    spec = importlib.util.spec_from_file_location("sjft_forks", Path(__file__).with_name("forks.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    server = module.Forks()
    yield server
    server.close()


@pytest.fixture
def forked(forks, tmp_path_factory):
    """As `program`, but a fork: for all that is not about the start itself."""

    def call(name: str, *arguments: str, check: bool = True, cwd: Path | None = None) -> subprocess.CompletedProcess:
        folder = tmp_path_factory.mktemp("output")
        streams = folder / "stdout", folder / "stderr"
        status = forks.start(["-m", f"sjft_tf.scripts.{name}", *arguments], *streams, cwd=cwd).wait()
        done = subprocess.CompletedProcess(arguments, status, *(stream.read_text() for stream in streams))
        assert not check or status == 0, done.stdout + done.stderr
        return done

    return call


@pytest.fixture
def program():
    """Runs one of the programs as a user does; returns the finished process, its output as text."""

    def call(name: str, *arguments: str, check: bool = True, cwd: Path | None = None) -> subprocess.CompletedProcess:
        environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
        done = subprocess.run(
            [sys.executable, "-m", f"sjft_tf.scripts.{name}", *arguments],
            env=environment,
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    return call
