"""Learning-rate schedules at chosen steps, and their round trip through a saved configuration."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.models import StepDecay, make_schedule


@pytest.mark.parametrize(
    ("step", "rate"), [(0, 0.01), (2999, 0.01), (3000, 0.001), (5999, 0.001), (6000, 1e-4), (10**7, 0.0)]
)
def test_step_decay_is_a_staircase(step, rate):
    schedule = make_schedule("step", 0.01, total_steps=9000, decay_steps=3000)
    for count in (step, np.int64(step), tf.constant(step, tf.int64)):
        assert float(schedule(count)) == pytest.approx(rate, rel=1e-5)


def test_constant():
    schedule = make_schedule("constant", 0.2, total_steps=10)
    assert [float(schedule(s)) for s in (0, 5, 100)] == pytest.approx([0.2] * 3)


def test_cosine_goes_to_zero_and_stays():
    schedule = make_schedule("cosine", 0.4, total_steps=100)
    assert [float(schedule(s)) for s in (0, 50, 100, 150)] == pytest.approx([0.4, 0.2, 0.0, 0.0], abs=1e-7)


def test_warmup_is_linear_and_never_zero():
    schedule = make_schedule("cosine", 1.0, total_steps=104, warmup_steps=4)
    assert [float(schedule(s)) for s in (0, 1, 3, 4, 54)] == pytest.approx([0.25, 0.5, 1.0, 1.0, 0.5], abs=1e-6)
    schedule = make_schedule("step", 1.0, total_steps=100, decay_steps=10, decay_rate=0.5, warmup_steps=2)
    assert [float(schedule(s)) for s in (0, 1, 9, 10, 20)] == pytest.approx([0.5, 1.0, 1.0, 0.5, 0.25])


@pytest.mark.parametrize("name", ["step", "constant", "cosine"])
def test_configuration_round_trip(name):
    schedule = make_schedule(name, 0.1, total_steps=50, decay_steps=7, decay_rate=0.3, warmup_steps=3)
    twin = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))
    assert type(twin) is type(schedule)
    assert twin.get_config() == schedule.get_config()
    assert [float(twin(s)) for s in (0, 8, 30)] == [float(schedule(s)) for s in (0, 8, 30)]


def test_rate_is_float32_inside_a_graph():
    rate = tf.function(StepDecay(0.1, 5))(tf.constant(5, tf.int64))
    assert rate.dtype == tf.float32
    assert float(rate) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "poly"}, "step, cosine, constant"),
        ({"learning_rate": 0.0}, "learning_rate=0.0"),
        ({"total_steps": 0}, "total_steps=0"),
        ({"decay_steps": None}, "decay_steps=None"),
        ({"decay_steps": 0}, "decay_steps=0"),
        ({"decay_rate": 1.5}, "decay_rate=1.5"),
        ({"warmup_steps": 10}, "total_steps=10"),
        ({"warmup_steps": -1}, "-1"),
    ],
)
def test_bad_settings_are_refused(options, message):
    settings = {"name": "step", "learning_rate": 0.1, "total_steps": 10, "decay_steps": 5, **options}
    with pytest.raises(InputError, match=message):
        make_schedule(**settings)
