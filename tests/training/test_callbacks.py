"""Hard-sample mining against the rule in NumPy, the count of the progress bar, the end of a diverging run."""

import keras
import numpy as np
import pytest

from sjft_tf import progress
from sjft_tf.config import SelectionConfig
from sjft_tf.errors import InputError
from sjft_tf.selection import Selector, SourceClasses
from sjft_tf.training.callbacks import HardSampleMining, MiningState, StepProgress, StopOnNonFiniteLoss


class FakeScorer:
    """Answers with the given probabilities, one array a call."""

    def __init__(self, *answers):
        self.answers, self.scored = list(answers), []

    def __call__(self, image_set, rows=None, description=""):
        assert rows is None
        self.scored.append(image_set.name)
        return self.answers.pop(0)


def expanded(counts, probabilities, labels, k0, k_max, growths):
    """METHOD section 1, "Hard samples", one image at a time in float64."""
    after, (wrong_growth, uncertain_growth) = [], growths
    for k, p, label in zip(counts.tolist(), np.asarray(probabilities, np.float64), labels.tolist(), strict=True):
        entropy = -sum(x * np.log(x) for x in p if x > 0)
        growth = wrong_growth if p.argmax() != label else uncertain_growth if entropy >= 0.1 else 0
        after.append(min(k + growth * k0, k_max))
    return np.array(after)


def answers(rng, labels, sure):
    """Probabilities that are right and sure for `sure` images, right and unsure or wrong for the rest."""
    logits = rng.normal(0, 1, (len(labels), 3))
    logits[:sure, :] = 0
    logits[np.arange(sure), labels[:sure]] = 12
    return (np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).astype(np.float32)


@pytest.fixture
def selector(sets):
    def make(name="nearest", least=0):
        return Selector(name, sets.neighbors, len(sets.target), SourceClasses(sets.source.labels, 4, least))

    return make


@pytest.mark.parametrize("growth", [(4, 2), (1, 3), (0, 0)])
def test_counts_grow_by_the_rule_and_the_borrowing_follows(sets, selector, rng, growth):
    labels, k0 = sets.target.labels, 2
    rounds = [answers(rng, labels, sure) for sure in (2, 4, 9, 0)]
    mining = HardSampleMining(
        sets.target,
        selector(),
        FakeScorer(*rounds),
        MiningState(k0, np.full(9, k0)),
        SelectionConfig(wrong_growth=growth[0], uncertain_growth=growth[1]),
    )
    counts = np.full(9, k0)
    for probabilities in rounds:
        before = mining.borrowing
        mining.on_train_end()
        counts = expanded(counts, probabilities, labels, k0, 20, growth)
        np.testing.assert_array_equal(mining.counts, counts)
        assert mining.counts.dtype == np.int32
        union = {row for line, k in zip(sets.neighbors, counts, strict=True) for row in line[:k]}
        assert mining.borrowing is not before
        np.testing.assert_array_equal(mining.borrowing.union, sorted(union))
        np.testing.assert_array_equal(mining.borrowing.pools.lengths, counts)
    assert (counts <= 20).all()
    assert growth != (4, 2) or counts.max() == 20  # some list has reached its end


def test_only_sure_and_right_images_stay(sets, selector):
    probabilities = np.eye(3, dtype=np.float32)[sets.target.labels]
    mining = HardSampleMining(sets.target, selector(), FakeScorer(probabilities), MiningState(3, np.full(9, 3)))
    mining.on_train_end()
    np.testing.assert_array_equal(mining.counts, np.full(9, 3))
    assert mining.scores.summary() == {"train_top1": 1.0, "wrong": 0, "uncertain": 0, "mean_entropy": 0.0}


def test_delta_decides_who_is_uncertain(sets, selector):
    # p = 0.97: entropy 0.17 nats with the rest on one class.
    probabilities = np.full((9, 3), 0.0, np.float32)
    probabilities[np.arange(9), sets.target.labels] = 0.97
    probabilities[np.arange(9), (sets.target.labels + 1) % 3] = 0.03
    for delta, wanted in ((0.1, 3 + 2 * 3), (0.2, 3)):
        start = MiningState(3, np.full(9, 3))
        mining = HardSampleMining(
            sets.target, selector(), FakeScorer(probabilities), start, SelectionConfig(delta=delta)
        )
        mining.on_train_end()
        np.testing.assert_array_equal(mining.counts, np.full(9, wanted))


