"""A target whose images have several labels, from the table to answers, the page and the exported model."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.export import load_predictor
from sjft_tf.pipeline.answering.formats import AnswerFormat
from sjft_tf.pipeline.checking.several_labels import refuse_by_class
from sjft_tf.pipeline.programs.evaluate import EvaluationRequest, evaluate
from sjft_tf.pipeline.programs.predict import predict
from sjft_tf.pipeline.programs.prune import prune
from sjft_tf.pipeline.programs.report import report
from sjft_tf.pipeline.programs.train import train
from sjft_tf.run_sets import open_targets
from sjft_tf.workdir import Workdir


@pytest.fixture(scope="module")
def pictures(world):
    """Stripes side by side: `left|right` are the classes of the two halves; every sixth picture is gray."""
    root = world / "pairs"
    root.mkdir()
    halves = {name: sorted((world / "target" / "train" / name).iterdir()) for name in "abc"}
    lines = ["path,label,split"]
    for number in range(24):
        picture, labels = Image.new("RGB", (16, 16), (128, 128, 128)), set()
        for place, name in enumerate(("abc"[number % 3], "abc"[number // 3 % 3])):
            if number % 6 < 5:
                with Image.open(halves[name][number % 4]) as whole:
                    picture.paste(whole.crop((0, 0, 8, 16)), (8 * place, 0))
                labels.add(name)
        picture.putpixel((0, 0), (number, 0, 0))  # no two are the same
        picture.save(root / f"{number}.png")
        lines.append(f"{number}.png,{'|'.join(sorted(labels))},{'train' if number < 12 else 'test'}")
    (root / "labels.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture(scope="module")
def several(config, pictures):
    return config.replace("data", target=f"folder:{pictures}?labels=labels.csv", validation="none").validate()


@pytest.fixture(scope="module")
def run(several, tmp_path_factory):
    workdir = Workdir(tmp_path_factory.mktemp("several") / "run")
    return workdir, train(several, workdir)


def test_the_whole_job(run, several, pictures, tmp_path):
    workdir, told = run
    figures = told.figures.final.sets["test"]
    assert figures.several_labels
    assert "mean average precision" in next(line for line in told.lines() if "test:" in line)
    with workdir.predictions.open(newline="") as stream:
        labels = {row["id"]: row["label"] for row in csv.DictReader(stream)}
    assert labels["12.png"] == "a|b"
    assert labels["17.png"] == ""
    scoring = told.figures.rounds[-1].scoring
    assert 0 <= scoring.mean_entropy <= 1
    weights = [p.stat().st_mtime_ns for p in workdir.rounds.rglob("*.h5")]
    train(several, workdir)
    assert [p.stat().st_mtime_ns for p in workdir.rounds.rglob("*.h5")] == weights
    line, *_ = evaluate(workdir, EvaluationRequest(), str(tmp_path / "again.json"))
    assert f"F1 {figures.micro_f1:.2%} (micro)" in line
    with pytest.raises(InputError, match="answers with several labels an image, and images of 'test' have one"):
        list(evaluate(workdir, EvaluationRequest(images=several.data.source[0].replace("source", "target/test"))))
    list(report(str(workdir.root), str(tmp_path / "page.html")))
    page = (tmp_path / "page.html").read_text()
    assert "mean average precision" in page
    assert "left out" not in page


def test_answers_and_the_exported_model(run, pictures, tmp_path):
    workdir, _ = run
    predictor = load_predictor(workdir.saved_model)
    assert predictor.description["several_labels"]
    files = [str(pictures / f"{number}.png") for number in range(12, 15)]
    p = predictor.predict_bytes([(pictures / f"{number}.png").read_bytes() for number in range(12, 15)])
    assert np.abs(p.sum(axis=1) - 1).max() > 1e-3
    list(predict(str(workdir.root), "", files, AnswerFormat(str(tmp_path / "a.csv"))))
    with (tmp_path / "a.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["image", "labels", "class", "probability"]
    for row, own in zip(rows, p, strict=True):
        assert row["labels"] == "|".join(np.array(["a", "b", "c"])[own > 0.5])
        assert row["class"] == "abc"[own.argmax()]
    list(predict("", str(workdir.saved_model), files, AnswerFormat(str(tmp_path / "a.json"), top_k=2)))
    first = json.loads((tmp_path / "a.json").read_text())[0]
    assert first["labels"] == [name for name in rows[0]["labels"].split("|") if name]
    assert len(first["classes"]) == 2


@pytest.mark.parametrize(
    ("section", "settings", "flag"),
    [
        ("training", {"class_weight": "balanced"}, "--class_weight=balanced"),
        ("training", {"sampling": "balanced"}, "--sampling=balanced"),
        ("training", {"max_per_class": 2}, "--max_per_class=2"),
        ("training", {"co_tuning": "1.5"}, "--co_tuning=1.5"),
        ("augmentation", {"mixup": 0.2}, "--mixup=0.2"),
        ("selection", {"selector": "uot"}, "--selector=uot"),
        ("data", {"prune_target": True}, "--prune_target"),
    ],
)
def test_what_goes_by_classes_is_refused(several, tmp_path, section, settings, flag):
    target, *_ = open_targets(several, Workdir(tmp_path), lambda line: None)
    refuse_by_class(several, target)
    with pytest.raises(InputError, match=f"^{flag} goes by the one class of each target image"):
        refuse_by_class(several.replace(section, **settings), target)


def test_pruning_is_refused(several, tmp_path):
    with pytest.raises(InputError, match="Pruning goes by the one class of each target image"):
        list(prune(several, Workdir(tmp_path / "run")))
