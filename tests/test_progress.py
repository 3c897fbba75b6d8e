"""Progress bars: on standard error, silent for short work, rare lines in logs, and no change to what they watch."""

import io
import sys

import pytest

from sjft_tf import progress


class Screen(io.StringIO):
    """A standard error that is or is not a terminal, and keeps what is written."""

    def __init__(self, terminal=False):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


@pytest.fixture
def screen(monkeypatch):
    """Puts a Screen in place; called in the test, because pytest sets its own between set-up and test."""

    def place(terminal=False):
        monkeypatch.setattr(sys, "stderr", Screen(terminal))
        return sys.stderr

    return place


def test_track_passes_everything_through(screen):
    shown = screen()
    assert list(progress.track([3, 1, 2], "Counting")) == [3, 1, 2]
    assert list(progress.track((i for i in range(4)), "Counting", total=4)) == [0, 1, 2, 3]
    assert list(progress.track(iter("ab"), "Counting")) == ["a", "b"]
    assert list(progress.track([], "Counting")) == []
    assert shown.getvalue() == ""


def test_track_is_lazy():
    seen = []

    def items():
        for i in range(3):
            seen.append(i)
            yield i

    tracked = progress.track(items(), "Counting")
    assert seen == []
    assert next(tracked) == 0
    assert seen == [0]
    tracked.close()


def test_short_work_stays_silent(screen):
    written = screen()
    with progress.bar(10, "Working") as shown:
        for _ in range(10):
            shown.update(1)
    assert shown.n == shown.total == 10
    assert written.getvalue() == ""


@pytest.mark.parametrize(("is_terminal", "seconds"), [(True, 0.5), (False, 15.0)])
def test_lines_come_rarely_where_they_pile_up(screen, is_terminal, seconds):
    screen(is_terminal)
    with progress.bar(10, "Working") as shown:
        assert shown.mininterval == seconds


def test_what_is_shown_after_two_seconds(screen, monkeypatch):
    written, clock = screen(terminal=True), [0.0]
    monkeypatch.setattr("tqdm.std.time", lambda: clock[0])
    with progress.bar(40, "Reading", unit=" steps") as shown:
        shown._time = lambda: clock[0]
        shown.start_t = shown.last_print_t = 0.0
        shown.update(5)
        assert written.getvalue() == ""
        clock[0] = 2.5
        shown.update(5)
    text = written.getvalue()
    assert "Reading" in text
    assert "10/40" in text
    assert "steps" in text


def test_track_shows_the_length(monkeypatch):
    asked = []

    class Bar:
        def __init__(self, total, description, unit):
            asked.append([total, description, unit, 0])

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def update(self, n):
            asked[-1][3] += n

    monkeypatch.setattr(progress, "bar", Bar)
    list(progress.track(["a", "b"], "Naming"))
    list(progress.track(iter("abc"), "Naming", unit=" files"))
    assert asked == [[2, "Naming", " images", 2], [None, "Naming", " files", 3]]