def test_what_is_found_is_reported(sets, selector, rng):
    labels = sets.target.labels
    probabilities = answers(rng, labels, 3)
    scorer = FakeScorer(probabilities)
    mining = HardSampleMining(sets.target, selector(), scorer, MiningState(2, np.full(9, 2)))
    assert mining.scores is None
    with pytest.raises(RuntimeError, match="none has ended yet"):
        mining.last_scores()
    mining.on_train_end()
    p = probabilities.astype(np.float64)
    entropy, wrong = -(p * np.log(p)).sum(1), p.argmax(1) != labels
    np.testing.assert_allclose(mining.scores.entropy, entropy, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(mining.scores.wrong, wrong)
    np.testing.assert_array_equal(mining.scores.predicted, p.argmax(1))
    assert 0 < wrong.sum() < 9
    assert mining.scores.summary() == {
        "train_top1": pytest.approx(1 - wrong.mean()),
        "wrong": wrong.sum(),
        "uncertain": (~wrong & (entropy >= 0.1)).sum(),
        "mean_entropy": pytest.approx(entropy.mean(), rel=1e-4),
    }
    assert scorer.scored == ["target"]


@pytest.mark.parametrize("hard", [None, np.array([True, False])])
def test_what_a_round_begins_with_comes_through_arrays(hard):
    arrays = MiningState(3, np.array([3, 5], np.int32), hard).to_arrays()
    assert all(isinstance(value, np.ndarray) for value in arrays.values())
    again = MiningState.from_arrays(arrays)
    assert (again.k0, again.counts.tolist()) == (3, [3, 5])
    assert again.hard is hard


def test_without_a_selector_it_only_reports(sets, rng):
    mining = HardSampleMining(
        sets.target, None, FakeScorer(answers(rng, sets.target.labels, 1)), MiningState(0, np.zeros(9, np.int32))
    )
    mining.on_train_end()
    assert mining.borrowing is None
    np.testing.assert_array_equal(mining.counts, np.zeros(9))
    assert mining.scores.summary()["wrong"] > 0


def test_the_random_selector_grows_as_nearest_would(sets, selector, rng):
    probabilities = answers(rng, sets.target.labels, 6)
    minings = [
        HardSampleMining(sets.target, selector(name), FakeScorer(probabilities), MiningState(2, np.full(9, 2)))
        for name in ("nearest", "random")
    ]
    before = set(minings[1].borrowing.union)
    for mining in minings:
        mining.on_train_end()
    nearest, random = (mining.borrowing.union for mining in minings)
    assert len(nearest) == len(random) > len(before)
    assert before < set(random)


@pytest.fixture
def shown(monkeypatch):
    """What was asked of the progress bar."""

    class Bar:
        def __init__(self, total, description, unit=""):
            self.total, self.description, self.unit = total, description, unit
            self.updates, self.postfix, self.closed = [], [], False
            bars.append(self)

        def update(self, n):
            self.updates.append(n)

        def set_postfix(self, refresh=True, **values):
            self.postfix.append(values)

        def close(self):
            self.closed = True

    bars = []
    monkeypatch.setattr(progress, "bar", Bar)
    return bars


def small_model(steps_per_execution=1):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", steps_per_execution=steps_per_execution)
    return model


@pytest.mark.parametrize("steps_per_execution", [1, 3])
def test_progress_counts_every_step(shown, steps_per_execution):
    model = small_model(steps_per_execution)
    callback = StepProgress(6, "Round 1/2")
    for _ in range(2):
        model.fit(np.ones((12, 2)), np.ones((12, 1)), batch_size=2, epochs=1, verbose=0, callbacks=[callback])
    assert len(shown) == 2
    for bar in shown:
        assert (bar.total, bar.description, bar.unit) == (6, "Round 1/2", " steps")
        assert sum(bar.updates) == 6
        assert len(bar.updates) == 6 // steps_per_execution
        assert all("loss" in values for values in bar.postfix)
        assert bar.closed


@pytest.mark.parametrize("loss", [np.nan, np.inf, -np.inf, np.float32("nan")])
def test_a_loss_that_is_not_finite_ends_the_fit(loss):
    callback = StopOnNonFiniteLoss()
    callback.set_model(small_model())
    with pytest.raises(InputError, match=r"The loss became -?(nan|inf) at step 5\..*a lower --learning_rate"):
        callback.on_train_batch_end(4, {"loss": loss})


def test_other_losses_do_not(rng):
    callback = StopOnNonFiniteLoss()
    for logs in (None, {}, {"loss": 0.0}, {"loss": np.float32(1e30)}, {"target_loss": np.nan}):
        callback.on_train_batch_end(0, logs)


def test_a_diverging_fit_ends_at_once():
    seen = []
    after = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))
    inputs = np.ones((12, 2), np.float32)
    inputs[4] = np.inf
    with pytest.raises(InputError, match="at step 3"):
        small_model().fit(
            inputs, np.ones((12, 1)), batch_size=2, shuffle=False, verbose=0, callbacks=[StopOnNonFiniteLoss(), after]
        )
    assert seen == [0, 1]
