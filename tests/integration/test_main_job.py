"""From image folders to SavedModel in one process: artifacts, reuse, resumption, refusals, the other commands."""

import csv
import importlib
import json
import re

import h5py
import keras
import numpy as np
import pytest

from sjft_tf.artifacts import ArtifactMismatch, read_json
from sjft_tf.errors import InputError
from sjft_tf.export import load_predictor
from sjft_tf.images import open_image_set
from sjft_tf.pipeline.answering.formats import AnswerFormat
from sjft_tf.pipeline.checking import settings
from sjft_tf.pipeline.checking.begun_run import refuse_other_run
from sjft_tf.pipeline.finished_run import restore
from sjft_tf.pipeline.programs.evaluate import EvaluationRequest, evaluate
from sjft_tf.pipeline.programs.export import ExportRequest, export
from sjft_tf.pipeline.programs.extract import extract
from sjft_tf.pipeline.programs.predict import predict
from sjft_tf.pipeline.programs.retrieve import retrieve
from sjft_tf.pipeline.programs.train import train
from sjft_tf.pipeline.stages import learning
from sjft_tf.pipeline.stages.results import round_figures
from sjft_tf.retrieval import NeighborTable
from sjft_tf.training import finished_rounds, kept_rounds, read_round
from sjft_tf.workdir import Workdir


@pytest.fixture
def workdir(tmp_path):
    return Workdir(tmp_path / "run")


def weights_of(workdir, number=0):
    model = restore(workdir, number).model
    return [np.array(v) for v in model.get_weights()]


def assert_same_weights(a, b):
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


