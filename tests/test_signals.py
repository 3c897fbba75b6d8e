"""How programs end on a signal: status and words, without a traceback; the launcher of comparisons likewise."""

import signal
import sys

import pytest
from absl import flags
from sjft_tf.scripts import program

from sjft_tf.errors import Stopped
from sjft_tf.pipeline.studying.launcher import Launcher
from sjft_tf.training import StopRequest


def interrupt(_):
    signal.raise_signal(signal.SIGINT)


def stop(number):
    def main(_):
        raise Stopped("Ended where it can go on.", number)

    return main


@pytest.mark.parametrize(
    ("main", "status", "words"),
    [
        (interrupt, 130, "Ended by Ctrl-C"),
        (stop(signal.SIGINT), 130, "Ended where it can go on."),
        (stop(signal.SIGTERM), 143, "Ended where it can go on."),
    ],
)
def test_programs_end_with_the_status_of_the_signal(main, status, words, monkeypatch, capsys):
    main.__module__ = __name__
    own = flags.FlagValues()
    flags.DEFINE_bool("raw_csv", False, "", flag_values=own)
    own(["program"])
    monkeypatch.setattr(program, "FLAGS", own)
    monkeypatch.setattr(program.app, "run", lambda guarded, argv: guarded(argv))
    monkeypatch.setattr(sys.modules["__main__"], "__doc__", "")
    monkeypatch.setattr(sys, "argv", ["program"])
    with pytest.raises(SystemExit) as end:
        program.start(main, lambda: None)
    assert end.value.code == status
    assert words in capsys.readouterr().err


def test_the_launcher_ends_on_ctrl_c():
    before = signal.getsignal(signal.SIGINT)
    launcher = Launcher()
    with launcher.stoppable():
        with pytest.raises(Stopped, match="Ended by Ctrl-C. The same command goes on") as end:
            signal.raise_signal(signal.SIGINT)
        assert end.value.signal == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) == before


def test_what_ignores_ctrl_c_goes_on_ignoring_it():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        request, launcher = StopRequest(), Launcher()
        request.listen()
        with launcher.stoppable():
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        request.release()
        assert not request.made
    finally:
        signal.signal(signal.SIGINT, before)
