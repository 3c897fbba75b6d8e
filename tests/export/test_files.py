"""Files for other runtimes: they answer as the model, or are not written."""

import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.export import Sample, export_file, named, refuse_replacing
from sjft_tf.export.kinds import KINDS, Kind
from sjft_tf.images import ImageSet, View, open_image_set
from sjft_tf.models import Scorer, build_joint_model, build_trunk

NAMES, VIEW = ["rose", "lily", "café ☕"], View(12, 8)
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "serving.md"


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(3)
    joint = build_joint_model(build_trunk("preact_resnet", 8, depth=8, width=4), 3, 5, dropout=0.3)
    rng = np.random.default_rng(0)
    for layer in joint.layers:
        kept = layer.get_weights()
        layer.set_weights([w + rng.uniform(-0.2, 0.2, w.shape) if w.dtype.kind == "f" else w for w in kept])
    return joint


@pytest.fixture(scope="module")
def sample(model, tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(1)
    sizes = [(12, 12), (7, 30), (40, 9), (12, 12), (9, 9), (60, 80)]
    pixels = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"{number}.png")
    table = folder / "all.csv"
    table.write_text("path,label\n" + "".join(f"{n}.png,{n % 3}\n" for n in range(len(pixels))))
    return Sample.scored("test images", open_image_set(f"csv:{table}"), model, VIEW, 4)


@pytest.fixture(scope="module")
def written(model, sample, tmp_path_factory):
    """A folder with `model.KIND` of each kind, and how near each is."""
    folder = tmp_path_factory.mktemp("written")
    near = {
        kind: export_file(kind, named(kind, folder / "model"), model, NAMES, VIEW, sample, {"round": 2})
        for kind in KINDS
    }
    return folder, near


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_answers_as_the_model_and_says_what_it_is(written, sample, kind):
    folder, near = written
    assert near[kind].largest_difference < 1e-4
    assert (near[kind].count, near[kind].equal_answers) == (6, 1.0)
    content = (folder / f"model.{kind}").read_bytes()
    said = artifacts.read_json(folder / f"model.{kind}.json")
    assert said["file_sha256"] == hashlib.sha256(content).hexdigest()
    assert (said["bytes"], said["class_names"], said["resize"], said["crop"]) == (len(content), NAMES, 12, 8)
    assert said["made_from"] == {"round": 2}
    assert said["agreement"]["images"] == "test images"
    pixels = np.stack([VIEW(element["image"]) for element in sample.images.dataset()])
    answers = KINDS[kind].open(content)
    assert set(answers) == {"keras": {"pixels"}, "tflite": {"images", "pixels"}, "onnx": {"images"}}[kind]
    if "pixels" in answers:
        np.testing.assert_allclose(answers["pixels"](pixels), sample.probabilities, atol=1e-5)
    assert sample.probabilities.std(axis=0).max() > 1e-2, "the test model must tell images apart"


@pytest.mark.parametrize(("kind", "aspect_ratio"), [("tflite", "pad"), ("onnx", "pad"), ("onnx", "crop")])
def test_squares_are_made_of_wide_and_tall_images_as_in_training(sample, model, tmp_path, kind, aspect_ratio):
    seen = Sample.scored("test images", sample.images, model, VIEW, 4, aspect_ratio)
    assert np.abs(seen.probabilities - sample.probabilities).max() > 1e-2
    near = export_file(kind, tmp_path / "m", model, NAMES, VIEW, seen, aspect_ratio=aspect_ratio)
    assert near.largest_difference < 1e-4
    assert artifacts.read_json(tmp_path / "m.json")["aspect_ratio"] == aspect_ratio


def test_images_of_one_size_are_answered_together(written, model, rng):
    images = rng.integers(0, 256, (3, 20, 15, 3), dtype=np.uint8)
    want = Scorer(model, VIEW)(ImageSet.from_arrays("some", images, np.arange(3)))
    for kind in ("tflite", "onnx"):
        got = KINDS[kind].open((written[0] / f"model.{kind}").read_bytes())["images"](images.astype(np.float32))
        np.testing.assert_allclose(got, want, atol=1e-5)


def test_the_keras_file_names_no_layer_of_ours(written):
    with zipfile.ZipFile(written[0] / "model.keras") as parts:
        config = parts.read("config.json").decode()
    assert "sjft" not in config
    assert "BatchNormalization" in config
    assert "Dropout" in config


def test_what_a_layer_made_when_it_was_built_is_no_input_of_a_graph(rng):
    inputs = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Normalization(mean=[90.0, 100.0, 110.0], variance=[900.0, 400.0, 100.0])(inputs)
    joint = keras.Model(inputs, {"target": keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x))})
    images = rng.uniform(0, 255, (3, 8, 8, 3)).astype(np.float32)
    want = tf.nn.softmax(joint(images)["target"])
    content = KINDS["onnx"].convert(joint, View(8, 8), NAMES, "none", "squash")
    np.testing.assert_allclose(KINDS["onnx"].open(content)["images"](images), want, atol=1e-6)


