"""The list of kept images holds for its image set in any order, and for no other."""

import numpy as np
import pytest

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet
from sjft_tf.influence import kept_rows, save_kept


def images(count=5, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return ImageSet.from_arrays("some", pixels, np.arange(count) % 2, ids=[f"x/{i}" for i in range(count)])


def test_there_and_back(tmp_path):
    target, kept = images(), np.array([True, False, True, True, False])
    save_kept(tmp_path / "kept.json", target, kept, {"rule": "positive"})
    np.testing.assert_array_equal(kept_rows(tmp_path / "kept.json", target), [0, 2, 3])
    content = artifacts.read_json(tmp_path / "kept.json")
    assert (content["images"], content["dropped"], content["made_from"]) == (5, 2, {"rule": "positive"})


def test_it_is_by_id(tmp_path):
    save_kept(tmp_path / "kept.json", images(), np.array([False, True, True, True, True]), {})
    content = artifacts.read_json(tmp_path / "kept.json")
    content["kept"].reverse()
    artifacts.write_json(tmp_path / "kept.json", content)
    np.testing.assert_array_equal(kept_rows(tmp_path / "kept.json", images()), [1, 2, 3, 4])


def test_refusals(tmp_path):
    path = tmp_path / "kept.json"
    with pytest.raises(InputError, match="there is no such file"):
        kept_rows(path, images())
    artifacts.write_json(path, {"kept": ["x/1"]})
    with pytest.raises(InputError, match="is not a list of kept images"):
        kept_rows(path, images())
    save_kept(path, images(), np.ones(5, bool), {})
    with pytest.raises(InputError, match="was made for other images .* with 5 images there, .* with 4 here"):
        kept_rows(path, images(4))
    content = artifacts.read_json(path)
    for wrong in ([], "x/1", ["x/1", "x/77"], [["x/1"]], None):
        artifacts.write_json(path, {**content, "kept": wrong})
        with pytest.raises(InputError, match="`kept` must be a list of ids of the target, e.g. 'x/0'"):
            kept_rows(path, images())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("text", ["x/3\nx/1\n", "id\r\nx/1\r\n\r\n  x/3 \r\nx/1"])
def test_a_plain_list_of_ids(tmp_path, text, encoding):
    (tmp_path / "rows.txt").write_bytes(text.encode(encoding))
    np.testing.assert_array_equal(kept_rows(tmp_path / "rows.txt", images(), "--source_rows"), [1, 3])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x/1\n\nx/77\nx/78", r"--source_rows=.*rows.txt, line 3: there is no image 'x/77' \(2 such line\(s\) of 3\)"),
        (b"\n", "lists no images. Expected one id a line, e.g. 'x/0'"),
        (b"id\n", "lists no images"),
        (b"x/\xff", "is not UTF-8 text"),
        (b'{"kept": 1', "is damaged: .*scripts/prune.py writes one"),
    ],
)
def test_a_plain_list_that_does_not_fit(tmp_path, content, message):
    (tmp_path / "rows.txt").write_bytes(content)
    with pytest.raises(InputError, match=message):
        kept_rows(tmp_path / "rows.txt", images(), "--source_rows")
