"""The loop of fits: one schedule over all rounds, the loss written out in NumPy, K0, unfinished runs taken up."""

import logging
from dataclasses import replace

import keras
import numpy as np
import pytest

from sjft_tf.artifacts import ArtifactMismatch
from sjft_tf.errors import InputError
from sjft_tf.images import BatchPlan, ColorJitter, Cutout, RandAugment, RandomAffine, SourceStream, joint_dataset
from sjft_tf.models import make_schedule
from sjft_tf.training import (
    CheckpointPolicy,
    RoundHooks,
    RoundSettings,
    TrainingSets,
    finished_rounds,
    preparing,
    read_round,
    rounds,
)

MADE_FROM = {"test": "rounds"}


def changed(config, section, **values):
    return config.replace(section, **values)


def train(config, model, scorer, sets, folder, made_from=MADE_FROM, **hooks):
    """All rounds, in `folder`."""
    policy = CheckpointPolicy(folder, made_from)
    return rounds.train_rounds(RoundSettings.of(config), model, scorer, sets, policy, RoundHooks(**hooks))


def selected(config, sets):
    return preparing.make_selector(config.selection, sets, config.training.seed)


def first_counts(config, sets):
    return preparing.first_counts(config.selection, config.training, selected(config, sets), len(sets.target))


def augmented(config):
    return preparing.augmentation(config.view, config.augmentation)