def test_a_quantized_file_is_smaller_and_told(written, model, sample, tmp_path):
    whole = (written[0] / "model.tflite").stat().st_size
    path = tmp_path / "small.tflite"
    near = export_file("tflite", path, model, NAMES, VIEW, sample, quantize="float16")
    assert path.stat().st_size < whole
    assert near.largest_difference > 1e-6
    assert artifacts.read_json(tmp_path / "small.tflite.json")["quantize"] == "float16"


def test_a_file_that_answers_otherwise_is_not_written(model, sample, tmp_path, monkeypatch):
    path = tmp_path / "model.keras"
    other = Sample("test images", sample.images, sample.probabilities[::-1].copy())
    with pytest.raises(InputError, match=r"keras file would answer otherwise.*6 test images, .*allowed are 0.001"):
        export_file("keras", path, model, NAMES, VIEW, other)
    nothing = Kind(KINDS["keras"].convert, lambda content: {"pixels": lambda x: np.full((len(x), 3), np.nan)})
    monkeypatch.setitem(KINDS, "keras", nothing)
    with pytest.raises(InputError, match="differ from the model's by up to nan"):
        export_file("keras", path, model, NAMES, VIEW, sample)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_refused(model, sample, tmp_path, monkeypatch):
    def convert(*_):
        raise ValueError("no such operation: Fancy")

    monkeypatch.setitem(KINDS, "tflite", Kind(convert, KINDS["tflite"].open))
    with pytest.raises(InputError, match=r"as tflite \(ValueError: no such operation: Fancy\).*the SavedModel"):
        export_file("tflite", tmp_path / "m.tflite", model, NAMES, VIEW, sample)
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(InputError, match=r"tf2onnx cannot be imported.*sjft_tf\[onnx\]"):
        export_file("onnx", tmp_path / "m.onnx", model, NAMES, VIEW, sample)
    with pytest.raises(InputError, match="3 target classes"):
        export_file("keras", tmp_path / "m.keras", model, NAMES[:2], VIEW, sample)
    assert not list(tmp_path.iterdir())


def test_only_our_files_are_replaced(written, tmp_path):
    refuse_replacing(written[0] / "model.keras")
    path = tmp_path / "model.keras"
    refuse_replacing(path)
    path.write_bytes(b"theirs")
    with pytest.raises(InputError, match=r"no model\.keras\.json beside it"):
        refuse_replacing(path)
    artifacts.write_json(tmp_path / "model.keras.json", {"format": "another"})
    with pytest.raises(InputError, match="will not be overwritten"):
        refuse_replacing(path)
    (tmp_path / "model.keras.json").write_text("{")
    with pytest.raises(InputError, match=r"Move model\.keras and it elsewhere"):
        refuse_replacing(path)


def test_endings_are_added_once():
    assert named("onnx", Path("a/b.v2")) == Path("a/b.v2.onnx")
    assert named("onnx", Path("a/b.onnx")) == Path("a/b.onnx")


@pytest.mark.filterwarnings(r"ignore:\s*Warning. tf\.lite\.Interpreter is deprecated")
def test_the_guides_snippets_run(written, tmp_path, monkeypatch, capsys):
    run = tmp_path / "runs" / "mine"
    run.mkdir(parents=True)
    for path in written[0].iterdir():
        (run / path.name).symlink_to(path)
    Image.new("RGB", (30, 20), "red").save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    snippets = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    files = [snippet for snippet in snippets if "model." in snippet and "saved_model" not in snippet]
    assert len(files) == 3
    for snippet in files:
        exec(compile(snippet, str(GUIDE), "exec"), {})
        assert capsys.readouterr().out.split()[0] in NAMES[:2] + NAMES[2].split()


ALONE = """
import json, sys

class Without:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.split(".")[0] == "sjft_tf" else self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path if hasattr(finder, "find_spec")]
import keras
import numpy as np

model = keras.models.load_model(sys.argv[1])
print(json.dumps(np.asarray(model(np.full((1, 8, 8, 3), 99.0, np.float32), training=False)).tolist()))
"""


@pytest.mark.slow
def test_the_keras_file_is_loaded_where_this_package_is_not(written, model):
    command = [sys.executable, "-c", ALONE, str(written[0] / "model.keras")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ}, check=False)
    assert done.returncode == 0, done.stderr
    want = tf.nn.softmax(model(np.full((1, 8, 8, 3), 99.0, np.float32), training=False)["target"])
    np.testing.assert_allclose(json.loads(done.stdout.splitlines()[-1]), want, atol=1e-5)
