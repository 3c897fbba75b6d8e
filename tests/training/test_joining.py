"""Processes that wait for each other: all come, one does not, a port is taken."""

import concurrent.futures
import contextlib
import itertools
import logging
import socket

import pytest

from sjft_tf.errors import InputError
from sjft_tf.training import joining
from sjft_tf.training.joining import join_workers
from sjft_tf.training.tf_config import Place


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(joining, "_PAUSE", 0.01)


def addresses(count):
    with contextlib.ExitStack() as held:
        ports = [held.enter_context(socket.create_server(("localhost", 0))).getsockname()[1] for _ in range(count)]
    return tuple(f"localhost:{port}" for port in ports)


def test_all_come_whoever_is_first():
    workers = addresses(3)

    def joined(own):
        join_workers(Place(own, workers), 60.0)
        return socket.create_server(("localhost", int(workers[own].split(":")[1])))  # as TensorFlow's, at the same port

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for server in [pool.submit(joined, own) for own in (2, 0, 1)]:
            server.result().close()


def test_who_is_missing_is_told_and_named_at_the_end(caplog):
    workers = addresses(6)
    ticks = itertools.count(0.0, 4.0)
    with caplog.at_level(logging.INFO, "sjft_tf"), pytest.raises(InputError) as raised:
        join_workers(Place(0, workers), 25.0, lambda: next(ticks))
    named = f"{', '.join(workers[1:4])} and 2 more"
    assert str(raised.value).startswith(f"{named} of the 6 workers in TF_CONFIG did not answer for 25 s. Start this")
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [f"waiting for {named} (1 of 6 workers are here)"] * 2


def test_a_taken_port_is_told():
    own, other = addresses(2)
    with (
        socket.create_server(("", int(own.split(":")[1]))),
        pytest.raises(InputError, match="Port .* of this host cannot"),
    ):
        join_workers(Place(0, (own, other)), 1.0)
