"""Results of shards in files."""

import numpy as np
import pytest

from sjft_tf.engine import ShardFiles
from sjft_tf.errors import InputError
from sjft_tf.schema import Array, Schema

WANTED = Schema({"rows": Array("int32", ("images",), low=0)}, {"kind": str, "made_from": str})


def files(folder, **made_from):
    return ShardFiles(folder / "shards", made_from, WANTED)


def rows(*values):
    return {"rows": np.array(values, np.int32)}


def test_what_was_written_waits_until_it_is_removed(tmp_path):
    some = files(tmp_path, k=1)
    assert list(some.waiting()) == []
    names = [some.write(rows(7, 8)), some.write(rows(1, 2))]
    assert [arrays["rows"].tolist() for _, arrays in files(tmp_path, k=1).waiting()] == [[1, 2], [7, 8]]
    assert some.size(names[0]) > 0
    some.remove(names[0])
    assert [name for name, _ in some.waiting()] == names[1:]


def test_other_and_damaged_results_are_removed(tmp_path, caplog):
    files(tmp_path, k=1).write(rows(1))
    name = files(tmp_path, k=2).write(rows(2))
    path = tmp_path / "shards" / name
    path.write_bytes(path.read_bytes()[:-9])
    assert list(files(tmp_path, k=2).waiting()) == []
    assert "is the result of other work" in caplog.text
    assert "damaged" in caplog.text
    assert list((tmp_path / "shards").iterdir()) == []


def test_a_result_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="is missing"):
        files(tmp_path).read("000000001-0.npz")
