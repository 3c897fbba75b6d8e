"""Between the last step and the scoring: the average is in place while a round is scored and kept, not in training."""

import numpy as np
import pytest

from sjft_tf.training import CheckpointPolicy, RoundSettings, load_round_weights, train_rounds


def changed(config, **values):
    return config.replace("training", **values)


def train(config, model, scorer, sets, folder):
    train_rounds(RoundSettings.of(config), model, scorer, sets, CheckpointPolicy(folder, {}))


@pytest.mark.parametrize("accumulate", [1, 2])
def test_rounds_keep_the_average_and_train_on_with_the_weights(
    config, sets, new_model, new_scorer, tmp_path, accumulate
):
    start = new_model().get_weights()
    ends = {}
    for name, momentum in (("plain", 0.0), ("averaged", 0.9)):
        model = new_model()
        model.set_weights(start)
        settings = changed(config, average_weights=momentum, accumulate=accumulate)
        train(settings, model, new_scorer(model), sets, tmp_path / name)
        if momentum:
            assert model.rules.average.in_use
            loaded = new_model()
            load_round_weights(tmp_path / name, 1, loaded)
            for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)
            model.rules.average.use(False)
        ends[name] = [np.array(v) for v in model.trainable_variables]
    # K differs from the second round on, as other weights are scored; the first round's steps are the same.
    assert all(np.isfinite(v).all() for end in ends.values() for v in end)
    assert any((a != b).any() for a, b in zip(start, loaded.get_weights(), strict=True))


def test_statistics_are_made_anew_before_scoring(config, sets, new_model, new_scorer, tmp_path):
    start = new_model().get_weights()
    models = {}
    for count in (0, 2, 100):
        model = new_model()
        model.set_weights(start)
        settings = changed(config, recompute_batch_norm=count, rounds=1)
        train(settings, model, new_scorer(model), sets, tmp_path / str(count))
        models[count] = model
    for name in ("trainable_variables", "non_trainable_variables"):
        plain, again = ([np.array(v) for v in getattr(models[count], name)] for count in (0, 2))
        same = all(np.array_equal(a, b) for a, b in zip(plain, again, strict=True))
        assert same == (name == "trainable_variables")
