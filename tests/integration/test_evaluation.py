"""A trained run evaluated after the fact: other views, other runs beside it, and answers for files in every form."""

import csv
import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from sjft_tf import artifacts
from sjft_tf.artifacts import ArtifactMismatch, load_npz
from sjft_tf.config import EvaluationConfig
from sjft_tf.errors import InputError
from sjft_tf.evaluation import average_probabilities, evaluate_probabilities
from sjft_tf.export import export_saved_model, load_predictor
from sjft_tf.images import View, open_image_set
from sjft_tf.models import build_joint_model, build_trunk
from sjft_tf.pipeline.answering.formats import AnswerFormat
from sjft_tf.pipeline.answering.heat_maps import HeatMapRequest
from sjft_tf.pipeline.programs.evaluate import EvaluationRequest, evaluate
from sjft_tf.pipeline.programs.predict import predict
from sjft_tf.pipeline.programs.train import train
from sjft_tf.workdir import Workdir


def probabilities(workdir, number, name="test"):
    return load_npz(workdir.rounds / f"{number - 1:02d}" / f"probabilities-{name}.npz")[0]["probabilities"]


def test_figures_of_other_views_are_made_again_without_training(trained, config, world, monkeypatch):
    before = [probabilities(trained, number) for number in (1, 2)]
    weights = [(trained.rounds / f"{i:02d}" / "model.weights.h5").stat().st_mtime_ns for i in range(2)]
    monkeypatch.setattr("keras.Model.fit", None)
    dense = replace(config, evaluation=EvaluationConfig("dense", ["16", "24"])).validate()
    report = train(dense, trained)
    assert report.figures.views == "dense 16, 24"
    after = [probabilities(trained, number) for number in (1, 2)]
    for old, new in zip(before, after, strict=True):
        assert np.abs(old - new).max() > 1e-6
    assert [(trained.rounds / f"{i:02d}" / "model.weights.h5").stat().st_mtime_ns for i in range(2)] == weights
    stamps = {p: p.stat().st_mtime_ns for p in trained.rounds.rglob("*")}
    train(dense, trained)
    assert {p: p.stat().st_mtime_ns for p in trained.rounds.rglob("*")} == stamps
    # The same from outside, and back again.
    (line, *_) = evaluate(trained, EvaluationRequest())
    assert line.startswith("round 2 (dense 16, 24) on ")
    assert f"loss {report.figures.final.sets['test'].loss:.3f}" in line
    (line, *_) = evaluate(trained, EvaluationRequest(views=EvaluationConfig()))
    assert line.startswith("round 2 on ")
    train(config, trained)
    for number in (1, 2):
        np.testing.assert_allclose(probabilities(trained, number), before[number - 1], rtol=1e-5)


def test_a_cut_between_probabilities_and_figures_is_noticed(trained, config, monkeypatch):
    dense = replace(config, evaluation=EvaluationConfig("dense", ["24"]))
    from sjft_tf.pipeline.stages import results

    class PowerCut(BaseException):
        pass

    def cut(*_, **__):
        raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr(results.artifacts, "write_json", cut)
        patch.setattr(Workdir, "write_config", lambda *_: None)
        with pytest.raises(PowerCut):
            train(dense, trained)
    figures = train(dense, trained).figures
    labels = open_image_set(f"{config.data.target}#test").labels
    for number in (1, 2):
        want = evaluate_probabilities(probabilities(trained, number), labels, "abc")
        assert figures.rounds[number - 1].sets["test"].loss == pytest.approx(want.loss)


def test_figures_of_other_images_are_still_refused(trained, config, world, tmp_path):
    shutil.copytree(world / "target", tmp_path / "target")
    shutil.copy(world / "source" / "class 0" / "0.png", tmp_path / "target" / "test" / "a" / "new.png")
    other = config.replace("data", test=f"folder:{tmp_path / 'target'}#test")
    with pytest.raises(ArtifactMismatch, match="images"):
        train(other, trained)


def test_what_the_end_of_a_run_says_of_classes(trained):
    figures = json.loads(trained.metrics.read_text())
    assert 0 <= figures["final"]["test"]["calibration_error"] <= 1
    assert sum(part["images"] for part in figures["final"]["test"]["reliability"]) == 9
    assert figures["rounds"][0]["test"]["calibration_error"] >= 0
    with open(trained.report, newline="") as stream:
        rows = {row["class"]: row for row in csv.DictReader(stream)}
    recalls = figures["final"]["test"]["per_class_accuracy"]
    assert [float(rows[name]["recall"]) for name in "abc"] == pytest.approx(recalls, rel=1e-5)