def test_the_whole_job(finished, world):
    workdir, report = finished
    # Figures
    figures = json.loads(workdir.metrics.read_text())
    assert figures["final"]["test"]["count"] == 9
    assert np.sum(figures["final"]["test"]["confusion"]) == 9
    assert figures["final"]["round"] == 2
    assert [r["global_step"] for r in figures["rounds"]] == [4, 8]
    assert figures["fusion of rounds"]["test"]["count"] == 9
    assert {"loss", "target_loss", "source_loss", "target_accuracy", "source_accuracy"} <= set(figures["rounds"][0])
    # K grew by the rule of the first scoring, and the table says so.
    first, second = read_round(workdir.rounds, 0), read_round(workdir.rounds, 1)
    table = NeighborTable.load(workdir.neighbors)
    assert table.k_max == 3 + 4 * 3
    scoring = first.metrics["scoring"]
    assert (first.counts - 3).sum() == min(12, 4 * 3) * scoring["wrong"] + 6 * scoring["uncertain"]
    assert second.metrics["borrowed"]["mean_k"] == pytest.approx(first.counts.mean())
    with open(workdir.borrowed, newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == first.counts.sum()
    assert len({r["source_id"] for r in rows}) == second.metrics["borrowed"]["union_size"]
    # Predictions and the exported model agree.
    with open(workdir.predictions, newline="") as stream:
        predicted = [row["predicted"] for row in csv.DictReader(stream)]
    test = open_image_set(f"folder:{world / 'target'}#test")
    predictor = load_predictor(workdir.saved_model)
    assert predictor.class_names == ("a", "b", "c")
    probabilities = predictor.predict(np.stack([np.asarray(test.load(i)) for i in range(len(test))]))
    assert [predictor.class_names[i] for i in probabilities.argmax(axis=1)] == predicted
    # What a user looks at
    assert workdir.picture.stat().st_size > 1000
    lines = "\n".join(report.lines())
    assert "test: top-1" in lines
    assert str(workdir.saved_model) in lines
    assert not [p for p in workdir.root.rglob("*") if p.name.endswith(".sjft-tmp")]


def read_round_figures(workdir):
    figures = {name: metrics.to_json() for name, metrics in round_figures(workdir, 1).items()}
    return figures, read_json(workdir.metrics)["final"]


def test_started_again_nothing_is_done_twice(config, trained, monkeypatch):
    workdir = trained
    made = (workdir.neighbors, workdir.edges, workdir.picture, workdir.trunk)
    folders = (*workdir.rounds.rglob("*"), *workdir.saved_model.rglob("*"))
    before = {p: p.stat().st_mtime_ns for p in (*made, *folders)}
    weights, before_figures = weights_of(workdir), read_round_figures(workdir)
    monkeypatch.setattr("sjft_tf.pipeline.stages.neighbors.build_neighbor_table", None)
    monkeypatch.setattr("keras.Model.fit", None)
    with pytest.MonkeyPatch.context() as patch:  # nothing is even built
        patch.setattr(learning, "build_model", None)
        patch.setattr(settings, "build_run_trunk", None)
        train(config, workdir)
    assert {p: p.stat().st_mtime_ns for p in before} == before
    assert_same_weights(weights, weights_of(workdir))
    # What is damaged or missing is made again, and alone: the rounds stay as they are.
    variables = next(workdir.saved_model.glob("variables/*.data*"))
    outputs = (workdir.picture, workdir.trunk, workdir.leaks_csv, workdir.saved_model / "saved_model.pb", variables)
    whole = {path: path.read_bytes() for path in outputs}
    figures, probabilities = (workdir.rounds / "01" / n for n in ("metrics.json", "probabilities-test.npz"))
    for path in (*outputs, figures, probabilities, workdir.metrics, workdir.report, workdir.predictions):
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2] + b"\0" + content[len(content) // 2 + 1 :])
    train(config, workdir)
    for path in (workdir.picture, workdir.leaks_csv):
        assert path.read_bytes() == whole[path]
    load_predictor(workdir.saved_model)
    with h5py.File(workdir.trunk) as archive:
        assert len(archive)
    assert read_round_figures(workdir) == before_figures
    assert_same_weights(weights, weights_of(workdir))


_CUTS = (
    ("sjft_tf.pipeline.stages.retrieving", "neighbor_table", 1),
    ("sjft_tf.training.rounds", "save_round", 2),
    ("sjft_tf.pipeline.stages.learning", "evaluate_round", 2),
    ("sjft_tf.pipeline.programs.train", "summarize", 1),
)
"""Where a start is broken off: module, function and which of its calls; each start gets further than the one before."""


def test_broken_off_again_and_again_it_ends_the_same(config, finished, workdir, monkeypatch):
    calm, _ = finished

    class PowerCut(BaseException):
        pass

    for module, stage, call in _CUTS:
        original, left = getattr(importlib.import_module(module), stage), [call]

        def sometimes(*args, original=original, left=left, **kwargs):
            left[0] -= 1
            if left[0] == 0:
                raise PowerCut
            return original(*args, **kwargs)

        with monkeypatch.context() as patch, pytest.raises(PowerCut):
            patch.setattr(f"{module}.{stage}", sometimes)
            train(config, workdir)
    train(config, workdir, saved_model=False)
    assert_same_weights(weights_of(calm), weights_of(workdir))
    assert calm.borrowed.read_text() == workdir.borrowed.read_text()
    a, b = (json.loads(w.metrics.read_text()) for w in (calm, workdir))
    assert a["final"] == b["final"]
    assert a["fusion of rounds"] == b["fusion of rounds"]


@pytest.mark.slow
def test_same_seed_same_run_other_seed_other_run(config, finished, tmp_path):
    assert config.training.seed == 0
    runs = [finished[0], *(Workdir(tmp_path / name) for name in "bc")]
    for run, seed in zip(runs[1:], (0, 1), strict=True):
        train(config.replace("training", seed=seed), run)
    assert_same_weights(weights_of(runs[0]), weights_of(runs[1]))
    assert runs[0].borrowed.read_text() == runs[1].borrowed.read_text()
    assert any((x != y).any() for x, y in zip(weights_of(runs[0]), weights_of(runs[2]), strict=True))


@pytest.mark.parametrize("selector", ["none", "all", "random"])
def test_other_selectors(config, workdir, selector):
    config = config.replace("selection", selector=selector, k0="share", source_share=0.5)
    train(config, workdir, saved_model=False)
    figures = json.loads(workdir.metrics.read_text())
    if selector == "none":
        assert not workdir.borrowed.exists()
        assert "source_loss" not in figures["rounds"][0]
        assert not workdir.neighbors.exists()
    else:
        size = figures["rounds"][1]["borrowed"]["union_size"]
        lines = workdir.borrowed.read_text().splitlines()
        assert len(lines) == 1 + size
        assert lines[1].startswith("*,class ")
        assert size == 40 if selector == "all" else 20 <= size <= 40


def test_two_sources_keep_their_labels_apart(config, workdir, world):
    config = config.replace("data", source=[f"folder:{world / 'source'}", "glyphs?n=104&size=16"])
    config = config.replace("training", rounds=1)
    train(config, workdir, saved_model=False)
    classes = json.loads(workdir.classes.read_text())["source"]
    assert len(classes) == 4 + 52
    assert len(set(classes)) == 56


def test_other_settings_in_the_same_workdir_are_refused(config, trained):
    workdir = trained
    files = {p: p.stat().st_mtime_ns for p in workdir.root.rglob("*") if p.is_file() and p.name != "times.json"}
    with pytest.raises(ArtifactMismatch, match=r"learning_rate: 0\.003 there, 0\.5 asked for.*--workdir"):
        train(config.replace("training", learning_rate=0.5), workdir)
    with pytest.raises(ArtifactMismatch, match="bins: 8 there, 9 asked for"):
        train(config.replace("retrieval", bins=9), workdir)
    assert files == {p: p.stat().st_mtime_ns for p in files}


def test_changed_images_are_refused(config, workdir, world, tmp_path):
    import shutil

    shutil.copytree(world / "target", tmp_path / "target")
    config = config.replace("data", target=f"folder:{tmp_path / 'target'}")
    config = config.replace("training", rounds=1)
    train(config, workdir, saved_model=False)
    shutil.copy(world / "source" / "class 0" / "0.png", tmp_path / "target" / "train" / "a" / "new.png")
    with pytest.raises(ArtifactMismatch, match="target"):
        train(config, workdir)


def test_a_table_made_before_is_used(config, workdir, monkeypatch):
    config = config.replace("training", rounds=1)
    lines = retrieve(config, workdir)
    assert any("K0 = 3" in line for line in lines)
    stamp = workdir.neighbors.stat().st_mtime_ns
    monkeypatch.setattr("sjft_tf.pipeline.stages.neighbors.build_neighbor_table", None)
    train(config, workdir, saved_model=False)
    assert workdir.neighbors.stat().st_mtime_ns == stamp


def test_a_table_too_short_is_refused(config, workdir):
    retrieve(config, workdir)
    with pytest.raises(ArtifactMismatch, match="neighbors: 15 there, 40 asked for"):
        train(config.replace("selection", k0="20"), workdir)


def test_descriptors_alone(config, workdir):
    lines = extract(config, workdir)
    assert workdir.edges.exists()
    assert "48 filters" in lines[0]
    assert "12 images x 384 numbers" in lines[1]


def test_files_of_a_run_are_checked_on_its_images(trained, tmp_path, caplog):
    (line,) = export(trained, ExportRequest(1, str(tmp_path / "small"), ["keras"]))
    assert re.fullmatch(
        r"round 1 exported: \S+/small\.keras \(0\.\d MB\); on 9 test images, probabilities differ from the model's "
        r"by up to \d\.\de-0[5-9], 100\.0% of the answers are equal",
        line,
    )
    assert read_json(tmp_path / "small.keras.json")["made_from"]["round"] == 1
    # The images have gone, and the run was made in 16 bits.
    gone = trained.read_config().replace("data", target="folder:gone").replace("model", precision="bfloat16")
    trained.write_config(gone)
    told, line = export(trained, ExportRequest(formats=["keras"]))
    assert told == "files are written and checked in float32"
    assert "104 rendered letters" in line
    assert "The run's images cannot be read" in caplog.text
    assert keras.models.load_model(trained.root / "model.keras").output_shape == (None, 3)


def test_evaluate_export_and_predict(trained, world, tmp_path):
    workdir = trained
    figures = json.loads(workdir.metrics.read_text())
    lines = list(evaluate(workdir, EvaluationRequest()))
    assert f"top-1 {figures['final']['test']['top1']:.2%}" in lines[0]
    assert lines[1].startswith("expected calibration error ")
    lines = list(evaluate(workdir, EvaluationRequest(f"folder:{world / 'target'}#test", 1), str(tmp_path / "one.json")))
    assert lines[0].startswith("round 1 on ")
    assert json.loads((tmp_path / "one.json").read_text())["top1"] == figures["rounds"][0]["test"]["top1"]
    assert len((tmp_path / "one.csv").read_text().splitlines()) == 10
    assert len((tmp_path / "one-report.csv").read_text().splitlines()) == 4
    list(export(workdir, ExportRequest(1, str(tmp_path / "model"))))
    with pytest.raises(InputError, match="--round must be between 1 and 2"):
        list(export(workdir, ExportRequest(3)))
    with pytest.raises(InputError, match="no SavedModel; it will not be overwritten"):
        list(export(workdir, ExportRequest(1, str(world))))
    answers = tmp_path / "answers.csv"
    (line,) = predict("", str(tmp_path / "model"), [str(world / "target" / "test")], AnswerFormat(str(answers)))
    assert line.startswith("9 images answered, 0 left out")
    with open(answers, newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {r["class"] for r in rows} <= {"a", "b", "c"}
    assert rows[0]["image"].endswith("test/a/0.png")


def test_predict_leaves_out_what_is_no_image_and_turns_photos_upright(finished, world, tmp_path):
    from PIL import Image

    with Image.open(world / "target" / "test" / "a" / "0.png") as image:
        photos = tmp_path / "photos"
        photos.mkdir()
        image.save(photos / "upright.png")
        exif = Image.Exif()
        exif[0x0112] = 6
        image.transpose(Image.Transpose.ROTATE_90).save(photos / "turned.png", exif=exif)
    (photos / "broken.jpg").write_bytes(b"no image")
    answers = tmp_path / "answers.csv"
    workdir, _ = finished
    (line,) = predict(str(workdir.root), "", [str(photos)], AnswerFormat(str(answers)))
    assert line.startswith("2 images answered, 1 left out")
    with open(answers, newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows[0]["probability"] == rows[1]["probability"]
    for images, message in (([], "--images=FILE"), ([str(photos / "*.tif")], "names no image file")):
        with pytest.raises(InputError, match=message):
            list(predict(str(workdir.root), "", images, AnswerFormat()))
    with pytest.raises(InputError, match="None of the 1 files"):
        list(predict(str(workdir.root), "", [str(photos / "broken.jpg")], AnswerFormat()))


def test_no_run_here(workdir):
    with pytest.raises(InputError, match="There is no run in"):
        restore(workdir, 0)


def test_a_second_process_is_kept_out(workdir):
    with workdir.locked(), pytest.raises(InputError, match="Another process is working in"), workdir.locked():
        pass
    with workdir.locked():
        pass


def test_a_loss_that_is_not_finite_ends_the_run(config, workdir):
    config = config.replace("training", learning_rate=1e3, momentum=0.999, weight_decay=1e3, steps_per_round=40)
    with pytest.raises(InputError, match="at step .* a lower --learning_rate .*in this --workdir or another"):
        train(config, workdir)
    assert finished_rounds(workdir.rounds) == []
    # It has left nothing that would keep other settings from the same folder, but a checkpoint does.
    refuse_other_run(config.replace("training", learning_rate=0.01), workdir)
    workdir.checkpoints.mkdir()
    with pytest.raises(ArtifactMismatch, match=r"learning_rate: 1000\.0 there, 0\.5 asked for"):
        refuse_other_run(config.replace("training", learning_rate=0.5), workdir)


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        ("model", {"trunk": "resnet51"}, "There is no trunk 'resnet51'. Did you mean"),
        ("training", {"optimizer": "sgdd"}, "There is no optimizer 'sgdd'"),
        ("model", {"weights": "nowhere.weights.h5"}, "There is no weight file 'nowhere.weights.h5'"),
    ],
)
def test_an_unknown_network_is_refused_before_anything_is_opened(config, workdir, section, values, message):
    with pytest.raises(InputError, match=message):
        train(config.replace(section, **values), workdir)
    assert not workdir.root.exists()


def test_only_some_rounds_keep_their_weights(config, workdir, tmp_path):
    config = config.replace("training", rounds=3).replace("checkpoints", keep_rounds=1)
    train(config, workdir, saved_model=False)
    scores = [learning.validation_score(workdir, index) for index in range(3)]
    assert kept_rounds(workdir.rounds) == sorted({int(np.argmax(scores)), 2})
    assert len(json.loads(workdir.metrics.read_text())["rounds"]) == 3
    (pruned, *_) = [index for index in range(3) if index not in kept_rounds(workdir.rounds)]
    with pytest.raises(InputError, match=rf"weights of round {pruned + 1} are not kept .* are there: "):
        list(export(workdir, ExportRequest(pruned + 1, str(tmp_path / "model"))))
    # Nothing is missing to whoever starts the command again.
    train(config, workdir, saved_model=False)


def test_source_that_is_the_target_is_refused(config, workdir, world):
    config = config.replace("data", source=[f"folder:{world / 'target'}#train"])
    with pytest.raises(InputError, match="are in both"):
        train(config, workdir)


def test_starting_weights_from_another_run(config, finished, tmp_path):
    workdir, _ = finished
    config = config.replace("model", weights=str(workdir.trunk)).replace("training", rounds=1)
    train(config, Workdir(tmp_path / "again"), saved_model=False)
    model = learning.build_model(config, 3, 4)
    trained = restore(workdir, 0).model
    for layer in model.layers:
        if "head" not in layer.name:
            for a, b in zip(layer.get_weights(), trained.get_layer(layer.name).get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)
