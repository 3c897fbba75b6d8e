"""The SavedModel: the same answers as in the process that trained it, in one that has only TensorFlow."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from sjft_tf import artifacts
from sjft_tf.compat import KERAS_3
from sjft_tf.config import EvaluationConfig
from sjft_tf.errors import InputError
from sjft_tf.export import DESCRIPTION_FILE, DIGESTS_FILE, FORMAT, export_saved_model, load_predictor
from sjft_tf.images import ASPECT_RATIOS, ImageSet, TenCrop, ValueRange, decode_bytes, decode_image, squared
from sjft_tf.images import View as ImageView
from sjft_tf.models import Scorer, build_joint_model, build_trunk
from sjft_tf.pipeline.programs.predict import AnswerFormat, predict
from sjft_tf.sealed import file_digest

NAMES = ["rose", "lily", "café ☕"]


class View:
    """What `images.View` is to the exporter: a callable on one image, with two sizes."""

    def __init__(self, resize: int, crop: int) -> None:
        self.resize, self.crop = resize, crop

    def __call__(self, image):
        image = tf.cast(image, tf.float32)
        size = [self.resize, self.resize]
        image = tf.cond(
            tf.reduce_all(tf.equal(tf.shape(image)[:2], size)),
            lambda: tf.ensure_shape(image, [None, None, 3]),
            lambda: tf.image.resize(image, size, antialias=True),
        )
        at = (self.resize - self.crop) // 2
        return tf.ensure_shape(image[at : at + self.crop, at : at + self.crop], [self.crop, self.crop, 3])


def joint_model(size: int = 8) -> keras.Model:
    inputs = keras.Input((size, size, 3))
    x = keras.layers.Rescaling(1 / 127.5, -1.0)(inputs)
    trunk_input = keras.Input((size, size, 3))
    y = keras.layers.Conv2D(6, 3)(trunk_input)
    y = keras.layers.BatchNormalization()(y)
    y = keras.layers.DepthwiseConv2D(3, padding="same")(y)
    y = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(y))
    x = keras.layers.Dropout(0.5)(keras.Model(trunk_input, y, name="trunk")(x))
    outputs = {
        "target": keras.layers.Dense(3, name="target", dtype="float32", kernel_initializer="random_normal")(x),
        "source": keras.layers.Dense(50, name="source", dtype="float32")(x),
    }
    model = keras.Model(inputs, outputs)
    rng = np.random.default_rng(3)
    for w in model.weights:  # batch norm statistics and biases that matter
        if "seed" not in (w.path if KERAS_3 else w.name):
            w.assign(
                rng.uniform(0.2, 1.0, w.shape).astype(np.float32) * rng.choice([-1, 1], w.shape) ** (len(w.shape) > 1)
            )
    return model


def in_process(model, view, images):
    x = tf.stack([view(i) for i in images])
    return np.asarray(tf.nn.softmax(model(x, training=False)["target"]))


def encoded(image: np.ndarray, form: str = "png", mode: str = "RGB") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).convert(mode).save(stream, form)
    return stream.getvalue()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    keras.utils.set_random_seed(0)
    model, view = joint_model(), View(10, 8)
    folder = export_saved_model(
        model, NAMES, view, tmp_path_factory.mktemp("run") / "saved_model", {"target": "1a2b", "rounds": np.int32(3)}
    )
    return model, view, folder


@pytest.mark.parametrize("size", [(10, 10), (64, 64), (7, 31), (5, 5)])
@pytest.mark.parametrize("count", [1, 5])
def test_array_signature_equals_the_process_it_came_from(exported, rng, size, count):
    model, view, folder = exported
    images = rng.integers(0, 256, (count, *size, 3), dtype=np.uint8)
    want = in_process(model, view, images)
    assert want.std() > 1e-3, "the test model must tell images apart"
    got = tf.saved_model.load(str(folder)).signatures["serving_default"](images=tf.constant(images, tf.float32))
    np.testing.assert_allclose(got["probabilities"], want, rtol=1e-5, atol=1e-7)
    assert [n.decode() for n in got["class_name"].numpy()] == [NAMES[i] for i in want.argmax(axis=1)]
    np.testing.assert_array_equal(got["probability"], got["probabilities"].numpy().max(axis=1))
    assert [[n.decode() for n in row] for row in got["class_names"].numpy()] == [NAMES] * count


def test_bytes_signature_takes_any_size_and_kind(exported, rng):
    model, view, folder = exported
    colored = [rng.integers(0, 256, (h, w, 3), dtype=np.uint8) for h, w in [(10, 10), (33, 20), (5, 64)]]
    grey = np.repeat(rng.integers(0, 256, (12, 9, 1), dtype=np.uint8), 3, axis=2)
    contents = [encoded(i) for i in colored] + [encoded(grey, mode="L"), encoded(colored[0], mode="RGBA")]
    # As Pillow decodes them: its palette, its JPEG transform.
    lossy = [encoded(colored[2], mode="P"), encoded(colored[1], "jpeg"), encoded(grey, "jpeg", mode="L")]
    contents, images = contents + lossy, [*colored, grey, colored[0], *map(in_pillow, lossy)]
    predictor = load_predictor(folder)
    want = in_process(model, view, images)
    np.testing.assert_allclose(predictor.predict_bytes(contents), want, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(predictor.predict_bytes(contents, batch_size=4), want, rtol=1e-5, atol=1e-7)


def test_bytes_signature_sees_what_training_saw(exported, rng):
    """A real SavedModel; all kinds of file: tests/images/decoding/test_pixels.py."""
    model, view, folder = exported
    photo = rng.integers(0, 256, (33, 20, 3), dtype=np.uint8)
    turn = Image.Exif()
    turn[0x0112] = 6
    stream, few = io.BytesIO(), io.BytesIO()
    Image.fromarray(photo).save(stream, "jpeg", exif=turn)
    Image.fromarray(photo[..., 0] // 16).convert("P").save(few, "png", bits=4)
    contents = [stream.getvalue(), few.getvalue()]
    predictor = load_predictor(folder)
    want = in_process(model, view, [decode_image(content) for content in contents])
    np.testing.assert_allclose(predictor.predict_bytes(contents), want, rtol=1e-5, atol=1e-7)
    with pytest.raises(InputError, match=r"Image 1 of 2 .*JPEG or PNG is expected.*GIF.*scripts/predict\.py"):
        predictor.predict_bytes([contents[0], encoded(photo, "gif")])


def test_the_range_of_values_is_kept_with_the_model(exported, tmp_path, rng):
    model, view, _ = exported
    stream = io.BytesIO()
    Image.fromarray(rng.integers(0, 4096, (9, 12), dtype=np.uint16)).save(stream, "png")
    content, kept = stream.getvalue(), ValueRange(0, 4095)
    predictor = load_predictor(export_saved_model(model, NAMES, view, tmp_path / "m", value_range=kept))
    assert predictor.description["value_range"] == [0, 4095]
    want = in_process(model, view, [decode_image(content, kept)])
    np.testing.assert_allclose(predictor.predict_bytes([content]), want, rtol=1e-5, atol=1e-7)
    assert np.abs(want - in_process(model, view, [decode_image(content)])).max() > 1e-3
    (tmp_path / "scan.png").write_bytes(content)
    form = AnswerFormat(str(tmp_path / "answers.jsonl"), top_k=3)
    list(predict("", str(tmp_path / "m"), [str(tmp_path / "scan.png")], form))
    answer = json.loads((tmp_path / "answers.jsonl").read_text())
    np.testing.assert_allclose(answer["probabilities"], np.sort(want[0])[::-1], atol=1e-6)


def without_aspect_ratio(folder):
    """Makes of an exported model one of an older version."""
    description = artifacts.read_json(folder / DESCRIPTION_FILE)
    del description["aspect_ratio"]
    artifacts.write_json(folder / DESCRIPTION_FILE, description)
    digests = artifacts.read_json(folder / DIGESTS_FILE)["files"]
    digests[DESCRIPTION_FILE.as_posix()] = file_digest(folder / DESCRIPTION_FILE)
    artifacts.write_json(folder / DIGESTS_FILE, {"files": digests})


@pytest.mark.parametrize("aspect_ratio", ["crop", "pad", "squash"])
def test_the_aspect_ratio_is_kept_with_the_model(exported, tmp_path, rng, aspect_ratio):
    model, view, _ = exported
    folder = export_saved_model(model, NAMES, view, tmp_path / "m", aspect_ratio=aspect_ratio)
    if aspect_ratio == "squash":
        without_aspect_ratio(folder)
    predictor = load_predictor(folder)
    assert predictor.description.get("aspect_ratio", "squash") == aspect_ratio
    image = rng.integers(0, 256, (9, 24, 3), dtype=np.uint8)
    want = in_process(model, view, [squared(image, aspect_ratio)])
    others = [in_process(model, view, [squared(image, one)]) for one in ASPECT_RATIOS if one != aspect_ratio]
    assert np.abs(want - others).max(axis=(1, 2)).min() > 1e-3, "the test model must tell them apart"
    np.testing.assert_allclose(predictor.predict(image[None]), want, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(predictor.predict_bytes([encoded(image)]), want, rtol=1e-5, atol=1e-7)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "wide.png").write_bytes(encoded(image))
    (tmp_path / "new" / "notes.txt").touch()
    form = AnswerFormat(str(tmp_path / "answers.json"), top_k=3)
    (line,) = predict("", str(folder), [str(tmp_path / "new")], form, EvaluationConfig(eval_views="ten_crop"))
    assert line == f"1 images answered, 0 left out, passed over 1 other file (1 .txt): {form.output}"
    answer = json.loads((tmp_path / "answers.json").read_text())[0]
    ten = model(TenCrop(10, 8)(squared(image, aspect_ratio)), training=False)["target"]
    np.testing.assert_allclose(answer["probabilities"], np.sort(tf.nn.softmax(ten).numpy().mean(0))[::-1], atol=2e-6)


def in_pillow(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def test_transparency_is_laid_over_white(rng):
    rgba = rng.integers(0, 256, (9, 7, 4), dtype=np.uint8)
    rgba[0, :, 3], rgba[1, :, 3] = 0, 255
    stream = io.BytesIO()
    Image.fromarray(rgba).save(stream, "png")
    got = decode_bytes(tf.constant(stream.getvalue())).numpy().astype(int)
    over = Image.alpha_composite(Image.new("RGBA", (7, 9), "white"), Image.fromarray(rgba)).convert("RGB")
    assert (got[0] == 255).all()
    assert (got[1] == rgba[1, :, :3]).all()
    assert np.abs(got - np.asarray(over, int)).max() <= 1


@pytest.mark.parametrize("count", [0, 1, 257])
def test_predictor_batches(exported, rng, count):
    model, view, folder = exported
    images = rng.integers(0, 256, (count, 12, 12, 3), dtype=np.uint8)
    got = load_predictor(folder).predict(images, batch_size=100)
    assert got.shape == (count, 3)
    if count:
        np.testing.assert_allclose(got, in_process(model, view, images), rtol=1e-5, atol=1e-7)


def test_only_what_the_target_needs_is_saved(exported):
    folder = exported[2]
    names = [n for n, shape in tf.train.list_variables(str(folder / "variables" / "variables")) if 50 in shape]
    assert names == []
    assert not list(folder.parent.glob(".saved_model*")), "no temporary folder is left behind"


def test_description(exported):
    predictor = load_predictor(exported[2])
    assert predictor.class_names == tuple(NAMES)
    assert predictor.description["resize"] == 10
    assert predictor.description["crop"] == 8
    assert predictor.description["made_from"] == {"target": "1a2b", "rounds": 3}
    assert predictor.description["versions"]["tensorflow"] == tf.__version__


ALONE = """
import json, sys

