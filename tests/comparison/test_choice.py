"""Which settings are tried, and in which order."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.comparison.choice import Choice, Point, outward
from sjft_tf.comparison.decision import search
from sjft_tf.errors import InputError
from sjft_tf.evaluation import Outcomes

LABELS = np.repeat(np.arange(5, dtype=np.int32), 20)
RATES = st.lists(st.floats(1e-3, 1), min_size=1, max_size=4, unique=True)
WEIGHTS = st.lists(st.floats(1e-3, 1), max_size=3, unique=True)


def outcomes(right, loss, labels=LABELS):
    """Of as many images as there are labels, the first `right` of them right, all of the same loss."""
    right = np.arange(len(labels)) < right
    return Outcomes(np.arange(len(labels)), labels, right, np.full(len(labels), float(loss)) + 0.1 * right)


def course(choice, judge, judges=2):
    """`(all trials, in order, the decision)`, with `judge(point, number)` saying what a trial gives."""
    trials, made = {}, []
    while (found := search(choice, trials, judges)).decision is None:
        assert found.missing
        for point in found.missing:
            own = trials.setdefault(point, [])
            assert len(own) < judges
            made.append((point, len(own)))
            own.append(judge(point, len(own)))
    return made, found.decision


def test_coordinate_tries_rates_first_and_then_weights_at_the_best():
    reached = {0.01: 50, 0.03: 70, 0.1: 60}

    def judge(point, _):
        return outcomes(reached[point.learning_rate] + (10 if point.source_weight == 0.3 else 0), 1)

    made, decision = course(Choice((0.01, 0.03, 0.1), (1.0, 0.3, 0.1)), judge, 1)
    assert [point for point, _ in made] == [
        *(Point(rate, 1.0) for rate in (0.01, 0.03, 0.1)),
        *(Point(0.03, weight) for weight in (0.3, 0.1)),
    ]
    assert decision.chosen == Point(0.03, 0.3)
    assert decision.second == Point(0.03, 0.1)
    assert [one.point for one in decision.tried] == [point for point, _ in made]


def test_what_is_clearly_worse_gets_no_second_trial():
    reached = {0.1: 20, 0.2: 60, 0.4: 62}
    made, decision = course(Choice((0.1, 0.2, 0.4)), lambda point, _: outcomes(reached[point.learning_rate], 1))
    assert made == [*((Point(rate), 0) for rate in (0.1, 0.2, 0.4)), (Point(0.2), 1), (Point(0.4), 1)]
    assert [(one.trials, one.dropped) for one in decision.tried] == [(1, 1), (2, None), (2, None)]
    assert (decision.chosen, decision.second, decision.clear) == (Point(0.4), Point(0.2), False)


def test_the_best_two_have_all_judges_and_one_that_is_left_alone_none():
    reached = {0.1: 20, 0.2: 80, 0.4: 50}
    made, decision = course(Choice((0.1, 0.2, 0.4)), lambda point, _: outcomes(reached[point.learning_rate], 1))
    assert [point.learning_rate for point, _ in made] == [0.1, 0.2, 0.4, 0.2, 0.4]
    assert (decision.chosen, decision.second, decision.clear) == (Point(0.2), Point(0.4), True)
    assert decision.ahead.accuracy.value == pytest.approx(0.3)
    made, decision = course(Choice((0.1, 0.2)), lambda point, _: outcomes(9, 1) if point.learning_rate > 0.1 else None)
    assert len(made) == 2
    assert (decision.chosen, decision.second, decision.clear) == (Point(0.2), None, True)


def test_further_rates_are_tried_beyond_an_end_where_the_best_is():
    def judge(point, _):
        return outcomes(90 - 20 * abs(np.log10(point.learning_rate) + 4), 1)

    choice = Choice((0.003, 0.01), steps=2)
    made, decision = course(choice, judge)
    assert [point.learning_rate for point, number in made if number == 0] == [0.003, 0.01, 0.0009, 0.0003]
    assert (decision.chosen, decision.further, decision.edge) == (Point(0.0003), (0.0009, 0.0003), True)
    made, decision = course(replace(choice, steps=9), judge)
    assert (decision.chosen, decision.further, decision.edge) == (Point(0.0001), (0.0009, 0.0003, 0.0001, 3e-05), False)
    assert course(replace(choice, steps=0), judge)[1].chosen == Point(0.003)
    grid = Choice((0.003, 0.01), (1.0, 0.3), "grid", 1)
    made, decision = course(grid, judge, 1)
    assert [point for point, _ in made] == [*grid.points(), Point(0.0009, 1.0), Point(0.0009, 0.3)]


@pytest.mark.parametrize(
    ("rates", "best", "beyond"),
    [
        ((0.001, 0.003, 0.01), 0.001, 0.0003),
        ((0.001, 0.003, 0.01), 0.01, 0.03),
        ((0.01, 0.003, 0.001), 0.01, 0.03),
        ((0.001, 0.003, 0.01), 0.003, None),
        ((0.01, 0.02), 0.02, 0.04),
        ((0.1, 0.11), 0.11, 0.121),
        ((0.1,), 0.1, None),
    ],
)
def test_the_step_is_that_between_the_outermost(rates, best, beyond):
    assert outward(rates, best) == beyond


@given(RATES, st.booleans())
def test_a_step_goes_outward(rates, up):
    best = max(rates) if up else min(rates)
    beyond = outward(rates, best)
    if len(rates) == 1:
        assert beyond is None
    elif max(rates) / min(rates) > 1.02:  # else within the digits that are kept
        inner = sorted(rates)[-2 if up else 1]
        if max(best, inner) / min(best, inner) > 1.02:
            assert beyond > best if up else beyond < best


@given(RATES, WEIGHTS, st.sampled_from(["grid", "coordinate"]), st.integers(0, 2), st.data())
def test_the_choice_ends_with_one_that_never_failed_and_was_never_dropped(rates, weights, kind, steps, data):
    choice = Choice(tuple(rates), tuple(weights), kind, steps)

    def judge(point, number):
        right = data.draw(st.sampled_from([None, 10, 40, 45, 80]))
        return None if right is None else outcomes(right, data.draw(st.floats(0, 2)))

    made, decision = course(choice, judge)
    tried = {one.point: one for one in decision.tried}
    assert {point for point, _ in made} == set(tried)
    if all(one.standing for one in tried.values()):  # else the place of a failed one may be taken by others
        assert len(tried) <= choice.most
    assert set(tried) >= set(choice.first(rates))
    if decision.chosen is None:
        assert not any(one.standing for one in tried.values())
    else:
        assert tried[decision.chosen].standing is not None
        assert tried[decision.chosen].dropped is None
        assert decision.second != decision.chosen


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((), ()), r"--rates must be different numbers above 0, at least one\. Received: none"),
        (((0.1, 0.1), ()), r"--rates must be different .* Received: 0\.1, 0\.1"),
        (((0.1,), (1.0, -0.3)), r"--source_weights must be different numbers above 0.* Received: 1, -0\.3"),
        (((float("nan"),), ()), "--rates must be"),
        (((0.1,), (), "random"), r"--choice must be one of coordinate, grid\. Received: 'random'"),
        (((0.1,), (), "grid", -1), r"--choice_steps must be 0 or more\. Received: -1"),
    ],
)
def test_what_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        Choice(*arguments)
