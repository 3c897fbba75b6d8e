"""A damaged search checkpoint costs the search's time and nothing else; another kind of file stays what it is."""

import numpy as np
import pytest

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.retrieval import Layout, Search, SearchCheckpoint, check_begun_search

STAMP = {"target": "abc"}


def _search():
    rng = np.random.default_rng(0)
    return Search(rng.dirichlet(np.ones(4), size=2).astype(np.float32), 2, Layout((1,), 4)), rng


@pytest.fixture
def checkpoint(tmp_path):
    search, rng = _search()
    search.add(np.arange(3, dtype=np.int32), rng.dirichlet(np.ones(4), size=3).astype(np.float32))
    checkpoint = SearchCheckpoint(tmp_path / "search.npz", STAMP, 2, 1)
    checkpoint.save(search)
    return checkpoint


def _forge(path, arrays=None, **changes):
    there, meta = artifacts.load_npz(path)
    artifacts.save_npz(path, there | (arrays or {}), {**meta, **changes})


@pytest.mark.parametrize(
    "changed",
    [
        {"made_from": None},
        {"arrays": {"best": np.zeros((2, 2), np.float32)}},
        {"arrays": {"best": np.zeros((2, 3), np.int64)}},
        {"arrays": {"best": np.full((2, 2), -7)}},
        {"arrays": {"seen": np.zeros(0, np.uint8)}},
    ],
)
def test_the_search_begins_again(tmp_path, checkpoint, caplog, changed):
    path = tmp_path / "search.npz"
    assert checkpoint.load(_search()[0])
    _forge(path, **changed)
    search = _search()[0]
    assert not checkpoint.load(search)
    assert "search.npz is damaged" in caplog.text
    assert "The search begins again" in caplog.text
    assert len(search.missing(3)) == 3
    check_begun_search(path, STAMP, 2)


def test_another_kind_of_file_is_refused(tmp_path, checkpoint):
    _forge(tmp_path / "search.npz", kind=["x"] * 1000)
    with pytest.raises(InputError, match=r"search\.npz holds a list of 1000, not a search checkpoint"):
        checkpoint.load(_search()[0])
