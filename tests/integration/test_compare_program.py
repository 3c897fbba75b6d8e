"""The comparison on small folders: with splits, without any, killed, with damaged settings."""

import json
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from sjft_tf import artifacts
from sjft_tf.comparison import ComparisonSpec, pick_arms
from sjft_tf.models import build_trunk
from sjft_tf.parallel import cores
from sjft_tf.pipeline.comparing.comparison import Comparison
from sjft_tf.pipeline.studying.frozen_head import evaluate_head
from sjft_tf.pipeline.studying.job_types import job_from_json
from sjft_tf.pipeline.studying.jobs import work
from sjft_tf.training import finished_rounds
from sjft_tf.workdir import Workdir

pytestmark = pytest.mark.slow

ARMS = ("frozen", "fine-tune", "selective", "rounds", "fusion")


def directly(job, log):
    """A job in this process: no seconds for a start."""
    log.parent.mkdir(parents=True, exist_ok=True)
    work(job_from_json(json.loads(json.dumps(job.to_json()))))
    return ""


def arms(workdir):
    return {arm["name"]: arm for arm in artifacts.read_json(workdir / "comparison.json")["arms"]}


def test_two_seeds_of_all_main_arms(forked, config, tmp_path):
    asked = ComparisonSpec(config, tuple(pick_arms(ARMS)), seeds=(0, 1), rates=(0.01, 0.02), weights=(0.5,), steps=0)
    lines = list(Comparison(asked, Workdir(tmp_path), directly).run())
    assert any("about 0 s left" in line for line in lines)
    found = arms(tmp_path)
    for arm in found.values():
        assert arm["summary"]["n"] == 2
        assert all(0 <= run["test"] <= 1 for run in arm["runs"])
    run = tmp_path / found["rounds"]["runs"][1]["workdir"]
    assert finished_rounds(run / "rounds") == [0, 1]
    assert not (run / "saved_model").exists()
    metrics = artifacts.read_json(run / "metrics.json")
    assert metrics["final"]["test"]["mean_class_accuracy"] == found["rounds"]["runs"][1]["test"]
    assert metrics["fusion of rounds"]["test"]["mean_class_accuracy"] == found["fusion"]["runs"][1]["test"]
    # As many target images everywhere.
    settings = [
        artifacts.read_json(tmp_path / arm["runs"][0]["workdir"] / "config.json")["config"]["training"]
        for arm in found.values()
    ]
    assert {one["rounds"] * one["steps_per_round"] * one["batch_size"] for one in settings} == {2 * 4 * 6}
    # One search for all arms and seeds.
    assert len(list((tmp_path / "shared").glob("*/neighbors.npz"))) == 1
    page = (tmp_path / "report.html").read_text()
    assert all(title in page for title in ("Plain fine-tuning", "Selective, rounds fused"))
    # Settings are compared by what each validation image gave in two trainings.
    choice = found["selective"]["choice"]
    assert [one["trials"] for one in choice["settings"]] == [2, 2]
    for one in choice["settings"]:
        trials = [each for each in found["selective"]["trials"] if each["learning_rate"] == one["learning_rate"]]
        np.testing.assert_allclose(one["loss"], np.mean([trial["validation_loss"] for trial in trials]), rtol=1e-9)
        np.testing.assert_allclose(one["accuracy"], np.mean([trial["validation"] for trial in trials]), rtol=1e-9)
    # Nothing is repeated.
    assert not [line for line in Comparison(asked, Workdir(tmp_path), directly).run() if "left" in line]
    # Ordinary runs: other programs work on them.
    assert "round 2 on" in forked("evaluate", f"--workdir={run}").stdout


def test_the_rivals_retrieve_once_for_all_seeds(config, tmp_path):
    weights = tmp_path / "tiny.weights.h5"
    build_trunk("preact_resnet", 16, depth=8, width=4).save_weights(weights)
    config = config.replace("model", weights=str(weights))
    rivals = tuple(pick_arms(["class-importance", "uot", "gradients", "features"]))
    asked = ComparisonSpec(config, rivals, seeds=(0, 1), rates=(0.01,), weights=(0.5,))
    comparison = Comparison(asked, Workdir(tmp_path / "run"), directly)
    list(comparison.run())
    assert not comparison.failed
    assert all(arm["summary"]["n"] == 2 for arm in arms(tmp_path / "run").values())
    shared = sorted(path.relative_to(tmp_path / "run/shared") for path in (tmp_path / "run/shared").glob("*/*.npz"))
    assert [(path.parts[0][:8], path.name) for path in shared if path.parts[0] not in ("images", "audit", "heads")] == [
        ("class_im", "class_importance.npz"),
        ("features", "neighbors.npz"),
        ("gradient", "gradients.npz"),
        (next(path.parts[0][:8] for path in shared if path.name == "uot.npz"), "uot.npz"),
    ]
    assert len(list((tmp_path / "run/runs").glob("class-importance/*/*/class_importance.csv"))) == 2


