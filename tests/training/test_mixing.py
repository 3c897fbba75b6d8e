"""Mixed target images in the loop of rounds and in every term of the loss, against NumPy in float64."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import log_softmax

from sjft_tf.errors import InputError
from sjft_tf.images import BatchPlan, Mixing, SourceStream, joint_dataset
from sjft_tf.models import CoTuning, head_sums
from sjft_tf.models.losses import soft_loss_sum
from sjft_tf.training import (
    CheckpointPolicy,
    RoundHooks,
    RoundSettings,
    augmentation,
    make_selector,
    read_round,
    rounds,
)

TAUGHT = np.random.default_rng(4).dirichlet(np.ones(4), 3).astype(np.float32)


def test_of_both_labels_each_counts_with_its_share(rng):
    labels, partners = np.array([0, 2, -1, 1], np.int32), np.array([1, 2, -1, 0], np.int32)
    shares = np.array([0.25, 0.5, 1.0, 0.9], np.float32)
    logits, weights = rng.normal(0, 2, (4, 3)).astype(np.float32), rng.uniform(0, 5, 3).astype(np.float32)
    logs, found, soft, hits = log_softmax(np.float64(logits), axis=1), 0.0, 0.0, 0.0
    for i in (0, 1, 3):
        for label, share in ((labels[i], shares[i]), (partners[i], 1 - np.float64(shares[i]))):
            found -= share * weights[label] * ((0.9 * np.eye(3)[label] + 0.1 / 3) * logs[i]).sum()
            soft -= share * weights[label] * (TAUGHT[label, :3] * logs[i]).sum()
            hits += share * (logits[i].argmax() == label)
    parts = ((labels, shares), (partners, 1 - shares))
    sums = [head_sums(own, logits, 0.1, weights, share) for own, share in parts]
    assert float(sums[0].loss + sums[1].loss) == pytest.approx(found, rel=1e-5)
    assert float(sums[0].hits + sums[1].hits) == pytest.approx(hits)
    softs = [soft_loss_sum(own, logits, TAUGHT[:, :3], weights, share) for own, share in parts]
    assert float(softs[0] + softs[1]) == pytest.approx(soft, rel=1e-5)


def test_the_terms_of_a_mixed_run(config, sets, new_model, new_scorer, tmp_path):
    # A rate of nearly zero: the weights of all steps are those of the start, so the oracle needs no optimizer.
    config = config.replace("training", rounds=1, learning_rate=1e-12, accumulate=2, class_weight="balanced")
    config = config.replace("training", label_smoothing=0.1).replace("augmentation", mixup=0.5, cutmix=0.5)
    model, twin = new_model(), new_model()
    twin.set_weights(model.get_weights())
    taught = replace(sets, co_tuning=CoTuning(0.7, TAUGHT))
    policy, scorer = CheckpointPolicy(tmp_path, {}), new_scorer(model)
    rounds.train_rounds(RoundSettings.of(config), model, scorer, taught, policy, RoundHooks())
    borrowing = make_selector(config.selection, sets, 0).borrow(np.full(9, 2))
    batches = joint_dataset(
        sets.target,
        SourceStream(sets.source, borrowing.pools, borrowing.source_labels),
        augmentation(config.view, config.augmentation),
        BatchPlan(batch_size=4, first_step=0, steps=3, accumulate=2),
        seed=0,
        mixing=Mixing(0.5, 0.5),
    )
    found = {"target_loss": [], "target_accuracy": [], "co_tuning_loss": [], "source_loss": []}
    for images, labels in batches:
        of_step = dict.fromkeys(found, 0.0)
        for micro in range(2):
            logits = {k: np.float64(v) for k, v in twin(images[micro], training=True).items()}
            logs = {name: log_softmax(values, axis=1) for name, values in logits.items()}
            own, other, share, source = (labels[k][micro].numpy() for k in ("target", "partner", "share", "source"))
            for row in range(4):
                for label, part in ((own[row], share[row]), (other[row], 1 - np.float64(share[row]))):
                    wanted = 0.9 * np.eye(3)[label] + 0.1 / 3
                    of_step["target_loss"] -= part * (wanted * logs["target"][row]).sum()
                    of_step["target_accuracy"] += part * (logits["target"][row].argmax() == label)
                    of_step["co_tuning_loss"] -= part * (TAUGHT[label] * logs["source"][row]).sum()
            for row in range(4, 8):
                wanted = 0.9 * np.eye(4)[source[row]] + 0.1 / 4
                of_step["source_loss"] -= (wanted * logs["source"][row]).sum()
        for name, total in of_step.items():
            found[name].append(total / 8)
    metrics = read_round(tmp_path, 0).metrics
    for name, values in found.items():
        assert metrics[name] == pytest.approx(np.mean(values), rel=1e-4), name


def test_a_batch_of_one_is_refused(config):
    with pytest.raises(InputError, match="--batch_size=1 has no two"):
        config.replace("augmentation", mixup=0.2).replace("training", batch_size=1).validate()