def test_fusion_of_rounds_and_of_runs(trained, tmp_path):
    (line, *_) = evaluate(trained, EvaluationRequest(fuse_rounds=True))
    assert line.startswith("fusion of 2 rounds on ")
    fused = json.loads(trained.metrics.read_text())["fusion of rounds"]["test"]
    assert f"top-1 {fused['top1']:.2%}" in line
    # A second run with its classes in another order, and the first round's weights as its last.
    other = Workdir(tmp_path / "other")
    shutil.copytree(trained.root, other.root)
    shutil.rmtree(other.rounds / "01")
    output = tmp_path / "fused.json"
    request = EvaluationRequest(fuse_with=[str(other.root)], all_probabilities=True)
    lines = list(evaluate(trained, request, str(output)))
    assert [line.split(":")[0] for line in lines[:2]] == [f"{trained.root}, round 2", f"{other.root}, round 1"]
    assert lines[2].startswith("fusion of 2 runs on ")
    want = average_probabilities([probabilities(trained, 1), probabilities(trained, 2)])
    with open(tmp_path / "fused.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["probability"]) for row in rows] == pytest.approx(want.max(axis=1), rel=1e-4)
    np.testing.assert_allclose([[float(row[f"p:{c}"]) for c in "abc"] for row in rows], want, rtol=1e-4, atol=1e-6)
    told = json.loads(output.read_text())
    assert told["models"][1] == {"workdir": str(other.root), "predictions": "round 1"}
    area, precision = told["macro_roc_auc"], told["macro_average_precision"]
    assert f"each class against the rest: ROC AUC {area:.3f}, average precision {precision:.3f} (class means)" in lines
    # By name: with the other's names turned round, its columns are turned back.
    classes = other.read_classes()
    artifacts.write_json(other.classes, classes | {"target": ["c", "b", "a"]})
    list(evaluate(trained, EvaluationRequest(fuse_with=[str(other.root)]), str(output)))
    want = average_probabilities([probabilities(trained, 1)[:, ::-1], probabilities(trained, 2)])
    with open(tmp_path / "fused.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["probability"]) for row in rows] == pytest.approx(want.max(axis=1), rel=1e-4)
    artifacts.write_json(other.classes, classes | {"target": ["a", "b", "d"]})
    with pytest.raises(InputError, match=r"other was trained for other classes: 1 are missing \(e.g. \['c'\]\)"):
        list(evaluate(trained, EvaluationRequest(fuse_with=[str(other.root)])))
    other.write_config(other.read_config().replace("data", aspect_ratio="pad"))
    with pytest.raises(InputError, match="other was trained with --aspect_ratio=pad, this one with --aspect_ratio=squ"):
        list(evaluate(trained, EvaluationRequest(fuse_with=[str(other.root)])))
    with pytest.raises(InputError, match="leave --round out"):
        list(evaluate(trained, EvaluationRequest(number=1, fuse_rounds=True)))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    model = build_joint_model(build_trunk("preact_resnet", 12, depth=8, width=4), 3, None)
    return str(export_saved_model(model, ["a", "b", "c"], View(16, 12), tmp_path_factory.mktemp("model") / "m"))


def test_answers_as_csv_and_as_json_lines(exported, world, tmp_path):
    folder = world / "target" / "test"
    (line,) = predict("", exported, [str(folder)], AnswerFormat(str(tmp_path / "one.csv")))
    assert line == f"9 images answered, 0 left out: {tmp_path / 'one.csv'}"
    with open(tmp_path / "one.csv", newline="") as stream:
        one = list(csv.DictReader(stream))
    list(predict("", exported, [str(folder)], AnswerFormat(str(tmp_path / "three.csv"), top_k=5)))
    with open(tmp_path / "three.csv", newline="") as stream:
        three = list(csv.DictReader(stream))
    assert list(one[0]) == ["image", "class", "probability"]
    assert list(three[0]) == ["image", "rank", "class", "probability"]
    assert [row["rank"] for row in three] == ["1", "2", "3"] * 9
    assert [{k: row[k] for k in one[0]} for row in three[::3]] == one
    list(predict("", exported, [str(folder)], AnswerFormat(str(tmp_path / "two.jsonl"), top_k=2)))
    answers = [json.loads(line) for line in (tmp_path / "two.jsonl").read_text().splitlines()]
    assert [a["image"] for a in answers] == [row["image"] for row in one]
    assert [a["classes"] for a in answers] == [[row["class"] for row in three[i : i + 2]] for i in range(0, 27, 3)]
    assert all(a["probabilities"] == sorted(a["probabilities"], reverse=True) for a in answers)
    assert f"{answers[0]['probabilities'][0]:.6f}" == one[0]["probability"]


def test_a_heat_map_of_each_image_beside_the_answers(finished, world, tmp_path):
    run, folder, maps = str(finished[0].root), str(world / "target" / "test"), tmp_path / "maps"
    with pytest.raises(InputError, match="is no class of the run. It has: a, b, c"):
        list(predict(run, "", [folder], AnswerFormat(), heat_maps=HeatMapRequest(str(maps), class_name="d")))
    one, two = AnswerFormat(str(tmp_path / "one.csv")), AnswerFormat(str(tmp_path / "two.csv"))
    list(predict(run, "", [folder], one))
    *_, line = predict(run, "", [folder], two, heat_maps=HeatMapRequest(str(maps)))
    assert line == f"9 heat maps (class_activation): {maps}"
    assert (tmp_path / "one.csv").read_text() == (tmp_path / "two.csv").read_text()
    names = [f"{i}{more}.png" for i in range(3) for more in ("-2", "-3", "")]
    assert sorted(path.name for path in maps.iterdir()) == names
    with Image.open(maps / "0.png") as picture:
        assert picture.size == (224, 224)  # of 16 px


def test_images_from_a_table_and_from_standard_input(exported, world, tmp_path, capsys, monkeypatch):
    shutil.copytree(world / "target" / "test", tmp_path / "test")
    table = tmp_path / "list.csv"
    table.write_text("path,label\ntest/b/1.png,b\ntest/a/0.png,a\n")
    assert list(predict("", exported, [str(table)], AnswerFormat())) == []
    first, *rows = capsys.readouterr().out.splitlines()
    assert first == "image,class,probability"
    assert [row.split(",")[0] for row in rows] == [str(tmp_path / "test" / name) for name in ("b/1.png", "a/0.png")]
    listed = "\n".join([str(tmp_path / "test/c/0.png"), "", str(tmp_path / "gone.png"), str(tmp_path / "test/c/0.png")])
    monkeypatch.setattr("sys.stdin", io.StringIO(listed))
    list(predict("", exported, ["-"], AnswerFormat(form="jsonl")))
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["image"].endswith("test/c/0.png")
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(InputError, match="--images=- names no image file"):
        list(predict("", exported, ["-"], AnswerFormat()))
    table.write_text("kind\nx\n")
    with pytest.raises(InputError, match="must have a column for the image.*Received: 'kind'"):
        list(predict("", exported, [str(table)], AnswerFormat()))


def test_answers_are_written_as_they_come_and_whole_or_not_at_all(exported, world, tmp_path, monkeypatch):
    folder, seen = world / "target" / "test", []
    monkeypatch.setattr("sjft_tf.pipeline.answering.models.BATCH", 4)
    original = load_predictor(exported)

    class Watched:
        class_names, description = original.class_names, original.description

        def predict_bytes(self, encoded, batch_size):
            seen.append(len(encoded))
            return original.predict_bytes(encoded, batch_size)

    monkeypatch.setattr("sjft_tf.pipeline.answering.models.load_predictor", lambda _: Watched())
    output = tmp_path / "answers.csv"
    list(predict("", exported, [str(folder)], AnswerFormat(str(output))))
    assert seen == [4, 4, 1]
    before = output.read_text()
    missing = f"{tmp_path / 'none'}"
    with pytest.raises(InputError, match="none names no image file"):
        list(predict("", exported, [str(folder), missing], AnswerFormat(str(output), top_k=2)))
    assert output.read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == ["answers.csv"]


def test_several_views_of_new_images(exported, trained, world, tmp_path):
    folder = str(world / "target" / "test")

    def answers(workdir, model, views):
        list(predict(workdir, model, [folder], AnswerFormat(str(tmp_path / "a.jsonl"), top_k=3), views))
        found = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
        return np.array([[dict(zip(a["classes"], a["probabilities"], strict=True))[c] for c in "abc"] for a in found])

    ten, center = (answers("", exported, EvaluationConfig(kind)) for kind in ("ten_crop", "center"))
    assert np.abs(ten - center).max() > 1e-5
    predictor, images = load_predictor(exported), open_image_set(f"folder:{world / 'target'}#test")
    for i in range(len(images)):
        pixels = np.asarray(images.load(i), np.float32)
        cuts = [pixels[t : t + 12, left : left + 12] for t, left in ((0, 0), (0, 4), (4, 0), (4, 4), (2, 2))]
        want = predictor.predict_prepared(np.stack([*cuts, *(cut[:, ::-1] for cut in cuts)])).mean(axis=0)
        np.testing.assert_allclose(ten[i], want, atol=2e-6)
    # Dense views: the run's model, as when it is evaluated.
    dense = EvaluationConfig("dense", ["16", "24"])
    list(evaluate(trained, EvaluationRequest(views=dense), str(tmp_path / "dense.json")))
    with open(tmp_path / "dense.csv", newline="") as stream:
        wanted = [float(row["probability"]) for row in csv.DictReader(stream)]
    np.testing.assert_allclose(answers(str(trained.root), "", dense).max(axis=1), wanted, atol=2e-6)
    with pytest.raises(InputError, match="a SavedModel is not made for"):
        answers("", exported, dense)
    with pytest.raises(InputError, match="--eval_scales is for --eval_views=dense"):
        answers("", exported, EvaluationConfig("ten_crop", ["24"]))
    with pytest.raises(InputError, match="Ten crops of 16 px"):
        answers(str(trained.root), "", EvaluationConfig("ten_crop"))


def test_views_that_cannot_be_are_refused_at_the_start(config):
    for views, message in (
        (EvaluationConfig("ten_crop"), "they would all be the same"),
        (EvaluationConfig("center", ["24"]), "--eval_scales is for --eval_views=dense. Received: center"),
        (EvaluationConfig("dense", ["24", "many"]), "sides in pixels, from 1 to 8192. Received: 24, many"),
    ):
        with pytest.raises(InputError, match=message):
            replace(config, evaluation=views).validate()
