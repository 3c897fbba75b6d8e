"""What is judged before retrieval: a table of flags and what is said about them, and that nothing was searched."""

import dataclasses

import keras
import numpy as np
import pytest

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet
from sjft_tf.models import build_trunk
from sjft_tf.pipeline.checking import memory
from sjft_tf.pipeline.checking import settings as checking
from sjft_tf.pipeline.checking.settings import check_sets, check_settings
from sjft_tf.pipeline.networks import build_run_trunk
from sjft_tf.pipeline.programs.train import train
from sjft_tf.pipeline.stages import learning
from sjft_tf.run_sets import Sets
from sjft_tf.workdir import Workdir

SMALL = {
    **{"target": "digits", "source": ["glyphs"], "trunk": "preact_resnet", "depth": 8, "width": 1, "weights": "none"},
    **{"selector": "nearest"},
    **{"image_size": 8, "resize": 8, "descriptor_resize": 16, "descriptor_crop": 16, "bins": 4, "batch_size": 4},
}


def settings(**flags) -> RunConfig:
    """Small settings with these flags, in whatever section they are."""
    given, sections = {**SMALL, **flags}, {}
    for section in dataclasses.fields(RunConfig):
        default = section.default_factory()
        names = {item.name for item in dataclasses.fields(default)} & set(given)
        sections[section.name] = dataclasses.replace(default, **{name: given[name] for name in names})
    return RunConfig(**sections).validate()


def some(count: int) -> ImageSet:
    pixels = np.random.default_rng(count).integers(0, 255, (count, 16, 16, 3), np.uint8)
    return ImageSet.from_arrays("some", pixels, np.arange(count) % 2)


@pytest.fixture
def files(tmp_path):
    """Weight files with NaN, damaged and good ones, and a bank of 5 px filters."""
    trunk = build_trunk("preact_resnet", 8, depth=8, width=1)
    trunk.save_weights(tmp_path / "good.weights.h5")
    trunk.layers[-3].set_weights([np.full_like(w, np.nan) for w in trunk.layers[-3].get_weights()])
    next(layer for layer in trunk.layers if layer.weights).set_weights([np.full((3, 3, 3, 1), np.nan)])
    trunk.save_weights(tmp_path / "nan.weights.h5")
    (tmp_path / "cut.keras").write_bytes(b"PK\3\4")
    (tmp_path / "folder.h5").mkdir()
    images = keras.Input((None, None, 3))
    keras.Model(images, keras.layers.Conv2D(2, 5, name="conv")(images)).save(tmp_path / "bank.keras")
    return tmp_path


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"freeze": "conv9"}, "no layer whose name is, or begins with, 'conv9'"),
        ({"freeze": "99"}, r"has \d+ layers with kernels"),
        ({"freeze": "9" * 5000}, r"has \d+ layers with kernels"),
        ({"layer_rate": ["conv9:0.1"]}, "no layer whose name is, or begins with, 'conv9'"),
        ({"layer_rate": ["50:0.1"]}, r"has \d+ layers with kernels"),
        ({"layer_rate": ["trunk"]}, "--layer_rate is PLACE:FACTOR"),
        ({"layer_rate": ["trunk:nan"]}, "--layer_rate is PLACE:FACTOR"),
        ({"layer_rate": ["trunk:-1"]}, "--layer_rate is PLACE:FACTOR"),
        ({"layer_rate": ["trunk:inf"]}, "--layer_rate is PLACE:FACTOR"),
        ({"reset_from": "conv9", "weights": "good.weights.h5"}, "--reset_from=conv9: the trunk has no such layer"),
        ({"depth": 9}, r"must be 6n \+ 2"),
        ({"trunk": "resnet51"}, "There is no trunk 'resnet51'"),
        ({"trunk": "InceptionV3"}, "InceptionV3 needs images of at least 75 px"),
        ({"trunk": "ResNet50", "image_size": 31, "resize": 31}, "ResNet50 needs images of at least 32 px"),
        ({"image_size": 7}, "preact_resnet needs images of at least 8 px"),
        ({"alpha": 0.5}, "preact_resnet has no width multiplier"),
        ({"weights": "imagenet"}, "There are no ImageNet weights for preact_resnet"),
        (
            {"trunk": "MobileNetV2", "alpha": 0.6, "weights": "imagenet", "image_size": 32, "resize": 32},
            "ImageNet weights of MobileNetV2 are for alpha 0.35, .* Received: alpha=0.6",
        ),
        ({"weights": "nowhere.h5"}, "There is no weight file"),
        ({"weights": "folder.h5"}, "is a folder"),
        ({"weights": "cut.keras"}, "cut.keras do not fit trunk"),
        ({"weights": "nan.weights.h5"}, "layer 'stem_conv' holds NaN"),
        ({"weights": "good.weights.h5", "width": 2}, "do not fit trunk 'preact_resnet'"),
        ({"pad": 8}, "`pad` must be at least 0 and below the lowest side"),
        ({"optimizer": "sdg"}, "There is no optimizer 'sdg'"),
        ({"bank": "garbor"}, "Unknown filter bank 'garbor'"),
        ({"bank_layers": ["conv1"]}, "Bank gabor has neither layers nor weights"),
        ({"bank": "alexnet"}, "Bank alexnet needs weights"),
        ({"bank": "alexnet", "bank_weights": "nowhere.npz"}, "There is no weight file"),
        ({"bank": "model:bank.keras", "bank_layers": ["conv9"]}, "There is no layer 'conv9'"),
        (
            {"bank": "model:bank.keras", "bank_layers": ["conv"], "descriptor_crop": 4},
            "cannot look at images of --descriptor_crop=4 px",
        ),
        ({"batch_size": 65536, "image_size": 8192, "resize": 8192}, "no room for a batch of 131072 images of 8192 px"),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(value),
)
def test_settings_that_are_refused(files, monkeypatch, flags, said):
    monkeypatch.chdir(files)
    with pytest.raises(InputError, match=said):
        check_settings(settings(**flags))


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"max_per_class": 1}, "--max_per_class=1 leaves at most 2 target images of 2 classes for a batch of 4"),
        ({"k0": "10"}, "--k0=10 is more than the 9 neighbors a list can have"),
        ({"k0": "4", "max_neighbors": 3}, "--k0=4 is more than the 3 neighbors a list can have"),
        ({"max_neighbors": 9}, "no room for lists of 9 neighbors of 5 target images"),
        ({"max_neighbors": 1, "bins": 65535}, "no room for histograms of 65535 bins x 48 filters of 5 images"),
    ],
)
def test_sets_that_are_refused(monkeypatch, flags, said):
    room = 100 if "no room" in said else None
    monkeypatch.setattr(memory, "machine_memory", lambda: room)
    monkeypatch.setattr("sjft_tf.pipeline.checking.settings.machine_memory", lambda: room)
    with pytest.raises(InputError, match=said):
        check_sets(settings(**flags), Sets(some(5), source=some(9)))


