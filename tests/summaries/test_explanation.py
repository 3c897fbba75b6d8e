"""The picture of a distance taken apart: complete for any bank, unmoved by odd names."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.summaries.explanation import ExplainedImage, explanation_picture, runs

TARGET, NEAREST, MEDIAN = (209, 73, 91), (42, 111, 151), (217, 142, 4)


@dataclasses.dataclass
class Filter:
    name: str
    group: str
    tick: str
    second: bool = False


def network(count):
    return [Filter(f"conv[{i}]", "conv", str(i)) for i in range(count)]


def draw(path, channels, parts, top=(0,), bins=5, lines=("class",)):
    images = [ExplainedImage(np.full((8, 8, 3), 40.0 * i), "$title_", lines) for i in range(3)]
    histograms = np.full((3, len(channels), bins), 1 / bins)
    explanation_picture(path, images, parts, channels, list(top), histograms)
    return np.asarray(Image.open(path).convert("RGB"))


def inside(pixels, color):
    """Pixels of a color within the bar charts, without the frames of the images and the histograms below."""
    height = pixels.shape[0]
    chart = pixels[int(0.25 * height) : int(0.65 * height), 90:].astype(int)
    return int((np.abs(chart - color).sum(axis=2) < 8).sum())


def test_bars_are_as_high_as_the_contributions(tmp_path):
    parts = np.array([[0.0, 0.2, 0, 0], [0.4, 0, 0, 0.4]])
    pixels = draw(tmp_path / "new" / "e.png", network(4), parts)
    nearest, median = inside(pixels, NEAREST), inside(pixels, MEDIAN)
    # One scale for both: a bar of half the height beside two of the full one.
    assert median / nearest == pytest.approx(4, rel=0.05)


def test_the_second_part_of_a_filter_is_paler(tmp_path):
    pair = [Filter("a, real", "scale", "0°"), Filter("a, imaginary", "scale", "0°", True)]
    only = np.array([[1.0, 0.0], [0, 0]])
    full, pale = (draw(tmp_path / f"{i}.png", pair, part) for i, part in enumerate((only, only[:, ::-1])))
    assert inside(full, NEAREST) > 10_000
    assert inside(pale, NEAREST) < 100
    middle = tuple((255 + value) // 2 for value in NEAREST)
    assert inside(pale, middle) > 10_000


@pytest.mark.parametrize("count", [1, 96, 352, 2000])
def test_any_number_of_filters(tmp_path, count):
    layers = [Filter(f.name, f"layer {i * 3 // count}", f.tick) for i, f in enumerate(network(count))]
    parts = np.ones((2, count))
    pixels = draw(tmp_path / "e.png", layers, parts, top=range(min(3, count)))
    assert inside(pixels, NEAREST) > 50_000
    assert inside(pixels, MEDIAN) == pytest.approx(inside(pixels, NEAREST), rel=0.05)


def test_no_distance_at_all_and_names_nothing_should_trip_over(tmp_path):
    odd = [Filter("$a_{b}^c\\frac", "花$", "$")]
    pixels = draw(
        tmp_path / "e.png", odd, np.zeros((2, 1)), lines=("$x^", "花", "", "much too long for its place " * 9)
    )
    assert inside(pixels, NEAREST) < 1000


def test_runs():
    assert runs(["a", "a", "b", "a"]) == [("a", 0, 2), ("b", 2, 3), ("a", 3, 4)]
    assert runs([]) == []


def test_refuses_shapes_that_do_not_fit(tmp_path):
    with pytest.raises(InputError, match=r"of C=4 filters. Received: 3, \(2, 3\)"):
        draw(tmp_path / "e.png", network(4), np.zeros((2, 3)))
    with pytest.raises(InputError, match="0 filters to show"):
        draw(tmp_path / "e.png", network(4), np.zeros((2, 4)), top=())
    assert not list(tmp_path.iterdir())