class Without:  # a finder that finds neither of the two
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.split(".")[0] in {"sjft_tf", "keras"} else self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path if hasattr(finder, "find_spec")]
import tensorflow as tf

model = tf.saved_model.load(sys.argv[1])
image = tf.reshape(tf.range(12 * 11 * 3) * 7 % 256, [1, 12, 11, 3])
one = model.signatures["serving_default"](images=tf.cast(image, tf.float32))
png = tf.io.encode_png(tf.cast(image[0], tf.uint8))
two = model.signatures["serve_bytes"](image_bytes=png[tf.newaxis])
assert not {"sjft_tf", "keras"} & set(sys.modules)
print(json.dumps([a["probabilities"].numpy().tolist() for a in (one, two)] + [one["class_name"].numpy()[0].decode()]))
"""


def test_a_process_with_nothing_but_tensorflow(exported):
    model, view, folder = exported
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(folder)], capture_output=True, text=True, timeout=120, env={**os.environ}
    )
    assert done.returncode == 0, done.stderr
    one, two, name = json.loads(done.stdout.splitlines()[-1])
    image = (np.arange(12 * 11 * 3) * 7 % 256).astype(np.uint8).reshape(1, 12, 11, 3)
    want = in_process(model, view, image)
    np.testing.assert_allclose(one, want, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(two, want, rtol=1e-5, atol=1e-7)
    assert name == NAMES[int(want.argmax())]


def test_prepared_pixels_are_neither_resized_nor_cropped(exported, rng):
    model, _, folder = exported
    pixels = rng.uniform(0, 255, (5, 8, 8, 3)).astype(np.float32)
    want = np.asarray(tf.nn.softmax(model(pixels, training=False)["target"]))
    np.testing.assert_allclose(load_predictor(folder).predict_prepared(pixels, 2), want, rtol=1e-5, atol=1e-7)


ALONE_IN_BATCHES = (
    ALONE[: ALONE.index("model = ")]
    + """