def test_what_is_good_passes_and_leaves_no_trace_in_names(files, monkeypatch):
    monkeypatch.chdir(files)
    keras.backend.clear_session()
    config = settings(freeze="stage1", layer_rate=["2:0.1", "trunk:0.5"], k0="9")
    check_settings(config)
    check_settings(settings(weights="good.weights.h5", reset_from="final_bn"))
    check_settings(settings(bank="model:bank.keras", bank_layers=["conv"], selector="random"))
    check_sets(config, Sets(some(5), source=some(9)))
    check_sets(settings(selector="none", k0="1000"), Sets(some(5)))
    check_settings(settings(selector="none", bank="alexnet"))  # nothing is searched
    assert keras.layers.Conv2D(1, 1).name == "conv2d"
    assert build_run_trunk(config, "none").name == "preact_resnet"


@pytest.mark.parametrize("flags", [{"freeze": "conv9"}, {"max_per_class": 1}, {"k0": "99"}, {"depth": 9}])
def test_a_refusal_comes_before_retrieval(tmp_path, monkeypatch, flags):
    monkeypatch.setattr("sjft_tf.pipeline.programs.train.open_sets", lambda *_: Sets(some(5), source=some(9)))
    monkeypatch.setattr(learning, "train", lambda *_: pytest.fail("retrieval and training began"))
    with pytest.raises(InputError):
        train(settings(**flags, audit=False), Workdir(tmp_path))
    assert not list(tmp_path.rglob("*.npz"))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("learning_rate", float("inf"), "--learning_rate must be between"),
        ("source_share", float("nan"), "--source_share must be between"),
        ("dropout", "0.5", "--dropout must be a number. Received: '0.5'"),
        ("rounds", 2.0, "--rounds must be a whole number"),
        ("rounds", True, "--rounds must be a whole number"),
        ("rounds", None, "--rounds must be a whole number"),
        ("mirror", "no", "--mirror must be true or false"),
        ("trunk", 3, "--trunk must be a text"),
        ("trunk", "a\0b", "--trunk must be a text"),
        ("bank_layers", "conv1", "--bank_layers must be a list of texts"),
        ("bank_layers", [1], "--bank_layers must be a list of texts"),
        ("k0", "9" * 5000, "--k0 must be a number from 1, auto or share"),
    ],
)
def test_values_of_another_kind(name, value, said):
    with pytest.raises(InputError, match=said):
        settings(**{name: value})


def test_every_number_refuses_nan_and_infinity():
    for section in dataclasses.fields(RunConfig):
        for item in dataclasses.fields(section.default_factory()):
            if isinstance(item.default, float):
                for value in (float("nan"), float("inf"), -float("inf")):
                    with pytest.raises(InputError, match=f"--{item.name} must be"):
                        settings(**{item.name: value})


def test_a_trunk_is_looked_at_once_in_a_process(tmp_path, monkeypatch):
    built = []
    monkeypatch.setattr(checking, "_build_and_look", lambda config, _: built.append(config.model.weights))
    path = tmp_path / "w.weights.h5"
    path.write_bytes(b"one")
    one = settings(weights=str(path))
    for _ in range(2):
        check_settings(one)
        check_settings(dataclasses.replace(one, training=dataclasses.replace(one.training, seed=5, learning_rate=0.2)))
    assert len(built) == 1
    path.write_bytes(b"another")
    check_settings(one)
    check_settings(settings(weights=str(path), width=2))
    assert len(built) == 3
    with pytest.raises(InputError, match="There is no"):
        check_settings(settings(weights=str(tmp_path / "none.weights.h5")))
