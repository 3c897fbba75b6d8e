"""What --selector=auto takes: the rule, and that distances matter only where they are asked for."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.advice import FAR, Distances, decide, needs_distances

RATIOS = st.one_of(st.floats(0, 20), st.just(math.inf))


@given(st.integers(0, 1000), st.integers(0, 1000), RATIOS, st.dictionaries(st.text(max_size=3), RATIOS, max_size=3))
def test_the_rule(source, pool, whole, parts):
    decision = decide(source, pool, Distances(whole, parts))
    if not source:
        wanted = "none", 0
    elif pool >= source or not pool:
        wanted = "all", source
    elif whole >= FAR and all(ratio >= FAR for ratio in parts.values()):
        wanted = "none", 0
    else:
        wanted = "all", source
    assert (decision.selector, decision.pool) == wanted
    assert decision.reason
    assert str(decision).startswith(f"{decision.selector}: ")
    if not needs_distances(source, pool):
        assert decide(source, pool) == decision


def test_distances_that_matter_must_be_there():
    with pytest.raises(ValueError, match="pool of 5 of 9"):
        decide(9, 5)


def test_the_reason_names_the_nearest_and_the_farthest_part():
    reason = decide(9, 5, Distances(6.0, {"maps": 9.0, "leaves": 2.5})).reason
    assert reason == (
        "source images lie 6.00 times as far from yours as others of your own, "
        "the nearest part (leaves) 2.50 times, the farthest (maps) 9.00 times"
    )
    assert "infinitely as far" in decide(9, 5, Distances(math.inf)).reason
    assert "part" not in decide(9, 5, Distances(1.0)).reason
