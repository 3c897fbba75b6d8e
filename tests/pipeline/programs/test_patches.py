"""scripts/patches.py from a built-in set to figures, pictures and a model; a second start repeats nothing."""

import csv
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from sjft_tf import artifacts
from sjft_tf.config import PatchConfig, RunConfig
from sjft_tf.errors import InputError
from sjft_tf.images import open_objects
from sjft_tf.patches import HeadTraining, PatchNetwork
from sjft_tf.pipeline.programs.patches import patches
from sjft_tf.report import write_report
from sjft_tf.workdir import Workdir

SETTINGS = PatchConfig(
    patch_scales=2, smallest_patch=0.4, hidden_units=8, head_steps=10, head_batch=16, heat_side=8, heat_pictures=2
)
IMAGES = 20  # of each split: a full block of features, and a part of one


def write_set(folder):
    """One or two squares, red or green, on gray images of 40 x 32 pixels."""
    rng = np.random.default_rng(0)
    lines = ["path,label,x0,y0,x1,y1,split"]
    for split in ("train", "test"):
        for i in range(IMAGES):
            pixels = rng.integers(100, 156, (32, 40, 3)).astype(np.uint8)
            for place in range(1 + i % 2):
                x, y, color = 20 * place + int(rng.integers(8)), int(rng.integers(18)), int(rng.integers(2))
                pixels[y : y + 12, x : x + 12] = np.eye(3)[color] * 255
                lines.append(f"{split}{i}.png,{('red', 'green')[color]},{x},{y},{x + 12},{y + 12},{split}")
            Image.fromarray(pixels).save(folder / f"{split}{i}.png")
    (folder / "boxes.csv").write_text("\n".join(lines))
    return f"boxes:{folder}/boxes.csv"


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    target = write_set(tmp_path_factory.mktemp("squares"))
    network = {"trunk": "preact_resnet", "depth": 8, "width": 4, "weights": "none", "image_size": 16, "resize": 16}
    return RunConfig().with_settings(target=target, **network)


@pytest.fixture(scope="module")
def made(config, tmp_path_factory):
    """A workdir and what was said."""
    folder = tmp_path_factory.mktemp("patches") / "run"
    return folder, list(patches(config, SETTINGS, Workdir(folder)))


@pytest.fixture
def run(made, tmp_path):
    """A copy of it to go on with."""
    return Workdir(shutil.copytree(made[0], tmp_path / "run"))


def test_what_is_said_and_left(made):
    folder, said = made
    text = "\n".join(said)
    for part in ("patches: 22 of the first image at 2 scales; dense", "mAP: patches, exponent 5", "localized: "):
        assert part in text
    record = artifacts.read_json(folder / "patches.json", {"*": object})
    assert record["images"] == {"training": IMAGES, "test": IMAGES}
    assert set(record["mean_average_precision"]) == {
        "patches, exponent 5",
        "patches, exponent 1",
        "whole",
        "whole_large",
    }
    assert 0 < record["localization"]["random"] < 0.3
    assert [one["name"] for one in record["classes"]] == ["green", "red"]
    rows = list(csv.reader((folder / "predictions.csv").read_text().splitlines()))
    assert len(rows) == IMAGES + 1
    assert rows[0][:3] == ["id", "classes", "score:green"]
    assert len(list((folder / "heat_maps").glob("*.png"))) == 2
    page = (folder / "report.html").read_text()
    assert page.count("data:image/png") == 2
    assert "whole image, enlarged" in page


def test_the_model_answers_as_the_program_does(config, made):
    folder, _ = made
    served = tf.saved_model.load(str(folder / "saved_model")).signatures
    test = open_objects(f"{config.data.target}#test").images
    batch = np.stack([test.load(row).numpy() for row in range(3)]).astype(np.float32)
    answer = served["serving_default"](images=tf.constant(batch))
    rows = list(csv.reader((folder / "predictions.csv").read_text().splitlines()))
    np.testing.assert_allclose(answer["scores"], [[float(cell) for cell in row[2:]] for row in rows[1:4]], rtol=1e-4)
    assert [name.decode() for name in answer["class_names"][0].numpy()] == ["green", "red"]
    maps = served["heat_maps"](images=tf.constant(batch))["heat_maps"].numpy()
    assert maps.shape == (3, 8, 8, 2)
    encoded = [tf.io.encode_png(image.astype(np.uint8)).numpy() for image in batch]
    by_bytes = served["serve_bytes"](image_bytes=tf.constant(encoded))
    np.testing.assert_allclose(by_bytes["scores"], answer["scores"], rtol=1e-5)
    # Of any size.
    assert served["heat_maps"](images=tf.zeros([1, 70, 33, 3]))["heat_maps"].shape == (1, 8, 8, 2)