def test_nothing_but_two_folders_without_splits(config, world, tmp_path):
    config = config.replace("data", target=f"folder:{world / 'target' / 'train'}", exclude_leaks=True)
    asked = ComparisonSpec(
        config, tuple(pick_arms(["frozen", "fine-tune", "selective"])), seeds=(0, 1), rates=(0.01, 0.02), steps=0
    )
    lines = list(Comparison(asked, Workdir(tmp_path), directly).run())
    assert any("NOTE: there are no test images. 30% of each class" in line for line in lines)
    assert "No validation images: settings are chosen by 3 folds of the training images." in lines
    found = arms(tmp_path)
    assert {trial["fold"] for trial in found["selective"]["trials"]} == {1, 2, 3}
    assert all(arm["summary"]["n"] == 2 for arm in found.values())
    sizes = {
        len(artifacts.load_npz(path)[0]["probabilities"])
        for path in tmp_path.glob("runs/*/*/seed*/rounds/00/probabilities-test.npz")
    }
    assert sizes == {3}  # 30 % of 4 images of each of 3 classes


def test_ended_and_started_again(flags, tmp_path):
    # One way to end on each stack: a way takes half a minute, and none of this knows which Keras trains.
    end = signal.SIGKILL if keras.__version__ >= "3" else signal.SIGTERM
    workdir = tmp_path / "compare"
    command = [sys.executable, "-m", "sjft_tf.scripts.compare", *flags, "--arms=fine-tune,selective", "--seeds=0,1"]
    command += ["--rates=0.01", "--source_weights=0.5", f"--workdir={workdir}", "--steps_per_round=30"]
    command += [f"--at_once={min(2, cores())}"] * (end == signal.SIGTERM)
    with open(tmp_path / "output.txt", "w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        deadline = time.monotonic() + 120
        while not list(workdir.glob("runs/fine-tune/*/seed1/rounds")) and time.monotonic() < deadline:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(timeout=0.2)
        process.send_signal(end)
        assert process.wait() == (-signal.SIGKILL if end == signal.SIGKILL else 143)
    before = {path: path.stat().st_mtime_ns for path in workdir.glob("runs/*/*/*/result.json")}
    assert before
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert not [line for line in done.stdout.splitlines() if line.startswith("fine-tune/rate0.01/seed0: ")]
    assert arms(workdir)["selective"]["summary"]["n"] == 2


def test_bad_input_is_told_without_a_traceback(forked, flags, tmp_path):
    def said(*more):
        done = forked("compare", *flags, f"--workdir={tmp_path / 'run'}", *more, check=False)
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr

    assert "--arms=best: there is no such arm" in said("--arms=best")
    assert "--seeds must be whole numbers" in said("--seeds=a")
    assert "--at_once must be at most" in said("--at_once=9999")
    assert "--per_class=9 needs 9 training images" in said("--per_class=9", "--arms=fine-tune", "--seeds=0")


def test_a_run_that_is_not_started_by_a_comparison(program):
    assert "started by scripts/compare.py" in program("study_run", check=False).stderr


def test_frozen_head_is_the_convex_minimum_on_the_features(config, tmp_path):
    plain = config.replace("selection", selector="none")
    evaluate_head(plain, Workdir(tmp_path / "a"))
    figures = artifacts.read_json(tmp_path / "a" / "metrics.json")
    assert figures["final"]["validation"]["count"] == 6
    assert figures["final"]["test"]["count"] == 9
    fixed = plain.replace("prune", head_l2=figures["final"]["head_l2"])
    evaluate_head(fixed, Workdir(tmp_path / "b"))
    again = artifacts.read_json(tmp_path / "b" / "metrics.json")
    np.testing.assert_allclose(again["final"]["test"]["loss"], figures["final"]["test"]["loss"], rtol=1e-5)
