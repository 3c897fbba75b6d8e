"""The neighbor table as an artifact."""

import numpy as np
import pytest

from sjft_tf.artifacts import save_npz
from sjft_tf.errors import InputError
from sjft_tf.retrieval import NeighborTable

ROWS = np.int32([[3, 0, 2], [1, 2, 0]])
DISTANCES = np.float32([[0.1, 0.5, 0.5], [0.0, 0.25, 1.5]])
MADE_FROM = {"source_size": 4, "target": "t"}


def table():
    return NeighborTable(ROWS, DISTANCES, MADE_FROM)


def test_save_load_and_prefix(tmp_path):
    table().save(tmp_path / "n.npz")
    again = NeighborTable.load(tmp_path / "n.npz")
    np.testing.assert_array_equal(again.rows, ROWS)
    np.testing.assert_array_equal(again.distances, DISTANCES)
    assert again.made_from == MADE_FROM
    assert (len(again), again.k_max) == (2, 3)
    assert again.prefix(2).rows.tolist() == [[3, 0], [1, 2]]
    assert again.prefix(2).distances.shape == (2, 2)
    assert again.prefix(3).rows.shape == (2, 3)
    for k in (0, 4):
        with pytest.raises(InputError, match=rf"`k` must be between 1 and 3.*k={k}"):
            again.prefix(k)


@pytest.mark.parametrize(
    ("rows", "distances", "message"),
    [
        (ROWS[:, :2], DISTANCES, "one shape"),
        (ROWS[0], DISTANCES[0], "one shape"),
        (ROWS[:, :0], DISTANCES[:, :0], "one shape"),
        (ROWS.astype(np.int64), DISTANCES, "int32 rows and float32"),
        (ROWS, DISTANCES.astype(np.float64), "int32 rows and float32"),
        (ROWS, -DISTANCES, "not negative"),
        (ROWS, DISTANCES * np.float32(np.nan), "finite"),
        (ROWS - 1, DISTANCES, "0 to 4 - 1"),
        (ROWS + 1, DISTANCES, "0 to 4 - 1"),
        (ROWS[:, ::-1], DISTANCES[:, ::-1], "ascend by distance"),
        (np.int32([[3, 2, 0], [1, 2, 0]]), DISTANCES, "equal distances by row"),
        (np.int32([[3, 0, 3], [1, 2, 0]]), DISTANCES, "twice"),
    ],
)
def test_broken_tables_are_refused(rows, distances, message):
    with pytest.raises(InputError, match=message):
        NeighborTable(rows, distances, MADE_FROM)


def test_csv_holds_each_images_own_prefix(tmp_path):
    table().write_csv(tmp_path / "b.csv", ["t/0", "t,1"], ["s0", "s1", "s2", "s3"], [2, 1])
    assert (tmp_path / "b.csv").read_text() == (
        'target_id,source_id,distance,rank\nt/0,s3,0.100000001,1\nt/0,s0,0.5,2\n"t,1",s1,0,1\n'
    )
    table().write_csv(tmp_path / "none.csv", ["a", "b"], ["s0", "s1", "s2", "s3"], np.zeros(2, int))
    assert (tmp_path / "none.csv").read_text() == "target_id,source_id,distance,rank\n"


def test_csv_bad_arguments(tmp_path):
    ids = ["s0", "s1", "s2", "s3"]
    for arguments, message in [
        ((["a"], ids, [1, 1]), "2 target images"),
        ((["a", "b"], ids, [1]), "2 target images"),
        ((["a", "b"], ids, [1, 4]), "between 0 and 3"),
        ((["a", "b"], ids, [-1, 1]), "between 0 and 3"),
        ((["a", "b"], ids[:3], [1, 1]), "row 3, but there are 3"),
    ]:
        with pytest.raises(InputError, match=message):
            table().write_csv(tmp_path / "b.csv", *arguments)
    assert not (tmp_path / "b.csv").exists()


def test_loading_something_else(tmp_path):
    save_npz(tmp_path / "other.npz", {"x": np.zeros(1)}, {"kind": "bin edges"})
    with pytest.raises(InputError, match="'bin edges', not a neighbor table"):
        NeighborTable.load(tmp_path / "other.npz")