@pytest.fixture
def idle(monkeypatch):
    """Neither features nor heads are made."""

    def refuse(*_):
        raise AssertionError("made again")

    for kind, name in ((PatchNetwork, "__call__"), (PatchNetwork, "whole_image"), (HeadTraining, "fit")):
        monkeypatch.setattr(kind, name, refuse)


def test_a_second_start_repeats_nothing(config, run, made, idle):
    before = {path: path.stat().st_mtime_ns for path in run.root.rglob("*.png")}
    again = list(patches(config, SETTINGS, run))
    assert [line.split(str(run.root))[0] for line in again] == [line.split(str(made[0]))[0] for line in made[1]]
    assert before == {path: path.stat().st_mtime_ns for path in run.root.rglob("*.png")}


def test_what_was_killed_goes_on(config, run, monkeypatch):
    """Without one block of features only this block is made, and nothing else differs."""
    (run.patches / "training" / "00001.npz").unlink()
    (run.patches / "head.npz").unlink()
    head = HeadTraining.fit
    counted, called = [], PatchNetwork.__call__
    monkeypatch.setattr(PatchNetwork, "__call__", lambda *a: counted.append(1) or called(*a))
    monkeypatch.setattr(HeadTraining, "fit", lambda *a: counted.append("head") or head(*a))
    before = run.patches_record.read_text()
    list(patches(config, SETTINGS, run))
    assert counted == [*[1] * (IMAGES - 16), "head"]
    assert run.patches_record.read_text() == before


@pytest.mark.slow
def test_a_damaged_picture_is_made_again(config, run, monkeypatch):
    monkeypatch.setattr(PatchNetwork, "__call__", None)
    picture = next(run.heat_maps.glob("*.png"))
    before = np.asarray(Image.open(picture), float)
    picture.write_bytes(b"damaged")
    list(patches(config, SETTINGS, run))
    # A ring may move to another of cells that are nearly as warm.
    assert np.abs(np.asarray(Image.open(picture)) - before).mean() < 1
    assert before.shape[1] > 2 * 224


def test_features_of_other_patches_are_refused(config, run):
    other = PatchConfig(**{**vars(SETTINGS), "background_share": 0.3})
    with pytest.raises(InputError, match="made from other inputs.*drawn.*Choose another --workdir"):
        list(patches(config, other, run))


@pytest.mark.slow
def test_another_head_takes_the_features_that_are_there(config, run, monkeypatch):
    monkeypatch.setattr(PatchNetwork, "__call__", None)
    other = PatchConfig(**{**vars(SETTINGS), "head_steps": 5, "heat_pictures": 1, "score_power": 2.0})
    said = "\n".join(patches(config, other, run))
    assert "mAP: patches, exponent 2 " in said
    assert len(list(run.heat_maps.glob("*.png"))) == 1


def test_the_page_without_its_pictures_and_as_markdown(run):
    next(run.heat_maps.glob("*.png")).unlink()
    write_report(run.root)
    page = run.page.read_text()
    assert page.count("data:image/png") == 1
    assert "is missing or damaged and was left out" in page
    text = write_report(run.root, run.root / "page.md").read_text()
    assert "| patches, exponent 5 |" in text
    assert "\n| class | test images |" in text
    run.patches_record.write_text("{}")
    with pytest.raises(InputError, match=r"patches\.json is damaged"):
        write_report(run.root)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"target": "scenes#train?n=4"}, "brings no test images.*--holdout_test"),
        ({"holdout_test": 0.3}, "leave it out"),
        ({"target": "scenes#train?n=9", "test": "scenes#train?n=9"}, "image.s. are in both"),
        ({"target": "scenes?n=4"}, "has the class '.'. Every class needs some"),
    ],
)
def test_sets_that_do_not_fit(config, settings, said, tmp_path):
    with pytest.raises(InputError, match=said):
        list(patches(config.with_settings(**settings), SETTINGS, Workdir(tmp_path)))


@pytest.mark.slow
def test_patches_that_show_nothing(config, tmp_path):
    large = PatchConfig(**{**vars(SETTINGS), "smallest_patch": 1.0, "patch_scales": 1, "object_in_patch": 0.9})
    with pytest.raises(InputError, match=r"No patch shows enough of an object of 2 class\(es\)"):
        list(patches(config, large, Workdir(tmp_path)))


def test_the_workdir_of_another_program_is_left_alone(config, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="the workdir of another run"):
        list(patches(config, SETTINGS, Workdir(tmp_path)))
