"""Which settings are tried, in which order, and which one wins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.comparison.choice import Choice, Point, Score, best_point, next_points
from sjft_tf.errors import InputError


def search(choice, judge):
    """`(all that was tried, in order, the choice)`, with `judge` saying what a point scores."""
    scores = {}
    while points := next_points(choice, scores):
        assert not set(points) & set(scores)
        scores |= {point: judge(point) for point in points}
    return list(scores), best_point(scores)


def test_coordinate_tries_rates_first_and_then_weights_at_the_best():
    accuracy = {0.01: 0.5, 0.03: 0.7, 0.1: 0.6}

    def judge(point):
        return [Score(accuracy[point.learning_rate] + (0.1 if point.source_weight == 0.3 else 0), 1.0)]

    tried, best = search(Choice((0.01, 0.03, 0.1), (1.0, 0.3, 0.1)), judge)
    assert tried == [Point(0.01, 1.0), Point(0.03, 1.0), Point(0.1, 1.0), Point(0.03, 0.3), Point(0.03, 0.1)]
    assert best == Point(0.03, 0.3)


@given(
    st.lists(st.floats(1e-3, 1), min_size=1, max_size=4, unique=True),
    st.lists(st.floats(1e-3, 1), max_size=3, unique=True),
    st.sampled_from(["grid", "coordinate"]),
    st.data(),
)
def test_the_search_ends_and_the_best_of_what_was_tried_wins(rates, weights, kind, data):
    choice, scores = Choice(tuple(rates), tuple(weights), kind), {}

    def judge(point):
        accuracy = data.draw(st.sampled_from([None, 0.1, 0.2, 0.3]))
        scores[point] = None if accuracy is None else [Score(accuracy, data.draw(st.floats(0, 2)))]
        return scores[point]

    tried, best = search(choice, judge)
    assert set(tried) <= set(choice.points())
    if kind == "grid":
        assert tried == choice.points()
    good = {point: reached[0] for point, reached in scores.items() if reached}
    if not good:
        assert best is None
    else:
        assert (good[best].accuracy, -good[best].loss) == max((s.accuracy, -s.loss) for s in good.values())


def test_seeds_and_folds_are_averaged_and_ties_go_to_the_lower_loss():
    a, b, c = Point(0.1), Point(0.2), Point(0.3)
    assert best_point({a: [Score(0.2, 1.0), Score(0.4, 1.0)], b: [Score(0.1, 1.0), Score(0.6, 9.0)]}) == b
    tie = [Score(0.1, 2.0), Score(0.2, 2.0), Score(0.3, 2.0)]
    assert best_point({a: tie, b: [Score(0.3, 1.9), Score(0.1, 1.9), Score(0.2, 1.9)], c: tie}) == b
    assert best_point({a: tie, c: tie}) == a
    assert best_point({a: None, b: None}) is None
    assert best_point({a: None, b: [Score(0.0, 5.0)]}) == b


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((), ()), r"--rates must be different numbers above 0, at least one\. Received: none"),
        (((0.1, 0.1), ()), r"--rates must be different .* Received: 0\.1, 0\.1"),
        (((0.1,), (1.0, -0.3)), r"--source_weights must be different numbers above 0.* Received: 1, -0\.3"),
        (((float("nan"),), ()), "--rates must be"),
        (((0.1,), (), "random"), r"--choice must be one of coordinate, grid\. Received: 'random'"),
    ],
)
def test_what_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        Choice(*arguments)
