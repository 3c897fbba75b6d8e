"""Charts of odd runs and of odd names: one level or forty, nothing at all, numbers at the ends, text of any kind."""

from __future__ import annotations

from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sjft_tf.report import comparison_charts, run_charts
from sjft_tf.report.bounds import lengths, opacity, plottable, reach
from sjft_tf.report.line_chart import Point, line_chart
from sjft_tf.report.markdown import standalone
from sjft_tf.report.page import MISSING, duration, num, percent, points
from sjft_tf.summaries import (
    ExplainedImage,
    confusion_picture,
    explanation_picture,
    hardest_picture,
)
from sjft_tf.words import one_line, showable

FEW = settings(max_examples=8)
ENDS = (0.0, 1.0, 1e-30, 1e30, 1e-320, 1.7e308, -1.0, float("inf"), float("-inf"), float("nan"))
NUMBERS = st.one_of(st.sampled_from(ENDS), st.floats(0, 1))
NAMES = (
    "",
    " ",
    "\x00",
    "a\nb\r",
    "日本🎉",
    "שלום עולם",
    "$\\frac$",
    "$a_b^c",
    "\ud800",
    "x" * 5000,
    "_hidden",
    "\x1b]0;",
    "</svg>&\"'",
)
LINES = st.lists(NUMBERS, min_size=1, max_size=12)
ROOM = {"a": "#123456"}


def drawn(chart):
    """A chart that is well-formed XML, its title not the least."""
    root = ElementTree.fromstring(standalone(chart))
    assert root.findtext("{http://www.w3.org/2000/svg}title")
    return root


@pytest.mark.parametrize("levels", [1, 2, 7, 8, 9, 40])
def test_any_number_of_levels(levels):
    drawn(run_charts.neighbor_counts([np.arange(levels), np.full(levels, levels - 1)], "a"))


@given(st.lists(st.lists(st.integers(0, 2**31 - 1), max_size=6), min_size=1, max_size=3))
@settings(max_examples=5)
@example([[]])
def test_any_counts_of_neighbors(counts):
    drawn(run_charts.neighbor_counts([np.array(each, np.int64) for each in counts], "a"))


def test_no_shade_leaves_its_range():
    for levels in range(1, 41):
        for level in range(levels):
            assert 0 <= opacity(0.2 + 0.8 * level / max(1, levels - 1)) <= 1


@given(LINES, st.sampled_from(ENDS))
@FEW
@example([0.0], 0.0)
@example([1e30], 1e30)
@example([], 0.3)
def test_entropies(values, delta):
    drawn(run_charts.entropy_histogram(np.array(values), np.array(values), 2, delta, "a"))


@given(LINES)
@FEW
@example([0.0])
@example([1e30, 1e-30])
def test_figures_of_rounds(values):
    steps = np.arange(1, len(values) + 1)
    drawn(run_charts.losses({"loss/target": (steps, np.array(values))}, [1, len(values)], "a"))
    drawn(run_charts.rounds_accuracy({"x": [*values, None]}, "a"))
    drawn(run_charts.hard_images(values, values, len(values) - 1, "a"))
    drawn(run_charts.union_growth(values, [1] * len(values), 0, "a"))


@given(LINES)
@FEW
@example([])
@example([0.0] * 100)
def test_draws_and_times(values):
    names = [f"class {place}" for place in range(len(values))]
    drawn(run_charts.class_draws(names, np.array(values), np.arange(len(values)), "a"))
    drawn(run_charts.stage_times(dict(zip(names, values, strict=True)), "a"))


def bar(value, title="x"):
    return comparison_charts.ArmBar("a", title, value, value, [value, value])


def difference(value, title="x"):
    return comparison_charts.ArmDifference("a", title, value, value, value, [value, None])


def trials(value, title="x"):
    return comparison_charts.ArmTrials("a", title, {"": [(value, value)], "1": [(0.1, value)]}, (value, value))


@pytest.mark.parametrize("value", ENDS)
def test_comparisons(value):
    drawn(comparison_charts.accuracy_bars([bar(value)], ROOM, "t", "m"))
    drawn(comparison_charts.paired_differences([difference(value)], [0, 1], ROOM, "t"))
    drawn(comparison_charts.trials([trials(value)], ROOM))
    curves = [comparison_charts.ArmCurves("a", "x", np.full(shape, value)) for shape in ((2, 3), (1, 1))]
    drawn(comparison_charts.arm_curves(curves, ROOM, "t"))


@pytest.mark.parametrize("value", ENDS)
def test_lines(value):
    for shown in ([Point(value, value, value, None), Point(1.0, None)], [Point("x", value, value, value)], []):
        drawn(line_chart("a", {"s": shown, "t": shown}, "x", "y"))
        drawn(line_chart("a", {"s": shown}, "x", "y", log=True))


@pytest.mark.parametrize("name", NAMES)
def test_names_are_only_names(name):
    for root in (
        drawn(run_charts.class_draws([name] * 2, np.ones(2), np.arange(2), "a")),
        drawn(run_charts.rounds_accuracy({name: [0.5]}, "a")),
        drawn(run_charts.stage_times({name: 1.0}, "a")),
        drawn(comparison_charts.accuracy_bars([bar(1.0, name)], ROOM, name, name)),
        drawn(comparison_charts.paired_differences([difference(1.0, name)], [0, 1], ROOM, name)),
        drawn(comparison_charts.trials([trials(1.0, name)], ROOM)),
        drawn(line_chart("a", {name: [Point(name, 1.0, 0.5, 2.0)]}, name, name)),
    ):
        text = "".join(root.itertext())
        assert name not in ("$\\frac$", "_hidden") or name in text  # neither set as mathematics nor left out


@given(st.text(st.characters(), max_size=30))
def test_any_text_can_be_shown(text):
    assert showable(text).encode().decode() == showable(text)
    assert len(one_line(text).splitlines()) == 1
    ElementTree.fromstring(f"<p>{''.join(f'&#{ord(sign)};' for sign in one_line(text))}</p>")


@given(NUMBERS)
def test_any_number_can_be_written(value):
    assert np.isnan(plottable(value)) or abs(plottable(value)) <= 1e15
    assert 0 <= lengths(value) < reach([value], 1.1) < 1e16
    for write in (percent, points, duration, num):
        assert write(value) == MISSING or "nan" not in write(value)


@pytest.mark.parametrize("name", ["$\\frac$", "\x00日本\n", "\ud800", ""])
@pytest.mark.parametrize("count", [1, 3])
def test_pictures_of_odd_names(name, count, tmp_path):
    assert confusion_picture(np.zeros((count, count), int), [name] * count, name).shape[2] == 3
    image = np.zeros((4, 4, 3), np.uint8)
    target = SimpleNamespace(load=lambda _: image, class_names=[name], labels=[0])
    one = np.zeros(1)
    target = type("Set", (), {"__len__": lambda _: 1, **vars(target)})()
    target.load = lambda _: image
    hardest_picture(target, np.array([0]), one.astype(bool), one.astype(int), np.full(1, np.inf))
    channels = [SimpleNamespace(name=name, group=name, tick=name, second=False)] * count
    shown = [ExplainedImage(image, name, [name])] * 3
    path = tmp_path / "a.png"
    explanation_picture(path, shown, np.full((2, count), 1e-320), channels, [0], np.zeros((3, count, 2)))
