"""Workers serve the whole command, or one stage alone."""

import contextlib

import pytest

from sjft_tf.config import EngineConfig, RunConfig
from sjft_tf.pipeline.sharding import workers
from sjft_tf.pipeline.sharding.workers import dask_engine, keeping_workers


@pytest.fixture
def ended(monkeypatch):
    """Puts an engine that starts nothing in Dask's place; the number of those that were ended."""
    ended = []

    @contextlib.contextmanager
    def engine(*asked):
        yield object()
        ended.append(asked)

    monkeypatch.setattr(workers, "DaskEngine", engine)
    return ended


def asked(**settings):
    return RunConfig(engine=EngineConfig(engine="dask", **settings))


def test_a_stage_alone_ends_its_workers(ended):
    with dask_engine(asked()) as first:
        assert not ended
    with dask_engine(asked()) as second:
        assert second is not first
        assert len(ended) == 1


def test_a_command_keeps_them(ended):
    with keeping_workers():
        with dask_engine(asked()) as first:
            pass
        with dask_engine(asked()) as second:
            assert second is first
        with dask_engine(asked(workers=3)) as other:
            assert other is not first
        assert not ended
    assert len(ended) == 2
    with dask_engine(asked()) as later:
        assert later is not first


def test_they_end_when_the_command_fails(ended):
    with contextlib.suppress(KeyError), keeping_workers(), dask_engine(asked()):
        raise KeyError
    with dask_engine(asked()):
        pass
    assert len(ended) == 1
