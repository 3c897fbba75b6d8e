"""Ranges over threads, and iterating ahead."""

import threading

import pytest

from sjft_tf import parallel


@pytest.mark.parametrize("cores", [1, 2, 5])
@pytest.mark.parametrize(("total", "least"), [(0, 1), (1, 1), (7, 1), (100, 16), (100, 101)])
def test_ranges_cover_everything_once(monkeypatch, cores, total, least):
    monkeypatch.setattr(parallel, "cores", lambda: cores)
    ranges = []
    parallel.over_ranges(lambda begin, end: ranges.append((begin, end)), total, least)
    assert sorted(index for begin, end in ranges for index in range(begin, end)) == list(range(total))
    assert len(ranges) == 1 or all(end - begin >= least for begin, end in ranges)


def test_an_error_in_a_range_is_raised():
    def work(begin, end):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        parallel.over_ranges(work, 100)


@pytest.mark.parametrize("count", [0, 1, 10])
def test_ahead_gives_the_same_items_in_order(count):
    assert list(parallel.ahead(iter(range(count)), depth=2)) == list(range(count))


def test_ahead_gives_nothing_but_items_even_if_they_are_none():
    assert list(parallel.ahead([None, 0, None])) == [None, 0, None]


def test_an_error_comes_after_the_items_before_it():
    def items():
        yield 1
        raise KeyError("gone")

    items_ahead = parallel.ahead(items())
    assert next(items_ahead) == 1
    with pytest.raises(KeyError, match="gone"):
        next(items_ahead)


def test_stopping_early_ends_the_thread_and_closes_the_items():
    closed = threading.Event()

    def items():
        try:
            while True:
                yield 1
        finally:
            closed.set()

    items_ahead = parallel.ahead(items())
    assert next(items_ahead) == 1
    items_ahead.close()
    assert closed.is_set()
    assert not any(thread.name == "sjft-ahead" for thread in threading.enumerate())


def test_side_by_side_gives_every_item_and_waits_for_nobody():
    # Each can only go on when the other has come as far.
    first, second = threading.Event(), threading.Event()

    def one():
        first.set()
        assert second.wait(10)
        yield from ("a", None)

    def other():
        assert first.wait(10)
        second.set()
        yield 0

    stopped = []
    together = list(parallel.side_by_side([one(), other(), ()], lambda: stopped.append(True)))
    assert sorted(map(str, together)) == ["0", "None", "a"]
    assert not stopped


def test_an_error_of_one_stops_the_others():
    ended = threading.Event()

    def lasting():
        yield 1
        assert ended.wait(10)

    def failing():
        raise KeyError("gone")
        yield

    with pytest.raises(KeyError, match="gone"):
        list(parallel.side_by_side([lasting(), failing()], ended.set))
    assert not any(thread.name == "sjft-side" for thread in threading.enumerate())


def test_side_by_side_left_early_stops_all():
    ended = threading.Event()

    def lasting():
        yield 1
        assert ended.wait(10)

    together = parallel.side_by_side([lasting(), lasting()], ended.set)
    assert next(together) == 1
    together.close()
    assert not any(thread.name == "sjft-side" for thread in threading.enumerate())
