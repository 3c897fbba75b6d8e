"""What --selector=auto takes: the rule, and how it is told."""

import math

from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.advice import FAR, Distances, decide

RATIOS = st.one_of(st.floats(0, 20), st.just(math.inf))


@given(RATIOS, st.dictionaries(st.text(max_size=3), RATIOS, max_size=3))
def test_the_rule(whole, parts):
    decision = decide(Distances(whole, parts))
    ratios = [whole, *parts.values()]
    far = all(ratio >= FAR for ratio in ratios) and not all(math.isinf(ratio) for ratio in ratios)
    assert decision.selector == ("none" if far else "all")
    assert decision.reason
    assert str(decision).startswith(f"{decision.selector}: ")


def test_without_a_source_it_is_plain_fine_tuning():
    assert str(decide(None)) == "none: there is no --source: plain fine-tuning"


def test_the_reason_names_the_nearest_and_the_farthest_part():
    reason = decide(Distances(6.0, {"maps": 9.0, "leaves": 2.5})).reason
    assert reason == (
        "source images lie 6.00 times as far from yours as others of your own, "
        "the nearest part (leaves) 2.50 times, the farthest (maps) 9.00 times"
    )
    assert "infinitely as far" in decide(Distances(math.inf)).reason
    assert "part" not in decide(Distances(1.0)).reason
