"""What counts as moved, and as worse; no benchmark is run."""

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "comparing.py"
spec = importlib.util.spec_from_file_location("comparing_benchmarks", PATH)
comparing = importlib.util.module_from_spec(spec)
spec.loader.exec_module(comparing)
Figure, Goal = comparing.Figure, comparing.Goal
MOST, LEAST = Goal(most=1.2), Goal(least=1.5)


@pytest.mark.parametrize(
    ("before", "now", "goal", "moved"),
    [
        ((1.2, 1.1, 1.3), (1.25, 1.2, 1.4), MOST, ""),
        ((1.2, 1.1, 1.3), (1.35, 1.31, 1.4), MOST, "worse"),  # they do not overlap
        ((1.2, 1.1, 1.3), (1.0, 0.9, 1.09), MOST, "better"),
        ((1.2, 0.9, 2.0), (1.39, 0.9, 2.0), MOST, "worse"),  # by 16 %
        ((1.2, 0.9, 2.0), (1.37, 0.9, 2.0), MOST, ""),  # by 14 %
        ((2.0, 1.0, 3.0), (1.68, 1.0, 3.0), LEAST, "worse"),
        ((2.0, 1.0, 3.0), (2.9, 1.0, 3.0), LEAST, ""),
        ((2.0, 1.9, 2.1), (2.2, 2.15, 2.3), LEAST, "better"),
        ((2.0, 1.9, 2.1), (1.85, 1.8, 1.89), LEAST, "worse"),
        ((2.0, 1.9, 2.1), (1.5, 1.4, 1.6), None, "moved"),
        ((2.0, 1.9, 2.1), (1.5, 1.4, 2.0), None, ""),
        ((1.001,) * 3, (1.002,) * 3, MOST, ""),  # single numbers are no intervals
        ((1.0,) * 3, (1.2,) * 3, MOST, "worse"),
        ((1.0,) * 3, (1.2,) * 3, comparing.LOWER, "worse"),
        ((1.0,) * 3, (0.8,) * 3, comparing.HIGHER, "worse"),
        ((0.0,) * 3, (0.1,) * 3, MOST, "worse"),  # false alarms, say
    ],
)
def test_verdict(before, now, goal, moved):
    assert comparing.verdict(Figure("x", *before), Figure("x", *now), goal) == moved


def test_what_is_asked_is_shown():
    asked = (MOST, LEAST, Goal(least=1.5, older=0.95), comparing.LOWER, comparing.HIGHER)
    assert [goal.shown("addons") for goal in asked] == ["at most 1.2", "at least 1.5", "at least 0.95", "", ""]


def test_seconds_are_not_judged():
    slow, fast = Figure("x", 9.0, 8.0, 10.0, None, "s"), Figure("x", 1.0, 0.9, 1.1, None, "s")
    assert comparing.verdict(fast, slow, MOST) == ""


def test_figures_of_what_was_measured_are_compared_in_their_order():
    before = {"a": [Figure("kept", 1, 1, 1), Figure("old", 2, 2, 2)], "not now": [Figure("z", 1, 1, 1)]}
    now = {"b": [Figure("first", 3, 2, 4)], "a": [Figure("kept", 2, 2, 2), Figure("fresh", 1, 1, 1)]}
    lines = comparing.compare(before, now, {"a": {"kept": Goal(most=1.5, older=2)}}, "addons")
    assert [(line.name, line.moved, line.asked) for line in lines] == [
        ("b: first", "new", ""),
        ("a: kept", "worse", "at most 2"),
        ("a: fresh", "new", ""),
        ("a: old", "gone", ""),
    ]
    assert comparing.table(lines[:2]).splitlines() == [
        "figure    before  now               moved  asked",
        "b: first  -       3 (2.00 to 4.00)  new",
        "a: kept   1       2                 worse  at most 2",
    ]
