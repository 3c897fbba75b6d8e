"""The names that are known on the ground are those that the installed Keras and TensorFlow Addons have."""

import inspect
import subprocess
import sys
import warnings

import keras
import pytest

from sjft_tf import catalog
from sjft_tf.compat import KERAS_3
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.models.families import find_family


def test_the_stack_is_the_installed_one():
    assert (int(keras.__version__.split(".")[0]) >= 3) == KERAS_3


def test_trunks_are_those_of_the_installed_keras():
    applications = {name for name in dir(keras.applications) if name[0].isupper()}
    assert applications | set(catalog.SMALL) == set(catalog.trunk_names())
    for name in applications:
        has_alpha = "alpha" in inspect.signature(getattr(keras.applications, name)).parameters
        assert catalog.has_alpha(name) == has_alpha, name
        assert find_family(name).build is getattr(keras.applications, name)


def test_bank_applications_are_those_whose_module_knows_its_pixels():
    modules = [m for m in vars(keras.applications).values() if hasattr(m, "preprocess_input")]
    classes = {name for module in modules for name, value in vars(module).items() if name[0].isupper()}
    assert classes == set(catalog.bank_applications())


@pytest.mark.skipif(KERAS_3, reason="TensorFlow Addons needs Keras 2.15")
def test_addons_optimizers_are_those_that_take_a_rate():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow_addons

    classes = {name: c for name, c in vars(tensorflow_addons.optimizers).items() if inspect.isclass(c)}
    takes_a_rate = [n for n, c in classes.items() if "learning_rate" in inspect.signature(c.__init__).parameters]
    assert sorted(takes_a_rate) == list(catalog.ADDONS_OPTIMIZERS)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("trunk", "resnet51", "There is no trunk 'resnet51'. Did you mean ResNet50"),
        ("trunk", "my.keras", "no trunk 'my.keras'. For a model of your own say model:PATH.keras"),
        ("trunk_layer", "conv", "--trunk_layer is for trunks of model: and keras_hub:; ResNet152V2 knows its own"),
        ("preprocessing", "unit", "--preprocessing is for trunks of model:"),
        ("optimizer", "sgdd", "There is no optimizer 'sgdd'; choose one of sgd, adam, adamw, or tfa:NAME"),
        (
            "optimizer",
            "tfa:Nonsense",
            "Addons" if KERAS_3 else "no optimizer 'tfa:Nonsense'. There are: .*LAMB",
        ),
        ("bank", "garbor", "Unknown filter bank 'garbor'. Choices: gabor, alexnet"),
        ("bank", "keras:ResNot", "keras.applications has no model 'ResNot'. Choices: .*ResNet50"),
        ("layer_rate", ["trunk"], "--layer_rate is PLACE:FACTOR.* Received: 'trunk'"),
    ],
)
def test_settings_refuse_what_does_not_exist(setting, value, message):
    config = RunConfig().with_settings(target="digits", source=["glyphs"])
    config.validate()
    with pytest.raises(InputError, match=message):
        config.with_settings(**{setting: value}).validate()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"trunk": "xception", "image_size": 64}, "Xception needs images of at least 71 px"),
        ({"trunk": "preact_resnet", "weights": "none", "depth": 9}, r"must be 6n \+ 2"),
        ({"trunk": "model:nowhere.keras"}, "There is no model file 'nowhere.keras'"),
        (
            {"trunk": "model:."},
            "'.' is a folder; a model file was expected.*of a SavedModel's folder the layers cannot",
        ),
        ({"trunk": "model:setup.py"}, "must be a .keras file.*load it with keras.models.load_model and save it"),
        ({"trunk": "model:x.keras", "alpha": 0.5}, "has the width it was saved with"),
        ({"trunk": "keras_hub:"}, "keras_hub: wants a preset's name or folder"),
        ({"weights": "nowhere.weights.h5"}, "There is no weight file 'nowhere.weights.h5'"),
        ({"bank": "alexnet"}, "Bank alexnet needs weights"),
        ({"bank": "model:nowhere.keras"}, "There is no weight file 'nowhere.keras'"),
        ({"bank_layers": ["conv1"]}, "Bank gabor has neither layers nor weights"),
    ],
)
def test_what_a_training_refuses_without_building_anything(settings, message):
    config = RunConfig().with_settings(target="digits", source=["glyphs"], **settings).validate()
    with pytest.raises(InputError, match=message):
        config.check_network()
        config.check_bank()


def test_nothing_is_asked_of_a_bank_that_is_not_used():
    RunConfig().with_settings(bank="alexnet", selector="all").check_bank()
    RunConfig().with_settings(bank="features").check_bank()


@pytest.mark.parametrize(
    ("flag", "message"),
    [("--trunk=resnet51", "There is no trunk 'resnet51'"), ("--bank=alexnet", "Bank alexnet needs")],
)
def test_a_program_refuses_before_tensorflow_is_imported(tmp_path, flag, message):
    absent = "import sys; sys.modules |= dict.fromkeys(('tensorflow', 'keras'))"
    code = f"{absent}; from sjft_tf.scripts import train; train.run()"
    command = [sys.executable, "-c", code, "--target=digits", "--source=glyphs", f"--workdir={tmp_path / 'run'}", flag]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {message}")
