"""The program in processes of its own: killed and started again, and its SavedModel where TensorFlow is alone."""

import csv
import os
import subprocess
import sys
import time

import pytest

from sjft_tf.workdir import ProbeFiles, Workdir

TINY = ("--trunk=preact_resnet", "--weights=none", "--depth=8", "--width=4", "--image_size=16", "--resize=16")
ALONE = """
import sys
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
encoded = tf.constant([open(name, "rb").read() for name in sys.argv[2:]])
answer = model.signatures["serve_bytes"](image_bytes=encoded)
for name, probability in zip(answer["class_name"].numpy(), answer["probability"].numpy()):
    print(name.decode(), repr(float(probability)))
assert not [name for name in sys.modules if name.startswith("sjft_tf")]
"""


@pytest.mark.slow
def test_killed_it_goes_on_and_its_model_needs_tensorflow_alone(world, tmp_path):
    workdir = Workdir(tmp_path / "probe")
    command = [
        *(sys.executable, "-m", "sjft_tf.scripts.probe", f"--target=folder:{world / 'target'}", *TINY),
        *(f"--source=folder:{world / 'source'}", f"--workdir={workdir.root}", "--seeds=0,1", "--powers=0.5"),
    ]
    begun = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    cells = workdir.root / ProbeFiles.CELLS
    while begun.poll() is None and len(list(cells.glob("*.json"))) < 3:
        time.sleep(0.05)
    begun.kill()
    begun.communicate()
    kept = {path: path.stat().st_mtime_ns for path in cells.glob("*.json")}
    assert 3 <= len(kept) < 48
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("; about") == 48 - len(kept)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert "distance of the source: " in done.stdout
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert again.stdout.count("; about") == 0

    with open(workdir.predictions, newline="") as stream:
        lines = list(csv.DictReader(stream))
    files = [str(world / "target" / "test" / line["id"].removeprefix("test/")) for line in lines]
    alone = subprocess.run(
        [sys.executable, "-c", ALONE, str(workdir.saved_model), *files],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert alone.returncode == 0, alone.stderr
    for line, said in zip(lines, alone.stdout.splitlines(), strict=True):
        name, probability = said.split()
        assert name == line["predicted"]
        assert float(probability) == pytest.approx(float(line["probability"]), abs=1e-5)


@pytest.mark.slow
def test_bad_input_is_refused_in_a_line(world, tmp_path):
    command = [sys.executable, "-m", "sjft_tf.scripts.probe", f"--target=folder:{world / 'target'}", *TINY]
    for given, said in (
        ("--layers=stage9", "no layer whose name is, or begins with, 'stage9'"),
        ("--pooling=grid:9", "--pooling=grid:9 needs maps of at least 9 x 9"),
        ("--classifiers=tree", "--classifiers must be some of svm, logistic"),
    ):
        done = subprocess.run(
            [*command, f"--workdir={tmp_path / 'refused'}", given], capture_output=True, text=True, check=False
        )
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr
