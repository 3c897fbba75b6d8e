"""What TensorBoard finds of a run: tags, steps, points and a trace, also after a second start."""

import csv
import json

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sjft_tf.pipeline.programs.train import train
from sjft_tf.pipeline.stages import learning
from sjft_tf.workdir import Workdir


def read(logs):
    """{tag: [(step, value)]}."""
    events = EventAccumulator(str(logs), size_guidance={"tensors": 0}).Reload()
    return {
        tag: [(e.step, tf.make_ndarray(e.tensor_proto)) for e in events.Tensors(tag)]
        for tag in events.Tags()["tensors"]
    }


CURVES = {f"{group}/{head}" for group in ("loss", "accuracy") for head in ("target", "source")}
CURVES |= {"loss/total", "learning_rate", "speed/images_per_second"}
ROUNDS = {"train/top1", "speed/round_seconds", "hard/wrong", "hard/uncertain", "hard/mean_entropy", "hard/entropy"}
ROUNDS |= {
    f"{name}/{key}"
    for name in ("validation", "test")
    for key in ("top1", "mean_class_accuracy", "loss", "calibration_error")
}
ROUNDS |= {f"{name}/{key}" for name in ("validation", "test") for key in ("class_accuracy", "confusion")}
ROUNDS |= {"hard/images", *[f"weights/{name}" for name in ("trunk_stride_1", "trunk_stride_2", "trunk_stride_4")]}
BORROWED = {f"borrowed/{name}" for name in ("union_size", "source_classes", "mean_k", "max_k", "k_per_target")}


def test_a_run_that_borrows(config, tmp_path):
    workdir = Workdir(tmp_path / "run")
    train(config.replace("monitor", profile="5:7", projector_images=2000).validate(), workdir, command="train.py --x=1")
    events = read(workdir.logs)
    heads = {"weights/target_head", "weights/source_head"}
    once = {"run/configuration", "run/image_sets", "custom_scalars__config__"}
    assert set(events) == CURVES | ROUNDS | BORROWED | heads | once | {"borrowed/neighbors"}
    assert [step for step, _ in events["loss/total"]] == list(range(1, 9))
    for tag in ROUNDS | BORROWED | heads:
        assert [step for step, _ in events[tag]] == [4, 8], tag
    assert [step for step, _ in events["run/configuration"]] == [0]
    card = events["run/configuration"][0][1].item().decode()
    assert "| command | train.py --x=1 |" in card
    assert "| **k0** | **3** | auto |" in card
    # What is borrowed stands beside the figures of the round that was trained with it.
    rounds = json.loads(workdir.metrics.read_text())["rounds"]
    assert [value for _, value in events["borrowed/union_size"]] == [r["borrowed"]["union_size"] for r in rounds]
    for tag, (_, buckets) in zip(("mean_k", "max_k"), events["borrowed/k_per_target"], strict=True):
        assert buckets[:, 2].sum() == 12, tag
    assert events["borrowed/k_per_target"][1][1][-1, 1] == rounds[1]["borrowed"]["max_k"]
    assert [value for _, value in events["test/top1"]] == pytest.approx([r["test"]["top1"] for r in rounds])
    assert [path.name for path in workdir.logs.glob("plugins/profile/*/*.xplane.pb")]
    # The points: all images, with predictions as in predictions.csv.
    with open(workdir.logs / "projector" / "metadata.tsv", newline="") as stream:
        points = list(csv.DictReader(stream, delimiter="\t"))
    assert [point["set"] for point in points] == ["train"] * 12 + ["validation"] * 6 + ["test"] * 9
    with open(workdir.predictions, newline="") as stream:
        predicted = {row["id"]: row["predicted"] for row in csv.DictReader(stream)}
    assert {point["id"]: point["predicted"] for point in points if point["set"] == "test"} == predicted
    assert {point["class"] for point in points} == {"a", "b", "c"}
    assert np.loadtxt(workdir.logs / "projector" / "features.tsv").shape == (27, 16)


def test_plain_fine_tuning_taken_up_again(config, tmp_path, monkeypatch):
    workdir = Workdir(tmp_path / "run")
    plain = config.replace("selection", selector="none")
    plain = plain.replace("training", clip_norm=1.0)

    def cut(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("sjft_tf.pipeline.programs.train.summarize", cut)
        with pytest.raises(KeyboardInterrupt):
            train(plain.replace("monitor", projector_images=0).validate(), workdir)
    assert not (workdir.logs / "projector").exists()
    points = workdir.logs / "projector" / "metadata.tsv"
    train(plain.replace("monitor", projector_images=10).validate(), workdir)
    assert len(points.read_text().splitlines()) == 1 + 10
    before = points.stat().st_mtime_ns
    train(plain.replace("monitor", projector_images=10).validate(), workdir)
    assert points.stat().st_mtime_ns == before
    events = read(workdir.logs)
    added = {"weights/target_head", "training/gradient_norm"}
    assert set(events) == (CURVES | ROUNDS | added) - {"loss/source", "accuracy/source"} | {
        "run/configuration",
        "run/image_sets",
        "custom_scalars__config__",
    }
    train(plain.replace("monitor", projector_images=0).validate(), workdir)
    assert not points.exists()


@pytest.mark.slow
def test_a_card_for_every_start_that_trains(config, tmp_path, monkeypatch):
    workdir = Workdir(tmp_path / "run")
    original = learning.evaluate_round

    def cut(scorer, sets, run, index, views):
        if index == 1:
            raise KeyboardInterrupt
        return original(scorer, sets, run, index, views)

    config = config.replace("training", rounds=3)
    with monkeypatch.context() as patch:
        patch.setattr("sjft_tf.pipeline.stages.learning.evaluate_round", cut)
        with pytest.raises(KeyboardInterrupt):
            train(config, workdir)
    train(config, workdir)
    events = read(workdir.logs)
    assert [step for step, _ in events["run/configuration"]] == [0, 8]
    rounds = json.loads(workdir.metrics.read_text())["rounds"]
    assert events["borrowed/k_per_target"][-1][1][-1, 1] == rounds[2]["borrowed"]["max_k"]
