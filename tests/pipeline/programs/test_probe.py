"""A probe of a tiny trunk: its table, its record, what is exported; begun again, nothing is done twice."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from sjft_tf import artifacts
from sjft_tf.config import ProbeConfig, RunConfig
from sjft_tf.errors import InputError
from sjft_tf.export import load_predictor
from sjft_tf.images import open_image_set
from sjft_tf.pipeline.probing import cells
from sjft_tf.pipeline.programs.probe import probe
from sjft_tf.report import write_report
from sjft_tf.workdir import ProbeFiles, Workdir

TINY = {"trunk": "preact_resnet", "weights": "none", "depth": 8, "width": 4, "image_size": 16, "resize": 16}


def settings(**values):
    return RunConfig().with_settings(
        **(
            {"target": "digits?per_class=5", "test": "digits#val", "validation": "none", "selector": "none"}
            | TINY
            | values
        )
    )


@pytest.fixture(scope="module")
def probed(tmp_path_factory):
    """A probe over two seeds, and its lines."""
    workdir = Workdir(tmp_path_factory.mktemp("probe"))
    tried = ProbeConfig(layers=["trunk"], strengths=["1", "10"], powers=["0.5"], seeds=["0,1"], choice_folds=2)
    config = settings(per_class=4)
    return config, tried, workdir, list(probe(config, tried, workdir, "the command"))


def test_it_tells_and_records_every_setting(probed):
    _, _, workdir, lines = probed
    record = json.loads((workdir.root / ProbeFiles.RECORD).read_text())
    assert len(record["settings"]) == 2 * 2 * 2  # views, classifiers, power or not
    assert all(len(one["tests"]) == 2 and one["low"] <= one["test"] <= one["high"] for one in record["settings"])
    best = record["settings"][record["best"]]
    assert best["validation"] == max(one["validation"] for one in record["settings"])
    assert best["test"] > 0.2  # of ten classes
    assert record["gains"]["sixteen views"]["pairs"] == 8
    assert sum("; about" in line for line in lines) == 16
    assert "| layer | views | svm | svm, power | logistic | logistic, power |" in lines


def test_begun_again_it_repeats_nothing(probed, monkeypatch):
    config, tried, workdir, lines = probed
    monkeypatch.setattr(cells, "_result", None)
    again = list(probe(config, tried, workdir))
    assert again == [line for line in lines if "; about" not in line]
    # Further layers have features of their own, and leave what is known of others.
    monkeypatch.undo()
    more = list(probe(config, dataclasses.replace(tried, layers=["stem", "trunk"], classifiers=["svm"]), workdir))
    assert sum("; about" in line for line in more) == 8


def test_the_best_is_exported(probed):
    _, _, workdir, _ = probed
    record = json.loads((workdir.root / ProbeFiles.RECORD).read_text())
    test = open_image_set("digits#val")
    pictures = np.stack([test.load(row).numpy() for row in range(len(test))])
    probabilities = load_predictor(workdir.saved_model).predict(pictures)
    right = probabilities.argmax(axis=1) == test.labels
    assert np.isclose(right.mean(), record["settings"][record["best"]]["tests"][0])


def test_the_page_and_the_picture(probed, tmp_path):
    _, _, workdir, _ = probed
    page = (workdir.root / "report.html").read_text()
    assert "Which layer?" in page
    assert page.count("<svg") == 3
    assert [(workdir.root / name).is_file() for name in ProbeFiles.PICTURES] == [True, True]
    markdown = write_report(workdir.root, tmp_path / "page.md").read_text()
    assert "| SVM, 16 views, power |" in markdown
    record = workdir.root / ProbeFiles.RECORD
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / record.name).write_text(record.read_text().replace("digits", "dogits"))
    with pytest.raises(InputError, match=r"probe\.json is damaged"):
        write_report(damaged)


def test_folds_stand_in_for_seeds(tmp_path):
    tried = ProbeConfig(
        layers=["trunk"], probe_views="center", classifiers=["svm"], strengths=["1"], powers=["none"], picture="none"
    )
    with pytest.raises(InputError, match="names 9 folds of the training images, and a class has only 5"):
        list(probe(settings(), dataclasses.replace(tried, seeds=["0,1,2,3,4,5,6,7,8"]), Workdir(tmp_path)))
    lines = list(probe(settings(), dataclasses.replace(tried, seeds=["0", "1"]), Workdir(tmp_path)))
    assert sum("; about" in line for line in lines) == 2
    with pytest.raises(InputError, match="There are no test images"):
        list(probe(settings(test="none"), tried, Workdir(tmp_path)))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"classifiers": ["svm,tree"]}, "--classifiers must be some of svm, logistic. Received: tree"),
        ({"strengths": ["none"]}, "--strengths is empty"),
        ({"powers": ["0"]}, "--powers must be numbers above 0"),
        ({"seeds": ["a"]}, "--seeds must be whole numbers"),
        ({"rank_weights": ["one.h5"]}, "name at least two"),
        ({"rank_weights": ["a.h5,b.h5"]}, "there is no file a.h5"),
    ],
)
def test_settings_that_cannot_be_are_refused(given, said):
    with pytest.raises(InputError, match=said):
        ProbeConfig(**given).check()


def test_a_target_of_several_labels_is_refused(tmp_path):
    config = settings(target="scenes?n=80&side=48", test="scenes#test?n=80&side=48")
    with pytest.raises(InputError, match="A probe goes by the one class of each target image"):
        list(probe(config, ProbeConfig(), Workdir(tmp_path)))


def test_weights_are_ranked(tmp_path):
    image = keras.Input((16, 16, 3))
    x = keras.layers.Rescaling(1 / 255)(image)
    x = keras.layers.Conv2D(6, 3, strides=2, activation="relu", name="maps")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, keras.layers.Dense(4, activation="softmax")(x))
    model.save(tmp_path / "whole.keras")
    trunk = keras.Model(image, model.get_layer("maps").output)
    trunk.save(tmp_path / "trunk.keras")
    names = [f"model:{tmp_path / name}.keras" for name in ("whole", "trunk")]
    lines = list(probe(settings(), ProbeConfig(rank_weights=[",".join(names)]), Workdir(tmp_path / "work")))
    ranked = artifacts.read_json(tmp_path / "work" / ProbeFiles.RANKING)["ranked"]
    by_name = {one["weights"]: one for one in ranked}
    assert by_name[names[0]]["leep"] < 0
    assert by_name[names[1]]["leep"] is None
    assert np.isclose(by_name[names[0]]["logme"], by_name[names[1]]["logme"])  # the same features
    assert any("no classifier" in line for line in lines)
