"""A finished run that is trained longer ends, bit for bit, as one that was begun so long, cut in between or not."""

import keras
import numpy as np
import pytest

from sjft_tf.config import RunConfig
from sjft_tf.models import optimizer_state
from sjft_tf.training import (
    CheckpointPolicy,
    Checkpoints,
    RoundHooks,
    RoundSettings,
    TrainingSets,
    as_long_as,
    read_round,
    rounds,
)
from sjft_tf.training.compiling import schedule_of


class PowerCut(BaseException):
    pass


class CutAt(keras.callbacks.Callback):
    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) == self.step:
            raise PowerCut


@pytest.fixture
def go(config, sets, new_model, new_scorer):
    """Trains so many rounds in a folder, as a new process would; `cut` ends it after that step. Returns the model."""
    config = config.replace("training", schedule="constant", sampling="balanced").replace("selection", selector="none")

    def start(folder, count, cut=None):
        keras.utils.set_random_seed(1)
        model, made_from = new_model(source=False), {"rounds": count, "early_stopping": 5, "seed": 1}
        settings = RoundSettings.of(config.replace("training", rounds=count))
        policy = CheckpointPolicy(folder / "rounds", made_from, Checkpoints(folder / "checkpoints", 2, made_from), 1)
        hooks = RoundHooks(callbacks=lambda _: [CutAt(cut)] if cut else [])
        rounds.train_rounds(settings, model, new_scorer(model), TrainingSets(sets.target), policy, hooks)
        return model

    return start


def test_it_ends_as_one_that_was_begun_so_long(go, tmp_path):
    begun, longer = tmp_path / "begun", tmp_path / "longer"
    wanted = go(begun, 2)
    go(longer, 1)
    with pytest.raises(PowerCut):
        go(longer, 2, cut=5)
    assert Checkpoints(longer / "checkpoints", 2, {}).steps() == [4]
    model = go(longer, 2)
    for one, other in zip(model.get_weights(), wanted.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    states = [optimizer_state(each.optimizer) for each in (model, wanted)]
    assert all(np.array_equal(value, states[1][name]) for name, value in states[0].items())
    ends = [read_round(folder / "rounds", 1) for folder in (begun, longer)]
    np.testing.assert_array_equal(*(end.hard for end in ends))
    assert ends[0].metrics["loss"] == ends[1].metrics["loss"]


def test_rounds_of_a_longer_run_are_not_of_a_shorter_one():
    assert as_long_as({"rounds": 2, "seed": 1}, {"rounds": 1, "seed": 1}) == {"rounds": 2, "seed": 1}
    assert as_long_as({"seed": 1}, {"rounds": 1}) == {"seed": 1}
    patience = as_long_as({"early_stopping": 2}, {"early_stopping": 4}), as_long_as({"early_stopping": 0}, {})
    assert patience == ({"early_stopping": 4}, {"early_stopping": 0})
    assert as_long_as({"early_stopping": 0}, {"early_stopping": 4}) == {"early_stopping": 0}
    assert as_long_as({"early_stopping": 2}, {"early_stopping": 0}) == {"early_stopping": 0}


@pytest.mark.parametrize(
    ("schedule", "same"), [("constant", True), ("step", True), ("cosine", False)], ids=lambda value: str(value)
)
def test_which_schedules_of_the_first_rounds_stay(schedule, same):
    plain = {"steps_per_round": 4, "schedule": schedule, "warmup_steps": 2, "decay_steps": 3 * (schedule == "step")}
    rates = [
        [float(schedule_of(RunConfig().replace("training", rounds=count, **plain).training)(i)) for i in range(4)]
        for count in (1, 2)
    ]
    assert (rates[0] == rates[1]) == same
