"""The measured curves: what is quoted of them, that the thresholds agree with them, and that documents have them."""

import math
from pathlib import Path

import pytest

from sjft_tf.advice import DIFFERENT, FAR
from sjft_tf.advice.findings import (
    ALIKE,
    BORROWING,
    DISTANCES,
    RATES,
    TARGETS,
    UNLIKE,
    borrowing_near,
    nearest,
    rate_near,
)

ROOT = Path(__file__).parents[2]


def test_thresholds_lie_where_the_curves_say():
    assert max(ALIKE) < DIFFERENT < min(UNLIKE)
    assert [one.distance for one in TARGETS] == sorted(one.distance for one in TARGETS)
    assert all(one.borrowing.high > 0 for one in TARGETS if one.distance < FAR)  # nowhere within it a certain loss


@pytest.mark.parametrize(
    ("distance", "names"),
    [
        (0.0, ["flowers", "textures"]),
        (1.3, ["flowers", "textures"]),
        (2.4, ["sketches", "traffic signs"]),
        (9.0, ["handwritten characters", "sketches"]),
        (math.inf, ["handwritten characters", "sketches"]),
    ],
)
def test_what_lies_about_as_far_away_is_quoted(distance, names):
    assert [one.name for one in nearest(distance)] == names
    quoted = borrowing_near(distance)
    assert str(nearest(distance)[0].borrowing) in quoted
    assert BORROWING in quoted
    assert ("beyond 3.7" in quoted) == (distance > 3.7)


def test_the_documents_have_these_figures():
    borrowing, distances = ((ROOT / path).read_text() for path in (BORROWING, DISTANCES))
    assert all(str(one.borrowing) in borrowing for one in TARGETS)
    assert all(f"{ratio:.2f}" in distances for ratio in (*ALIKE, *UNLIKE))
    for one in TARGETS:
        assert all(
            f"{share:.1f}" in (ROOT / one.of_rates.rpartition(" ")[2]).read_text() for share in one.rates.values()
        )


def test_rates_are_quoted_with_their_curve():
    quoted = rate_near(1.3)
    assert quoted.startswith("flowers (1.2 away) learned best at 0.003, of 0.001: 39.7 %, 0.003: 42.1 %, 0.01: 37.7 %")
    assert "textures (1.7 away) learned best at 0.003" in quoted
    assert BORROWING in quoted
    assert "five draws, " + RATES in quoted
    assert rate_near(9.0).startswith("handwritten characters (3.7 away) learned best at 0.003")