class Steps(keras.callbacks.Callback):
    """The optimizer's step count after each step."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(int(self.model.optimizer.iterations))


class PowerCut(BaseException):
    pass


def test_the_schedule_runs_over_all_rounds_also_of_a_resumed_run(config, sets, new_model, new_scorer, tmp_path):
    # The rate falls by 10 at every step: a second round that began the schedule anew would move as far as the first.
    config = changed(config, "training", learning_rate=0.1, schedule="step", decay_steps=1)
    config = changed(config, "training", momentum=0.0, weight_decay=0.0)
    start, ends, calls = new_model().get_weights(), [], []

    def note(state, model, mining):
        ends.append([v.numpy() for v in model.trainable_variables])
        calls.append((state.index, mining is not None))

    def cut(state, model, mining):
        raise PowerCut

    def go(after_round):
        steps, model = Steps(), new_model()
        model.set_weights(start)
        begun = [v.numpy() for v in model.trainable_variables]
        done = train(
            config,
            model,
            new_scorer(model),
            sets,
            tmp_path,
            callbacks=lambda _: [steps],
            after_round=after_round,
        )
        return done, steps.seen, begun

    with pytest.raises(PowerCut):
        go(cut)
    assert finished_rounds(tmp_path) == [0]
    done, steps, begun = go(note)
    assert done == [0, 1]
    assert steps == [4, 5, 6]
    # The finished round was not trained again, but whoever missed its end hears of it now.
    assert calls == [(0, False), (1, True)]
    first, second = (
        max(np.abs(y - x).max() for x, y in zip(*pair, strict=True)) for pair in ((begun, ends[0]), (ends[0], ends[1]))
    )
    assert 0 < second < 0.02 * first
    states = [read_round(tmp_path, i) for i in (0, 1)]
    assert [state.global_step for state in states] == [3, 6]
    assert [state.k0 for state in states] == [2, 2]
    assert states[0].metrics["borrowed"]["mean_k"] == 2
    assert states[1].metrics["borrowed"]["mean_k"] == states[0].counts.mean()
    assert (states[1].counts >= states[0].counts).all()
    # All is done: nothing is trained.
    assert go(note)[:2] == ([0, 1], [])
    with pytest.raises(ArtifactMismatch, match="test: 'rounds' there, 'other' asked for"):
        train(config, new_model(), None, sets, tmp_path, {"test": "other"})


def test_the_schedule_is_over_the_whole_run(config, new_model):
    config = changed(config, "training", schedule="cosine", warmup_steps=2, learning_rate=0.04)
    model = new_model()
    rounds.compile_joint(model, config.training, config.model)
    schedule, wanted = model.optimizer._learning_rate, make_schedule("cosine", 0.04, 6, warmup_steps=2)
    assert [float(schedule(step)) for step in range(7)] == [float(wanted(step)) for step in range(7)]
    # By default the rate falls after each quarter: with the paper's 16,000 steps, after 4,000.
    stepwise = changed(config, "training", schedule="step", warmup_steps=0, steps_per_round=4)
    rounds.compile_joint(model, stepwise.training, stepwise.model)
    rates = [float(model.optimizer._learning_rate(step)) for step in range(8)]
    np.testing.assert_allclose(rates, np.repeat([0.04, 0.004, 0.0004, 0.00004], 2), rtol=1e-5)


def cross_entropy(logits, labels):
    """Mean over the rows that have a label, in float64."""
    rows = labels >= 0
    z = np.asarray(logits, np.float64)[rows]
    log_sum = np.log(np.exp(z - z.max(1, keepdims=True)).sum(1)) + z.max(1)
    return (log_sum - z[np.arange(len(z)), labels[rows]]).mean()


@pytest.mark.parametrize("weights", [(0.5, 0.5), (1.0, 0.3)])
def test_the_loss_is_the_weighted_sum_of_the_heads_means(config, sets, new_model, new_scorer, tmp_path, weights):
    # A rate of nearly zero: the weights of all steps are those of the start, so the oracle needs no optimizer.
    config = changed(
        config, "training", rounds=1, learning_rate=1e-12, target_weight=weights[0], source_weight=weights[1]
    )
    model, twin = new_model(), new_model()
    twin.set_weights(model.get_weights())
    train(config, model, new_scorer(model), sets, tmp_path)
    selector = selected(config, sets)
    borrowing = selector.borrow(np.full(9, 2))
    batches = joint_dataset(
        sets.target,
        SourceStream(sets.source, borrowing.pools, borrowing.source_labels),
        augmented(config),
        BatchPlan(batch_size=4, first_step=0, steps=3),
        seed=0,
    )
    losses = {"target": [], "source": []}
    for images, labels in batches:
        logits = twin(images, training=True)
        for head, of_head in losses.items():
            of_head.append(cross_entropy(logits[head], labels[head].numpy()))
    metrics = read_round(tmp_path, 0).metrics
    for head, values in losses.items():
        assert metrics[f"{head}_loss"] == pytest.approx(np.mean(values), rel=1e-4)
    total = weights[0] * np.mean(losses["target"]) + weights[1] * np.mean(losses["source"])
    assert metrics["loss"] == pytest.approx(total, rel=1e-4)


def test_plain_fine_tuning_has_one_head_and_borrows_nothing(config, sets, new_model, new_scorer, tmp_path):
    config = changed(changed(config, "selection", selector="none"), "training", rounds=1, steps_per_execution=2)
    model = new_model(source=False)
    train(config, model, new_scorer(model), TrainingSets(sets.target), tmp_path)
    state = read_round(tmp_path, 0)
    assert "borrowed" not in state.metrics
    assert "source_loss" not in state.metrics
    assert state.metrics["loss"] > 0
    assert state.metrics["scoring"]["wrong"] >= 0
    np.testing.assert_array_equal(state.counts, np.zeros(9))
    assert int(model.optimizer.iterations) == 3


def test_rounds_with_a_gap_or_too_many_are_refused(config, sets, new_model, tmp_path):
    model = new_model()
    for name, listed in (("01", r"\[1\]"), ("00", r"\[0, 1\]")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "state.npz").write_bytes(b"")
        one_round = changed(config, "training", rounds=1)
        with pytest.raises(InputError, match=rf"holds rounds {listed}; expected the first of 1"):
            train(one_round, model, None, sets, tmp_path)


def test_k0_as_a_number(config, sets):
    k0, counts = first_counts(config, sets)
    assert (k0, counts.tolist(), counts.dtype) == (2, [2] * 9, np.int32)


def test_k0_beyond_the_lists_is_refused(config, sets):
    config = changed(config, "selection", k0="21")
    with pytest.raises(InputError, match="--k0=21 is more than the 20 neighbors in the table"):
        first_counts(config, sets)


@pytest.mark.parametrize("share", [0.3, 0.6, 1.0])
def test_k0_share_is_the_smallest_that_reaches_the_share(config, sets, share, caplog):
    config = changed(config, "selection", k0="share", source_share=share)
    with caplog.at_level(logging.INFO, "sjft_tf"):
        k0, counts = first_counts(config, sets)
    sizes = [len(np.unique(sets.neighbors[:, :k])) for k in range(1, 21)]
    assert k0 == 1 + next(i for i, size in enumerate(sizes) if size >= share * 20)
    assert (counts == k0).all()
    assert f"K0 = {k0} borrows {sizes[k0 - 1]} source images" in caplog.text
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("selection", "wanted", "remedy"),
    [
        ({"k0": "share", "source_share": 0.9}, 18, "or lower --source_share"),
        ({"k0": "auto", "passes": 0.1}, 20, "or --passes"),
    ],
)
def test_k0_warns_where_the_lists_are_too_short(config, sets, caplog, selection, wanted, remedy):
    config = changed(config, "selection", **selection)
    short = replace(sets, neighbors=np.tile(np.array([3, 1, 7], np.int32), (9, 1)))
    k0, _ = first_counts(config, short)
    assert k0 == 3
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    reached = f"whole lists of 3 neighbors reach only 3 source images (15.0%) of the {wanted} that are wanted; raise"
    assert f"{reached} --max_neighbors {remedy}" in record.getMessage()


@pytest.mark.parametrize("passes", [0.5, 2.0, 5.0, 1000.0])
def test_k0_auto_reaches_what_the_run_passes_over(config, sets, passes):
    config = changed(config, "selection", k0="auto", passes=passes)
    training = config.training
    draws = training.rounds * training.steps_per_round * training.batch_size * training.accumulate
    wanted = min(20, int(np.ceil(draws / passes)))
    k0, _ = first_counts(config, sets)
    sizes = [len(np.unique(sets.neighbors[:, :k])) for k in range(1, 21)]
    assert k0 == 1 + next(i for i, size in enumerate(sizes) if size >= wanted)


def test_the_other_selectors_first_counts(config, sets):
    everything = changed(config, "selection", selector="all", k0="auto")
    table_free = replace(sets, neighbors=None)
    k0, counts = first_counts(everything, table_free)
    assert (k0, counts.tolist()) == (20, [20] * 9)
    assert selected(changed(config, "selection", selector="none"), sets) is None
    assert selected(config, TrainingSets(sets.target)) is None
    k0, counts = preparing.first_counts(config.selection, config.training, None, 9)
    assert (k0, counts.tolist()) == (0, [0] * 9)


def test_augmentation_follows_the_view(config):
    config = changed(config, "view", resize=12, pad=2, mirror=True)
    made = augmented(config)
    assert (made.resize, made.crop, made.pad, made.mirror) == ((12, 12), 8, 2, True)
    assert augmented(changed(config, "view", resize_max=16)).resize == (12, 16)


def test_a_loss_without_a_source_counts_whole(config, sets, new_model, new_scorer, tmp_path):
    model, alone = new_model(source=False), TrainingSets(sets.target)
    config = changed(changed(config, "training", target_weight=0.25), "selection", selector="none")
    train(config, model, new_scorer(model), alone, tmp_path)
    metrics = read_round(tmp_path, 0).metrics
    assert metrics["loss"] == metrics["target_loss"]
    images = np.stack([np.asarray(sets.target.load(i), np.float32) for i in range(len(sets.target))])
    loss = model.evaluate(images, {"target": sets.target.labels}, batch_size=9, verbose=0, return_dict=True)["loss"]
    wanted = cross_entropy(model(images, training=False)["target"].numpy(), sets.target.labels)
    np.testing.assert_allclose(loss, wanted, rtol=1e-5)


def test_augmentation_has_what_is_on_and_nothing_else(config):
    assert augmented(config).changes == ()
    everything = changed(
        config,
        "augmentation",
        jitter_hue=0.1,
        rotation=10.0,
        translation=0.1,
        cutout=3,
        randaugment=2,
        randaugment_magnitude=5.0,
    )
    assert augmented(everything).changes == (
        RandomAffine(10.0, 0.0, 0.1),
        RandAugment(2, 5.0),
        ColorJitter(hue=0.1),
        Cutout(3),
    )


def test_hard_images_come_again_in_the_rounds_after_also_of_a_resumed_run(
    config, sets, new_model, new_scorer, tmp_path, monkeypatch
):
    made_up = []

    def note(*arguments, composition, **more):
        made_up.append(composition)
        return joint_dataset(*arguments, composition=composition, **more)

    monkeypatch.setattr(rounds, "joint_dataset", note)
    config = changed(changed(config, "selection", hard_repeats=2), "training", max_per_class=2)

    def go(after_round=lambda *_: None):
        model = new_model()
        train(config, model, new_scorer(model), sets, tmp_path, after_round=after_round)

    def cut(state, model, mining):
        raise PowerCut

    with pytest.raises(PowerCut):
        go(cut)
    go()
    first, second = made_up
    assert (first.first_step, first.hard, first.hard_repeats, first.max_per_class) == (0, None, 2, 2)
    assert second.first_step == 3
    state = read_round(tmp_path, 0)
    np.testing.assert_array_equal(second.hard, state.hard)
    assert state.hard.dtype == bool
    assert state.hard.sum() == state.metrics["scoring"]["wrong"] + state.metrics["scoring"]["uncertain"] > 0
