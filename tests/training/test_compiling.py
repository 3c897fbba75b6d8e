"""From settings to the compiled model: the length of an execution, frozen places, and what is refused."""

from dataclasses import replace

import pytest

from sjft_tf.errors import InputError
from sjft_tf.training.compiling import compile_joint, steps_per_execution


def changed(config, section, **values):
    return replace(config, **{section: replace(getattr(config, section), **values)})


def test_steps_per_execution_divides_the_round(config):
    for steps in range(1, 30):
        for wanted in range(1, 35):
            found = steps_per_execution(changed(config, "training", steps_per_round=steps, steps_per_execution=wanted))
            assert steps % found == 0
            assert 1 <= found <= min(steps, wanted)
            assert not any(steps % d == 0 for d in range(found + 1, min(steps, wanted) + 1))


def test_freezing_takes_place_before_the_optimizer_is_made(config, new_model):
    model = new_model()
    compile_joint(model, changed(config, "model", freeze="trunk"))
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
        compile_joint(new_model(), changed(config, section, **values))
