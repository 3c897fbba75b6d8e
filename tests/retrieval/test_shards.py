"""The search in parts: the table of one search, whatever the division."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sjft_tf.retrieval import Found, Layout, Search, nearest, probed, probed_rows, search_shard
from sjft_tf.retrieval.divergence import Products

LAYOUT = Layout((2, 3), 8)
IMAGES, TARGETS, K = 97, 7, 12


@pytest.fixture(autouse=True, scope="module")
def _small_blocks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Products, "SOURCE_ROWS", 48)
        yield


def some(seed, images):
    rng = np.random.default_rng(seed)
    return (rng.multinomial(20, np.full(8, 1 / 8), (images, 5)) / 20).reshape(images, 40).astype(np.float32)


@pytest.fixture(scope="module")
def searches():
    """The target, a source with many equal distances, its table, and two searches to be used again."""
    target, source = some(1, TARGETS), some(2, IMAGES)
    source[60:] = source[: IMAGES - 60]
    table = nearest(target, [(np.arange(IMAGES, dtype=np.int32), source)], K, LAYOUT)
    return source, table, Search(target, K, LAYOUT), Search(target, K, LAYOUT)


def everything(search):
    return np.full(search.targets, np.iinfo(np.int64).max)


@given(st.randoms(use_true_random=False), st.integers(1, 40), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_any_division_order_and_age_of_the_limits(searches, random, size, age):
    source, table, whole, part = searches
    rows = list(range(IMAGES))
    random.shuffle(rows)
    whole.restart(everything(whole))
    known = [whole.limits]
    for start in range(0, IMAGES, size):
        shard = np.array(sorted(rows[start : start + size]), np.int32)
        limits = known[max(0, len(known) - 1 - age)]  # of when the shard was sent
        found = search_shard(part, [(shard, source[shard])], limits)
        assert whole.misfit(found) is None
        whole.merge(found)
        known.append(whole.limits)
    for merged, wanted in zip(whole.result(), table, strict=True):
        np.testing.assert_array_equal(merged, wanted)


def test_limits_leave_out_what_cannot_be_among_the_nearest(searches):
    source, _, whole, part = searches
    rows = np.arange(IMAGES, dtype=np.int32)
    whole.restart(everything(whole))
    whole.merge(search_shard(part, [(rows[:60], source[:60])], whole.limits))
    later = search_shard(part, [(rows[60:], source[60:])], whole.limits)
    unlimited = search_shard(part, [(rows[60:], source[60:])], everything(whole))
    assert len(later.pairs) < len(unlimited.pairs) == K * TARGETS
    assert (later.pairs < np.repeat(whole.limits, later.counts)).all()


def test_a_checkpoint_goes_on_with_parts_and_without(searches):
    source, table, whole, part = searches
    rows = np.arange(IMAGES, dtype=np.int32)
    whole.restart(everything(whole))
    whole.add(rows[:30], source[:30])
    state = whole.state()
    whole.restart(everything(whole))
    whole.restore(state)
    whole.merge(search_shard(part, [(rows[50:], source[50:])], whole.limits))
    missing = whole.missing(IMAGES)
    assert missing.tolist() == list(range(30, 50))
    whole.add(missing, source[missing])
    np.testing.assert_array_equal(whole.result()[0], table[0])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda found: found._replace(counts=found.counts[:-1]), "of 6 target images, not of 7"),
        (lambda found: found._replace(pairs=found.pairs[:-1]), "incomplete"),
        (lambda found: found._replace(pairs=found.pairs * 0 + 96), "were not searched"),
        (lambda found: found._replace(rows=np.arange(40, 90, dtype=np.int32)), "were not searched"),
    ],
)
def test_what_cannot_be_merged(searches, change, reason):
    source, _, whole, part = searches
    rows = np.arange(30, dtype=np.int32)
    whole.restart(everything(whole))
    found = search_shard(part, [(rows, source[rows])], whole.limits)
    assert reason in whole.misfit(change(found))
    whole.merge(found)
    assert "searched already" in whole.misfit(found)
    assert whole.misfit(Found(rows[:0], np.zeros(TARGETS, np.int32), found.pairs[:0])) is None


def test_the_probe_tells_other_arithmetic(searches):
    source, _, whole, part = searches
    rows = probed_rows(IMAGES)
    assert len(rows) == 16
    assert (rows[0], rows[-1]) == (0, IMAGES - 1)
    assert probed_rows(3).tolist() == [0, 1, 2]
    own = probed(whole, [(rows, source[rows])])
    assert probed(part, [(rows[:5], source[rows[:5]]), (rows[5:], source[rows[5:]])]) == own
    changed = source[rows].copy()
    changed[9] = np.nextafter(changed[9], np.float32(1))
    assert probed(part, [(rows, changed)]) != own
    assert part.missing(IMAGES).size == IMAGES  # it leaves nothing behind