import io
import numpy as np
model, held = tf.saved_model.load(sys.argv[1]), np.load(sys.argv[2], allow_pickle=False)
answers = {}
for count in (1, 257):
    pixels = tf.constant(held["pixels"][:count], tf.float32)
    contents = [tf.io.encode_png(image).numpy() for image in held["pixels"][:count]]
    jpegs = [row[:size].tobytes() for row, size in zip(held["jpegs"][:count], held["sizes"][:count])]
    for name, answer in (
        ("pixels", model.signatures["serving_default"](images=pixels)),
        ("png", model.signatures["serve_bytes"](image_bytes=tf.constant(contents))),
        ("jpeg", model.signatures["serve_bytes"](image_bytes=tf.constant(jpegs))),
    ):
        answers[f"{name} {count}"] = answer["probabilities"].numpy()
assert not {"sjft_tf", "keras"} & set(sys.modules)
np.savez(sys.argv[3], **answers)
"""
)


@pytest.mark.slow
def test_one_and_257_images_in_a_process_with_nothing_but_tensorflow(tmp_path, rng):
    trunk = build_trunk("MobileNetV2", 32, alpha=0.35)
    model, view = build_joint_model(trunk, 3, 5, dropout=0.3), ImageView(40, 32)
    weights = [w + rng.normal(0, 0.05, w.shape) if w.dtype.kind == "f" else w for w in model.get_weights()]
    model.set_weights([np.abs(w) if (w < 0).any() and w.ndim == 1 else w for w in weights])  # variances are positive
    folder = export_saved_model(model, NAMES, view, tmp_path / "m")
    pixels = rng.integers(0, 256, (257, 45, 37, 3), dtype=np.uint8)
    jpegs = [encoded(image, "jpeg") for image in pixels]
    sizes = np.array([len(content) for content in jpegs])
    padded = np.zeros((len(jpegs), sizes.max()), np.uint8)
    for line, content in zip(padded, jpegs, strict=True):
        line[: len(content)] = np.frombuffer(content, np.uint8)
    np.savez(tmp_path / "in.npz", pixels=pixels, jpegs=padded, sizes=sizes)
    command = [sys.executable, "-c", ALONE_IN_BATCHES, str(folder), str(tmp_path / "in.npz"), str(tmp_path / "out.npz")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ})
    assert done.returncode == 0, done.stderr
    decoded = ImageSet.from_arrays("decoded", np.stack([in_pillow(content) for content in jpegs]), np.arange(257) % 3)
    score = Scorer(model, view)
    want = {"jpeg": score(decoded)}
    want["pixels"] = want["png"] = score(ImageSet.from_arrays("pixels", pixels, np.arange(257) % 3))
    assert want["png"].std() > 1e-3
    with np.load(tmp_path / "out.npz", allow_pickle=False) as answers:
        assert len(answers.files) == 6
        for name in answers.files:
            kind, count = name.split()
            np.testing.assert_allclose(answers[name], want[kind][: int(count)], rtol=0, atol=1e-5, err_msg=name)


def test_exporting_again_replaces_and_a_failure_keeps_the_old(exported, tmp_path, monkeypatch):
    model, view, _ = exported
    folder = export_saved_model(model, ["a", "b", "c"], view, tmp_path / "m")
    export_saved_model(model, ["d", "e", "f"], view, folder)
    assert load_predictor(folder).class_names == ("d", "e", "f")
    monkeypatch.setattr(tf.saved_model, "save", lambda *a, **k: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        export_saved_model(model, NAMES, view, folder)
    monkeypatch.undo()
    assert load_predictor(folder).class_names == ("d", "e", "f")
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_what_does_not_fit_is_refused(exported, tmp_path):
    model, view, folder = exported
    with pytest.raises(InputError, match=r"3 target classes\. Received: 2"):
        export_saved_model(model, ["a", "b"], view, tmp_path / "m")
    with pytest.raises(InputError, match="8 x 8, the view gives 6 x 6"):
        export_saved_model(model, NAMES, View(10, 6), tmp_path / "m")
    assert not list(tmp_path.iterdir())
    predictor = load_predictor(folder)
    with pytest.raises(InputError, match=r"\(8, 8, 3\)"):
        predictor.predict(np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(InputError, match="batch_size=0"):
        predictor.predict_bytes([b""], batch_size=0)
    good = encoded(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(InputError, match=r"Image 2 of 3 .* b'not a pi'"):
        predictor.predict_bytes([good, good, b"not a picture"], batch_size=2)


def test_foreign_folders_are_refused(exported, tmp_path):
    with pytest.raises(InputError, match="There is no folder"):
        load_predictor(tmp_path / "absent")
    with pytest.raises(InputError, match="does not hold a SavedModel"):
        load_predictor(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"garbage")
    (tmp_path / DESCRIPTION_FILE.parent).mkdir()
    artifacts.write_json(tmp_path / DESCRIPTION_FILE, {"format": "another"})
    with pytest.raises(InputError, match="Received: 'another'"):
        load_predictor(tmp_path)
    artifacts.write_json(tmp_path / DESCRIPTION_FILE, {"format": FORMAT, "class_names": "ab"})
    with pytest.raises(InputError, match=r"sjft_tf\.json is damaged: .*'class_names' must be a list.*scripts/export"):
        load_predictor(tmp_path)
    (tmp_path / DESCRIPTION_FILE).write_bytes((exported[2] / DESCRIPTION_FILE).read_bytes())
    with pytest.raises(InputError, match=r"digests\.json is missing"):
        load_predictor(tmp_path)


def test_damaged_exports_are_refused(exported, tmp_path):
    """Every file of a SavedModel, one bit, half of it, or none of it."""
    folder = tmp_path / "m"
    shutil.copytree(exported[2], folder)
    for path in [file for file in folder.rglob("*") if file.is_file() and file.stat().st_size]:
        whole = path.read_bytes()
        middle = len(whole) // 2
        for damage in (whole[:middle], whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :], None):
            path.unlink()
            if damage is not None:
                path.write_bytes(damage)
            with pytest.raises(InputError, match=rf"{path.name}|does not hold a SavedModel"):
                load_predictor(folder)
            path.write_bytes(whole)
    load_predictor(folder)
