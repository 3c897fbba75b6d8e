"""Class weights and balanced sampling in the loop of rounds, against the loss written out in NumPy."""

from dataclasses import replace

import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.images import BatchComposition, BatchPlan, ImageSet, joint_dataset
from sjft_tf.training import (
    CheckpointPolicy,
    RoundHooks,
    RoundSettings,
    TrainingSets,
    augmentation,
    read_round,
    rounds,
)

LABELS = np.array([0, 0, 0, 0, 0, 0, 1, 1, 2])


@pytest.fixture
def alone(sets):
    pixels = np.stack([np.asarray(sets.target.load(row)) for row in range(9)])
    return TrainingSets(ImageSet.from_arrays("uneven", pixels, LABELS))


def settings(config, **training):
    # A rate of nearly zero: the weights of all steps are those of the start, so the oracle needs no optimizer.
    return config.replace("selection", selector="none").replace("training", rounds=1, learning_rate=1e-12, **training)


def test_the_loss_of_uneven_classes(config, alone, new_model, new_scorer, tmp_path):
    # The settings refuse both at once, but one run can show the arithmetic of each.
    config = settings(config, accumulate=2, class_weight="balanced", sampling="balanced", label_smoothing=0.1)
    model, twin = new_model(source=False), new_model(source=False)
    twin.set_weights(model.get_weights())
    policy = CheckpointPolicy(tmp_path, {})
    rounds.train_rounds(RoundSettings.of(config), model, new_scorer(model), alone, policy, RoundHooks())
    own = np.array([9 / (3 * 6), 9 / (3 * 2), 9 / (3 * 1)])
    batches = joint_dataset(
        alone.target,
        None,
        augmentation(config.view, config.augmentation),
        BatchPlan(batch_size=4, first_step=0, steps=3, accumulate=2),
        seed=0,
        composition=BatchComposition(0, balanced=True),
    )
    losses, seen = [], []
    for images, labels in batches:
        total = 0.0
        for part, y in zip(images, labels["target"].numpy(), strict=True):
            z = np.float64(twin(part, training=True)["target"])
            logs = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
            wanted = 0.9 * np.eye(3)[y] + 0.1 / 3
            total -= (own[y] * (wanted * logs).sum(axis=1)).sum()
            seen += y.tolist()
        losses.append(total / 8)
    assert read_round(tmp_path, 0).metrics["target_loss"] == pytest.approx(np.mean(losses), rel=1e-4)
    assert np.bincount(seen).tolist() == [8, 8, 8]


def test_both_at_once_are_refused(config):
    both = config.replace("training", class_weight="balanced", sampling="balanced")
    with pytest.raises(InputError, match="--class_weight=balanced and --sampling=balanced each"):
        both.validate()
    assert not config.training.balances_classes
    assert replace(config.training, sampling="balanced").balances_classes
