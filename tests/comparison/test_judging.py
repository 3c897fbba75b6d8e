"""Standard errors of accuracies, losses and their differences, against NumPy oracles; which settings win."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.comparison.choice import Point
from sjft_tf.comparison.elimination import best_point, clearly_worse, eliminate, is_clear
from sjft_tf.comparison.judging import difference, standing
from sjft_tf.errors import InputError
from sjft_tf.evaluation import Outcomes

CLASSES = 4


def drawn(seed, number=40, skill=0.0, labels=None, first=0):
    """Random outcomes; the images are as hard for all of the same `number`."""
    hard = np.random.default_rng(number).normal(size=number)
    margin = skill - hard + 0.5 * np.random.default_rng(seed).normal(size=number)
    labels = np.arange(number, dtype=np.int32) % CLASSES if labels is None else labels
    return Outcomes(first + np.arange(number), labels, margin > 0, np.logaddexp(0, -margin))


def test_one_training_with_classes_alike_has_the_textbooks_errors():
    a, b = drawn(1), drawn(2, skill=0.4)
    for got, right, loss in [
        (standing([a]), a.right * 1.0, a.loss),
        (difference([a], [b]), a.right * 1.0 - b.right, a.loss - b.loss),
    ]:
        for estimate, values in [(got.accuracy, right), (got.loss, loss)]:
            np.testing.assert_allclose(estimate, (values.mean(), values.std(ddof=1) / np.sqrt(len(values))), rtol=1e-12)
    assert difference([a], [b]).loss.error < np.hypot(standing([a]).loss.error, standing([b]).loss.error)


def test_mean_class_accuracy_counts_classes_alike():
    labels = np.array([0] * 30 + [1] * 6 + [3] * 4, np.int32)
    one = drawn(3, labels=labels)
    per_class = [one.right[labels == label].mean() for label in (0, 1, 3)]
    got = standing([one]).accuracy
    assert got.value == pytest.approx(np.mean(per_class))
    weights = np.array([1 / (3 * (labels == label).sum()) for label in labels])
    parts = weights * (one.right - np.mean(per_class))
    assert got.error == pytest.approx(np.sqrt(40 / 39 * np.square(parts).sum()))


def test_two_trainings_on_the_same_images_count_both_ways():
    ours, theirs = [drawn(seed) for seed in (1, 2, 3)], [drawn(seed, skill=0.3 * seed) for seed in (4, 5, 6)]
    table = np.stack([a.loss - b.loss for a, b in zip(ours, theirs, strict=True)])  # trainings x images
    images = table.mean(axis=0).var(ddof=1) / table.shape[1]
    trainings = table.mean(axis=1).var(ddof=1) / table.shape[0]
    single = table.var(ddof=1) / table.size
    got = difference(ours, theirs).loss
    np.testing.assert_allclose(got, (table.mean(), np.sqrt(max(images, trainings, images + trainings - single))))
    assert got.error > np.sqrt(images)


def test_folds_judge_other_images_each_and_the_larger_variance_counts():
    folds = [drawn(seed, 20 + seed, first=100 * seed) for seed in range(3)]
    loss = np.concatenate([fold.loss for fold in folds])
    of_images = loss.var(ddof=1) / len(loss)
    parts = np.array([(fold.loss - loss.mean()).sum() / len(loss) for fold in folds])
    of_trainings = 3 / 2 * np.square(parts).sum()
    assert standing(folds).loss.error == pytest.approx(np.sqrt(max(of_images, of_trainings)))


@pytest.mark.filterwarnings("error")
def test_of_a_single_image_no_error_is_known():
    one = drawn(0, 1)
    assert standing([one]).loss.error == standing([one, one]).accuracy.error == np.inf
    assert not clearly_worse([one], [drawn(1, 1)])


def test_coverage_of_paired_errors():
    """Two standard errors hold the true difference in about 95 of 100 draws of images."""
    rng, inside = np.random.default_rng(0), 0
    for _ in range(300):
        hard = rng.normal(size=200)
        labels = np.arange(200, dtype=np.int32) % CLASSES
        a, b = ((hard + noise) for noise in rng.normal(scale=0.5, size=(2, 200)))
        ahead = difference(
            [Outcomes(np.arange(200), labels, a > 0, a**2)], [Outcomes(np.arange(200), labels, b > 0, b**2)]
        )
        inside += abs(ahead.accuracy.value) <= 2 * ahead.accuracy.error
    assert 270 <= inside <= 297


def test_trials_of_other_images_are_refused():
    with pytest.raises(InputError, match="judged by other images"):
        difference([drawn(0)], [drawn(1, first=1)])


OUTCOMES = st.integers(0, 10_000).map(lambda seed: drawn(seed, 60, skill=(seed % 7) / 7))
GOOD = st.dictionaries(st.integers(1, 9).map(lambda rate: Point(rate / 100)), OUTCOMES, min_size=1, max_size=6)


@given(GOOD, st.randoms(use_true_random=False))
def test_the_order_of_trials_does_not_matter(good, chance):
    trials = {point: [one] for point, one in good.items()}
    order = list(trials)
    chance.shuffle(order)
    shuffled = {point: trials[point] for point in order}
    assert best_point(trials) == best_point(shuffled)
    trials |= {point: own * 2 for point, own in trials.items()}
    ours, theirs = eliminate(list(trials), trials, 2), eliminate(order, {point: trials[point] for point in order}, 2)
    assert (ours.best, ours.dropped, set(ours.left)) == (theirs.best, theirs.dropped, set(theirs.left))


@given(GOOD)
def test_one_that_is_worse_on_every_image_never_changes_the_choice(good):
    trials = {point: [one, one] for point, one in good.items()}
    best = eliminate(list(trials), trials, 2).best
    worst = trials[best][0]
    bad = Outcomes(worst.images, worst.labels, np.zeros(60, bool), worst.loss + 3)
    more = trials | {Point(1.0): [bad, bad]}
    found = eliminate(list(more), more, 2)
    assert found.best == best
    assert found.dropped.get(Point(1.0)) == (1 if len(good) > 1 else None)  # the second best goes on, however bad


@given(GOOD)
def test_the_best_is_close_to_the_most_accurate_and_no_other_such_has_a_lower_loss(good):
    trials = {point: [one] for point, one in good.items()}
    best, top = best_point(trials), max(one.right.mean() for one in good.values())
    first = max(good.values(), key=lambda one: (one.right.mean(), -one.loss.mean()))
    gaps = {point: first.right * 1.0 - one.right for point, one in good.items()}
    close = {
        point: one for point, one in good.items() if gaps[point].mean() <= gaps[point].std(ddof=1) / 60**0.5 + 1e-12
    }
    assert best in close
    assert good[best].loss.mean() <= min(one.loss.mean() for one in close.values()) + 1e-9
    assert good[best].right.mean() <= top
    found = eliminate(list(trials), trials, 1)
    assert found.best == best
    assert best in found.left
    assert not set(found.left) & set(found.dropped)


def test_the_loss_decides_among_accuracies_within_an_error():
    """The case of the evidence: 56.1 % at a loss of 2.26 against 55.2 % at 1.99, on 1,020 images."""
    rng, labels = np.random.default_rng(0), np.arange(1020, dtype=np.int32) % 102
    right = np.arange(1020) < 572
    other = np.roll(np.arange(1020) < 563, 100)  # each right on a hundred that the other has wrong
    high = Outcomes(np.arange(1020), labels, right, rng.exponential(2.26, 1020))
    low = Outcomes(np.arange(1020), labels, other, rng.exponential(1.99, 1020))
    assert best_point({Point(0.01): [high], Point(0.003): [low]}) == Point(0.003)
    # Where it is clearly more accurate, it wins in spite of its loss.
    sure = Outcomes(np.arange(1020), labels, np.arange(1020) < 672, high.loss)
    assert best_point({Point(0.01): [sure], Point(0.003): [low]}) == Point(0.01)
    assert is_clear([sure], [low])
    assert not is_clear([low], [low])


def test_few_images_drop_nothing():
    a, b = drawn(0, 19, skill=9.0), drawn(0, 19, skill=-9.0)
    assert not clearly_worse([b], [a])
    assert clearly_worse([drawn(0, 20, skill=-9.0)], [drawn(0, 20, skill=9.0)])
