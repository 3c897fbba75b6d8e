"""Lines with intervals: what stands at which place, and over which axis."""

from xml.etree import ElementTree

import pytest

from sjft_tf.report.line_chart import Point, line_chart
from sjft_tf.report.markdown import standalone
from sjft_tf.report.svg import PALETTE

SVG = "{http://www.w3.org/2000/svg}"
RATES = [Point(0.01, 51.0, 50.0, 52.0), Point(0.001, 48.0, 46.0, 50.0)]


def words(chart):
    return [text.text for text in ElementTree.fromstring(standalone(chart)).iter(f"{SVG}text")]


def line_places(chart, color):
    """The points (x, y upward) of the line of a color."""
    for path in ElementTree.fromstring(standalone(chart)).iter(f"{SVG}path"):
        if f"stroke: {color}; stroke-width: 1.6" in path.get("style", ""):
            pairs = path.get("d").replace("M", "L").split("L")[1:]
            return [(float(x), -float(y)) for x, y in (pair.split() for pair in pairs)]
    raise AssertionError("no such line")


def test_a_logarithmic_axis_names_its_values_and_lines_ascend():
    chart = line_chart("a", {"textures": RATES, "signs": [Point(0.003, 40.0)]}, "rate", "accuracy (%)", log=True)
    assert {"0.001", "0.003", "0.01", "rate", "accuracy (%)", "textures", "signs"} <= set(words(chart))
    (first_x, first_y), (second_x, second_y) = line_places(chart, PALETTE[0])
    assert first_x < second_x
    assert first_y < second_y  # 48 before 51
    assert "textures, signs" in chart


def test_names_lie_beside_each_other_in_the_order_they_come():
    points = [Point("stage 2", 30.0, 29.0, 31.0), Point("stage 10", 20.0, 19.0, 21.0)]
    chart = line_chart("a", {"one": points, "two": points}, "stage", "accuracy (%)")
    shown = words(chart)
    assert shown.index("stage 2") < shown.index("stage 10")
    one, two = line_places(chart, PALETTE[0]), line_places(chart, PALETTE[1])
    assert one[0][0] < two[0][0] < one[1][0]  # side by side, not one upon the other
    assert one[0][1] == two[0][1] > one[1][1]


def test_gaps_and_single_seeds():
    chart = line_chart("a", {"one": [Point(1, 30.0), Point(2, None), Point(4, 31.0, 30.0, None)]}, "n", "%")
    with pytest.raises(AssertionError):
        line_places(chart, PALETTE[1])
    assert len(line_places(chart, PALETTE[0])) == 2  # a move to each of the two known points
