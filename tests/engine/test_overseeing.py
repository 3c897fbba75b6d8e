"""Which shard is tried where, without Dask: the workers here are a table of what each one says."""

import numpy as np
import pytest

from sjft_tf.engine import divided
from sjft_tf.engine.on_worker import Answer
from sjft_tf.engine.overseeing import Overseer
from sjft_tf.errors import InputError


class Future:
    """Done at once, or never."""

    def __init__(self, worker, rows, says):
        self.worker, self.rows, self.says = worker, rows, says

    def add_done_callback(self, call):
        if self.says != "nothing":
            call(self)


class Table:
    """Workers that answer as `says(worker, rows, tries)` tells; each shard goes to the first one that it may go to."""

    def __init__(self, says, workers="ab"):
        self.says, self.workers, self.sent, self.cancelled, self.restarted = says, list(workers), [], [], []

    def addresses(self):
        return self.workers

    def send(self, work, rows, hint, to):
        worker = (to or self.workers)[0]
        future = Future(worker, rows, self.says(worker, rows, len(self.sent)))
        self.sent.append((worker, rows.tolist(), hint))
        return future

    def answer(self, future):
        return future.says

    def cancel(self, future):
        self.cancelled.append(future)

    def restart(self, future):
        self.restarted.append(future.worker)
        return future.worker


def value(worker, rows):
    return Answer(worker, worker, int(rows.sum()))


def shards(count=10, size=3):
    return divided(np.arange(count, dtype=np.int32), size)


def done(table, given=None, **settings):
    overseer = Overseer(table, None, str, **settings)
    return list(overseer.each(shards() if given is None else given, lambda: len(table.sent)))


def test_shards_of_what_is_left_are_those_of_the_whole():
    rows = np.array([0, 1, 2, 5, 6, 11], np.int32)
    assert [shard.tolist() for shard in divided(rows, 3)] == [[0, 1, 2], [5], [6], [11]]
    assert divided(rows[:0], 3) == []
    with pytest.raises(InputError, match="--shard_images must be at least 1"):
        divided(rows, 0)


def test_every_shard_with_the_hint_of_its_moment():
    table = Table(lambda worker, rows, _: value(worker, rows))
    assert sorted(result for _, result in done(table)) == [3, 9, 12, 21]
    assert [hint for _, _, hint in table.sent] == [0, 1, 2, 3]


def test_no_more_shards_are_sent_ahead_than_workers_can_take_up():
    table = Table(lambda worker, rows, _: value(worker, rows))
    each = Overseer(table, None, str).each(shards(100, 1), lambda: None)
    next(each)
    assert len(table.sent) == 4
    each.close()
    assert len(table.cancelled) == 3


def test_a_shard_that_fails_goes_to_another_worker(caplog):
    table = Table(
        lambda worker, rows, _: Answer("A", "a", failed="no file x") if worker == "a" else value(worker, rows)
    )
    assert len(done(table)) == 4
    assert "go to another worker: A said: no file x" in caplog.text


def test_a_shard_that_fails_everywhere_is_named():
    table = Table(lambda worker, rows, _: Answer(worker.upper(), worker, failed="no file x"))
    with pytest.raises(
        InputError, match=r"3 images \(\[0 1 2\]\) could not be done by any of 2(.|\n)*- A: no file x\n- B"
    ):
        done(table)


def test_a_worker_that_cannot_do_the_work_is_left_out(caplog):
    table = Table(lambda worker, rows, _: Answer("A", "a", unfit="rounds") if worker == "a" else value(worker, rows))
    assert len(done(table)) == 4
    assert caplog.text.count("The worker A is left out: rounds") == 1
    assert {worker for worker, _, _ in table.sent[4:]} <= {"b"}


def test_no_worker_can():
    table = Table(lambda worker, rows, _: Answer(worker.upper(), worker, unfit="rounds"))
    with pytest.raises(InputError, match=r"None of the 2 worker\(s\) can do this work:\n- A: rounds\n- B: rounds"):
        done(table)


def test_a_fault_of_ours_is_none_of_the_input():
    table = Table(lambda worker, rows, _: Answer("A", "a", failed="Traceback ...", bug=True))
    with pytest.raises(RuntimeError, match=r"On the worker A, at 3 images(.|\n)*Traceback"):
        done(table)


def test_a_shard_whose_workers_are_gone_is_sent_again_but_not_for_ever():
    table = Table(lambda worker, rows, tries: None if tries < 3 else value(worker, rows))
    assert len(done(table)) == 4
    with pytest.raises(InputError, match="ended again and again"):
        done(Table(lambda worker, rows, tries: None))


def test_a_worker_that_hangs_is_started_again(monkeypatch, caplog):
    monkeypatch.setattr("sjft_tf.engine.overseeing._LOOK", 0.01)
    table = Table(lambda worker, rows, tries: "nothing" if tries == 0 else value(worker, rows))
    assert len(done(table, patience=0.01)) == 4
    assert table.restarted == ["a"]
    assert "The worker a is started again: no answer about [0 1 2]" in caplog.text


def test_nobody_comes():
    with pytest.raises(InputError, match="No worker came within 0 s"):
        done(Table(None, workers=""), join_seconds=0)
