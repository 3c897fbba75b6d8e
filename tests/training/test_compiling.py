"""From settings to the compiled model: the length of an execution, frozen places, and what is refused."""

import pytest
import tensorflow as tf

from sjft_tf.compat import KERAS_3
from sjft_tf.errors import InputError
from sjft_tf.training import compiling
from sjft_tf.training.compiling import compile_joint, largest_divisor


def changed(config, section, **values):
    return config.replace(section, **values)


def compiled(model, config):
    compile_joint(model, config.training, config.model)


def test_the_largest_divisor():
    for steps in range(1, 40):
        for wanted in range(1, 45):
            divisor = largest_divisor(steps, wanted)
            assert steps % divisor == 0
            assert 1 <= divisor <= min(steps, wanted)
            assert not any(steps % d == 0 for d in range(divisor + 1, min(steps, wanted) + 1))


def test_freezing_takes_place_before_the_optimizer_is_made(config, new_model):
    model = new_model()
    compiled(model, changed(config, "model", freeze="trunk"))
    assert len(model.trainable_variables) == 4


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        ("model", {"freeze": "conv9"}, "no layer whose name is, or begins with, 'conv9'"),
        ("training", {"layer_rate": ["trunk=0.1"]}, "PLACE:FACTOR"),
        ("training", {"layer_rate": ["conv9:0.1"]}, "'conv9'"),
        ("training", {"optimizer": "lion?"}, "sgd, adam, adamw"),
    ],
)
def test_what_is_refused(config, new_model, section, values, message):
    with pytest.raises(InputError, match=message):
        compiled(new_model(), changed(config, section, **values))


@pytest.mark.skipif(KERAS_3, reason="Keras 3 scales the rates of single variables itself")
def test_the_addons_optimizer_of_several_rates_is_refused_on_several_devices(config, new_model):
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope(), pytest.raises(InputError, match="--layer_rate works on one device"):
        compiled(new_model(), changed(config, "training", layer_rate=["trunk:0.1"]))


@pytest.mark.parametrize(
    ("rate", "warmup", "mixed", "told"),
    [(0.02, 0, 3, True), (0.01, 0, 3, False), (0.02, 4, 3, False), (0.02, 0, 0, False)],
)
def test_a_high_rate_by_mixed_statistics_is_told(config, new_model, monkeypatch, caplog, rate, warmup, mixed, told):
    monkeypatch.setattr(compiling, "mix_start_statistics", lambda *_: mixed)
    compiled(new_model(), changed(config, "training", learning_rate=rate, warmup_steps=warmup))
    assert ("--warmup_steps=" in caplog.text) is told
