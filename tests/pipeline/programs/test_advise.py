"""From image sets to advice: the measurement, and commands that the programs understand."""

import json
import shlex
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from sjft_tf.advice import Measurement
from sjft_tf.advice import advise as advice_for
from sjft_tf.artifacts import read_json
from sjft_tf.config import DataConfig, ModelConfig, RetrievalConfig, RunConfig
from sjft_tf.errors import InputError
from sjft_tf.pipeline.programs.advise import advise, commands_for, measure
from sjft_tf.workdir import Workdir

# Flags can be defined once in a process, so the commands of a program are read in one of its own, one after another.
READ = """
import importlib, json, shlex, sys
from sjft_tf.scripts import program
lines = [shlex.split(line) for line in json.load(sys.stdin)]
importlib.import_module("sjft_tf.scripts." + sys.argv[1]).define()
for words in lines:
    for name in program.FLAGS:
        program.FLAGS[name].unparse()
    rest = program.FLAGS(["program", *words[2:]])
    assert rest == ["program"], rest
    print(json.dumps(program.config_from_flags().to_json()))
"""


def understood(program, lines):
    """The configurations that a program makes of command lines."""
    done = subprocess.run(
        [sys.executable, "-c", READ, program], input=json.dumps(lines), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [RunConfig.from_json(json.loads(line)) for line in done.stdout.splitlines()]


def settings(target="digits#train?per_class=5", source="glyphs?n=260"):
    return RunConfig(
        data=DataConfig(target=target, source=[source]),
        retrieval=RetrievalConfig(bins=16, descriptor_resize=16, descriptor_crop=16),
        model=ModelConfig(trunk="preact_resnet", weights="none", depth=8),
    ).validate()


def test_letters_are_similar_to_digits(tmp_path):
    lines = list(advise(settings(), Workdir(tmp_path / "run"), True))
    assert any("50 images in 10 classes; a class has 5 to 5" in line for line in lines)
    advice = read_json(tmp_path / "run" / "advice.json")
    assert advice["case"] == "little data, similar domain"
    assert 1 < advice["measured"]["ratio"] < 2
    assert advice["measured"]["candidates"] == 49
    assert [recipe["name"] for recipe in advice["recipes"]] == ["borrow", "fine-tune"]
    assert advice["measured"]["drawn"] == 5 * 3200 * 10
    assert advice["auto"]["selector"] == "all"
    assert any("--selector=auto takes all: source images lie " in line for line in lines)
    assert any("draws 160,000 source images, 615.38 for each of 260" in line for line in lines)
    assert f"--workdir={tmp_path}/borrow" in advice["recipes"][0]["command"]
    assert all(recipe["command"] in "\n".join(lines) for recipe in advice["recipes"])
    assert str(tmp_path / "run" / "advice.json") in lines[-1]


def test_samples_are_drawn_by_the_seed(tmp_path):
    config = settings()
    # The training's own view has no part in it: in 16 px all sets look alike.
    other_view = measure(replace(config, retrieval=RetrievalConfig()), Workdir(tmp_path), 20, 100)
    first, again = (measure(config, Workdir(tmp_path), 20, 100) for _ in range(2))
    assert first == again == other_view
    assert (first.sampled_target, first.sampled_source, first.candidates) == (20, 100, 19)
    assert (first.images, first.source_images) == (50, 260)
    other = measure(config.replace("training", seed=1), Workdir(tmp_path), 20, 100)
    assert other.ratio != first.ratio


def test_noise_is_different_from_flat_images(tmp_path, rng):
    flat = np.clip(rng.normal(128, 2, (24, 16, 16, 3)) + rng.uniform(-40, 40, (24, 1, 1, 1)), 0, 255).astype(np.uint8)
    noise = rng.integers(0, 256, (30, 16, 16, 3)).astype(np.uint8)
    for name, images in (("flat", flat), ("noise", noise), ("equal", np.repeat(flat[:1], 12, axis=0))):
        np.savez(tmp_path / f"{name}.npz", x=images, y=np.arange(len(images)) % 2)
    far = measure(settings(f"npz:{tmp_path}/flat.npz", f"npz:{tmp_path}/noise.npz"), Workdir(tmp_path / "a"))
    assert not far.similar
    equal = measure(settings(f"npz:{tmp_path}/equal.npz", f"npz:{tmp_path}/noise.npz"), Workdir(tmp_path / "b"))
    assert equal.ratio == float("inf")
    assert list(advise(settings(f"npz:{tmp_path}/equal.npz"), Workdir(tmp_path / "b"), False))


def test_refusals(tmp_path, rng):
    np.savez(tmp_path / "one.npz", x=rng.integers(0, 256, (1, 16, 16, 3)).astype(np.uint8), y=[0])
    np.savez(tmp_path / "none.npz", x=np.zeros((0, 16, 16, 3), np.uint8), y=np.zeros(0, int))
    with pytest.raises(InputError, match="at least 2 images"):
        measure(settings(f"npz:{tmp_path}/one.npz"), Workdir(tmp_path / "a"))
    with pytest.raises(InputError, match=r"none\.npz|no images"):
        measure(settings(source=f"npz:{tmp_path}/none.npz"), Workdir(tmp_path / "a"))
    for samples in ((1, 100), (20, 0)):
        with pytest.raises(InputError, match="at least 2 target images and 1 source image"):
            measure(settings(), Workdir(tmp_path / "a"), *samples)


def test_every_command_is_understood():
    data = DataConfig(target="folder:MY IMAGES#train", test="folder:MY IMAGES#test", source=["folder:A", "folder:B"])
    user = RunConfig(data=replace(data, per_class=5, exclude_leaks=True))
    train, compare = [], []
    for trunk, weights in (("ResNet152V2", "imagenet"), ("MobileNetV2", "w.h5"), ("preact_resnet", "none")):
        config = user.replace("model", trunk=trunk, weights=weights).validate()
        for median in (10, 500):
            for ratio in (1.2, 4.0):
                measured = Measurement(median * 10, 10, median, median, median, 40_000, ratio)
                commands = commands_for(advice_for(measured, trunk, weights != "none"), config, "runs")
                compare.append(commands.pop("compare"))
                train += commands.values()
    assert len(train) == 24
    for line, config in zip(train, understood("train", train), strict=True):
        assert (config.data.target, config.data.source) == (user.data.target, user.data.source)
        assert (config.data.per_class, config.data.exclude_leaks) == (5, True)
        name = shlex.split(line)[-1].rpartition("/")[2]
        assert {"borrow": "auto"}.get(name, "none") == config.selection.selector
    for config in understood("compare", compare):
        assert config.data.source == user.data.source


@pytest.mark.slow
def test_the_program(tmp_path):
    flags = ["--target=digits#train?per_class=5", "--source=glyphs?n=260", "--descriptor_resize=16"]
    flags += ["--descriptor_crop=16", "--bins=16", "--trunk=preact_resnet", "--weights=none"]
    command = [sys.executable, "-m", "sjft_tf.scripts.advise"]
    done = subprocess.run([*command, *flags], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "case: little data, similar domain" in done.stdout
    assert list(tmp_path.iterdir()) == []  # without --workdir nothing is left
    done = subprocess.run([*command, flags[0]], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, "error: --source is missing" in done.stderr) == (2, True)
