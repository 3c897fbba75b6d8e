"""Transferability by its real command on digits: what stays, what starts anew, what is found again, what is refused."""

import csv

import numpy as np
import pytest

from sjft_tf import artifacts
from sjft_tf.models import build_joint_model, build_trunk
from sjft_tf.study import StudyRecord
from sjft_tf.training import load_round_weights

pytestmark = pytest.mark.slow

ASKED = ("--target=digits", "--trunk=plain5_bn", "--width=2", "--image_size=8", "--resize=8", "--pad=1", "--rounds=2")
ASKED += ("--steps_per_round=2", "--batch_size=8", "--seeds=0")


def trunk_of_run(folder):
    """`{layer: weights}` of the trunk after the run's only round."""
    model = build_joint_model(build_trunk("plain5_bn", 8, width=2), 5, None)
    load_round_weights(folder / "rounds", 0, model)
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights and "conv" in layer.name}


def test_the_layers_are_where_they_should_be(forked, tmp_path):
    root = tmp_path / "study"
    command = (*ASKED, "--layers=2", "--kinds=AnB,AnB+,BnB", f"--workdir={root}")
    done = forked("transferability", *command)
    record = StudyRecord.from_json(artifacts.read_json(root / "study.json", StudyRecord.FORM))
    assert {cell.name: len(cell.runs) for cell in record.cells} == dict.fromkeys(
        ("base-A", "base-B", "A2B", "A2B+", "B2B"), 1
    )
    assert "| A2B+ | AnB+ | 2 | 1 |" in done.stdout
    for side in "AB":
        listed = (root / f"shared/classes/{side}-seed0.txt").read_text().split()
        assert artifacts.read_json(root / f"runs/base-{side}/seed0/classes.json", {"target": [str]})["target"] == listed
    with open(root / "classes.csv", newline="") as stream:
        assert sorted(line["seed 0"] for line in csv.DictReader(stream)) == ["A"] * 5 + ["B"] * 5
    base = trunk_of_run(root / "runs/base-A/seed0")
    first = {name for name in base if name.startswith(("conv1", "conv2"))}
    for cell, kept in (("A2B", first), ("A2B+", set())):
        own = trunk_of_run(root / f"runs/{cell}/seed0")
        assert {name for name in base if all(map(np.array_equal, base[name], own[name]))} == kept
    # Nothing again.
    again = forked("transferability", *command)
    assert "left" not in again.stdout
    plan = forked("transferability", *command, "--plan").stdout
    assert "A2B/seed0  (finished)" in plan


def test_what_is_refused(forked, tmp_path):
    (tmp_path / "words.txt").write_text("even: 2, 4\nodd: 3\n")

    def said(*more):
        done = forked("transferability", *ASKED, f"--workdir={tmp_path / 'study'}", *more, check=False)
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr

    assert "--layers must be from 1 to 5, the trunk's layers with kernels. Received: [9]" in said("--layers=9")
    assert "odd has 1" in said(f"--words={tmp_path / 'words.txt'}")
    assert "there is no such kind" in said("--kinds=CnB")
    assert "gone" in said("--target=folder:gone")
