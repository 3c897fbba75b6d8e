"""The programs as a user starts them: help, refusals without traceback, and the chain of all stages."""

import csv
import importlib
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from sjft_tf.artifacts import read_json
from sjft_tf.retrieval import NeighborTable

PROGRAMS = ("train", "extract", "retrieve", "evaluate", "export", "predict", "audit", "prune", "compare", "demo")
RETRIEVAL = ("--target", "--source", "--bins", "--descriptor_resize", "--descriptor_crop")


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_shows_the_docstring_without_importing_tensorflow(name):
    code = (
        "import runpy, sys\n"
        f"sys.argv = [{name!r}, '--help']\n"
        "try:\n"
        f"    runpy.run_module('sjft_tf.scripts.{name}', run_name='__main__', alter_sys=True)\n"
        "except SystemExit as end:\n"
        "    heavy = {'tensorflow', 'keras', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        "    print('ended', end.code, sorted(heavy))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # absl ends with 1 after showing help.
    assert re.search(r"^ended [01] \[\]$", done.stdout, re.MULTILINE), done.stdout[-300:]
    first_line = importlib.import_module(f"sjft_tf.scripts.{name}").__doc__.splitlines()[0]
    assert first_line in done.stdout
    assert "--workdir" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_is_a_command(name):
    from importlib import metadata

    (entry,) = [e for e in metadata.entry_points(group="console_scripts") if e.name == f"sjft-{name}"]
    assert entry.value == f"sjft_tf.scripts.{name}:run"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--k0=many"], "--k0 must be a number from 1, auto or share. Received: 'many'"),
        (["--bins=1"], "--bins must be between 2 and 65535. Received: 1"),
        (["--image_size=300"], "--image_size=300 is cut from --resize=256"),
        (["--target="], "--target is missing"),
        (["--learning_rate=0"], "--learning_rate must be between"),
        (["--rounds=2", "--steps_per_round=5", "--warmup_steps=10"], "--warmup_steps must be below the 10 steps"),
    ],
)
def test_a_bad_value_is_one_line_and_status_2(program, tmp_path, arguments, message):
    done = program(
        "train", "--target=digits", "--source=glyphs", f"--workdir={tmp_path / 'run'}", *arguments, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {message}")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--selector=best"], r"--selector=best.*<auto\|nearest\|.*class_importance\|.*none>"),
        (["--bins=many"], "--bins"),
        (["--no_such_flag=1"], "no_such_flag"),
        (["stray"], "error: unexpected argument 'stray'"),
        (
            ["--flagfile=flags/none.cfg"],
            "error: there is no flag file 'flags/none.cfg'. Recipes .*, demo, flowers",
        ),
        (
            ["--flagfile", "flags/none.cfg"],
            "error: there is no flag file 'flags/none.cfg'. Recipes .*, demo, flowers",
        ),
    ],
)
def test_a_command_line_that_cannot_be_read(program, tmp_path, arguments, message):
    common = ["--target=digits", "--source=glyphs", f"--workdir={tmp_path / 'run'}"]
    done = program("train", *common, *arguments, check=False)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr + done.stdout
    assert re.search(message, done.stderr)


def test_the_workdir_is_needed(program):
    done = program("train", "--target=digits", "--selector=none", check=False)
    assert done.returncode == 1
    assert "--workdir" in done.stderr
    assert "Traceback" not in done.stderr


def test_recipes_are_found_from_anywhere(program, tmp_path):
    for form in (["--flagfile=flags/demo.cfg"], ["--flagfile", "flags/demo.cfg"]):
        done = program("train", *form, "--workdir=run", "--bins=1", check=False, cwd=tmp_path)
        assert done.stderr.startswith("error: --bins must be between"), done.stderr


def test_a_folder_that_is_not_there(program, tmp_path):
    done = program(
        "train", f"--target=folder:{tmp_path / 'no'}", "--selector=none", f"--workdir={tmp_path}/run", check=False
    )
    assert done.returncode == 2
    assert re.search(rf"^error: .*{re.escape(str(tmp_path / 'no'))}", done.stderr, re.MULTILINE)
    assert "Traceback" not in done.stderr
    assert "CPU cores; GPUs: none found" in done.stdout


@pytest.mark.slow
def test_the_chain_of_all_programs(program, forked, flags, world, tmp_path):
    run = tmp_path / "run"
    common = f"--workdir={run}"
    training = ("--rounds", "--steps_per_round", "--batch_size", "--eval_batch_size", "--k0", "--selector")

    def some(names):
        return [flag for flag in flags if flag.split("=")[0] in names]

    def lines_of(name, *arguments):
        lines = forked(name, common, *arguments).stdout.splitlines()
        assert re.match(r"TensorFlow 2\.\d+\.\d+, Keras \d\.\d+\.\d+; \d+ CPU cores; GPUs: none found", lines[0])
        opening = re.compile(r"(target|validation|test|source): \S+: \d+ images of \d+ classes")
        return [line for line in lines[1:] if not opening.match(line)]

    def stamps(*names):
        return [(run / name).stat().st_mtime_ns for name in names]

    lines = lines_of("extract", *some(RETRIEVAL))
    assert [line.split(":")[0].strip() for line in lines] == ["edges", "descriptors"]
    assert f"{run / 'edges.npz'} (48 filters of bank gabor, 8 bins)" in lines[0]
    edges = stamps("edges.npz")

    lines = lines_of("retrieve", *some(RETRIEVAL + training))
    table = NeighborTable.load(run / "neighbors.npz")
    assert lines[0].startswith("Leakage audit: images with a side below 24 pixels")
    assert f"(12 target images, {table.k_max} neighbors each)" in lines[1]
    assert re.search(r"K0 = 3: borrows \d+ of 40 source images", lines[2])
    assert stamps("edges.npz") == edges
    made = stamps("edges.npz", "neighbors.npz", "neighbors.png")

    # Plain fine-tuning has no use for the table, and leaves it alone.
    other = tmp_path / "plain"
    shutil.copytree(run, other)
    done = forked("train", *flags, f"--workdir={other}", "--selector=none", "--rounds=1")
    assert "borrowed: " not in done.stdout
    assert (other / "neighbors.npz").exists()

    lines = lines_of("train", *flags)
    assert stamps("edges.npz", "neighbors.npz", "neighbors.png") == made
    parts = {line.split(":")[0].strip(): line.split(":", 1)[1] for line in lines if ":" in line}
    parts.pop("weakest", None)  # there is one when an image is missed
    assert list(parts) == ["validation", "fusion", "test", "borrowed", "time", "model", "board", "details"]
    assert re.search(r"top-1 \d+\.\d\d%, mean class accuracy \d+\.\d\d%, loss \d\.\d{3} \(9 images\)", parts["test"])
    assert parts["model"].strip() == str(run / "saved_model")
    assert parts["board"].strip() == f"tensorboard --logdir {run / 'logs'}"
    for path in parts["details"].split(","):
        assert (tmp_path / path.strip()).exists()
    figures = json.loads((run / "metrics.json").read_text())

    lines = lines_of("evaluate")
    assert lines[0].startswith("round 2 on ")
    assert f"top-1 {figures['final']['test']['top1']:.2%}" in lines[0]

    (line,) = lines_of("export", "--round=1", f"--output={tmp_path / 'first'}")
    assert line == f"round 1 exported: {tmp_path / 'first'}"

    answers = tmp_path / "answers.csv"
    (line,) = lines_of("predict", f"--images={world / 'target' / 'test'}", f"--output={answers}")
    assert line == f"9 images answered, 0 left out: {answers}"
    with open(answers, newline="") as stream, open(run / "predictions.csv", newline="") as second:
        answers = [(row["image"].split("/target/test/")[1], row["class"]) for row in csv.DictReader(stream)]
        theirs = [(row["id"], row["predicted"]) for row in csv.DictReader(second)]
    assert [c for _, c in answers] == [c for _, c in theirs]

    done = program("export", f"--workdir={run}", "--round=3", check=False)
    assert done.returncode == 2
    assert "error: --round must be between 1 and 2" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_damaged_files_end_the_run_or_are_left_out(forked, flags, world, tmp_path):
    for name in ("target", "source"):
        shutil.copytree(world / name, tmp_path / name)
    damaged = [tmp_path / "target" / "train" / "a" / "3.png", tmp_path / "source" / "class 1" / "cut.png"]
    damaged[0].write_bytes(b"no image at all")
    damaged[1].write_bytes((world / "source" / "class 1" / "0.png").read_bytes()[:100])
    flags = [flag.replace(str(world), str(tmp_path)) for flag in flags] + ["--rounds=1", f"--workdir={tmp_path}/run"]

    done = forked("train", *flags, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert re.search(rf"^error: {re.escape(str(damaged[0]))} cannot be decoded: .*--bad_images=skip", done.stderr, re.M)

    done = forked("train", *flags, "--bad_images=skip")
    assert "test: top-1" in done.stdout
    for role, path in zip(("target", "source"), damaged, strict=True):
        with open(tmp_path / "run" / "images" / f"{role}.bad.csv", newline="") as stream:
            (row,) = csv.DictReader(stream)
        assert row["path"] == str(path)
        assert row["reason"]
    assert not (tmp_path / "run" / "images" / "test.bad.csv").exists()
    table = NeighborTable.load(tmp_path / "run" / "neighbors.npz")
    assert table.rows.shape[0] == 11
    assert np.isin(table.rows, np.arange(40)).all()
    assert read_json(tmp_path / "run" / "config.json")["config"]["data"]["bad_images"] == "skip"
