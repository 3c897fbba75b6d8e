import pytest
import tensorflow as tf

from sjft_tf.images.places.paths import MISSING, file_stats, folder_of, join, read_bytes, read_range
from sjft_tf.images.places.spec import is_remote, parse


@pytest.fixture
def twins(tmp_path):
    """The same ten bytes on the disk and in memory."""
    (tmp_path / "f").write_bytes(bytes(range(10)))
    tf.io.gfile.makedirs("ram://paths_test")
    with tf.io.gfile.GFile("ram://paths_test/f", "wb") as stream:
        stream.write(bytes(range(10)))
    yield str(tmp_path / "f"), "ram://paths_test/f"
    tf.io.gfile.rmtree("ram://paths_test")


def test_remote_paths_name_a_file_system():
    assert [is_remote(path) for path in ("gs://b/a", "hdfs://h/a", "s3+x://b", "ram://x")] == [True] * 4
    assert [is_remote(path) for path in ("/a/b", "a", "C:/a", "/odd/gs://b", "odd name://x", "://x")] == [False] * 6


def test_the_place_a_spec_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert parse("csv:gs://b/../a.csv#train?x=1").location == "gs://b/../a.csv"
    assert parse("csv:a/../b.csv").location == str(tmp_path / "b.csv")


def test_paths_are_joined_unless_they_stand_for_themselves():
    assert join("/top", "a/b") == "/top/a/b"
    assert join("/top", "/a") == "/a"
    assert join("/top", "gs://b/a") == "gs://b/a"
    assert join("gs://b", "a") == "gs://b/a"
    assert join("/top", "odd name://x") == "/top/odd name://x"
    assert folder_of("gs://b/a/x.csv") == "gs://b/a"


def test_files_are_read_whole_and_in_part(twins):
    for path in twins:
        assert read_bytes(path) == bytes(range(10))
        assert read_range(path, 3, 4) == bytes([3, 4, 5, 6])
        assert read_range(path, 8, 4) == bytes([8, 9])
        for read in (read_bytes, lambda path: read_range(path, 0, 1)):
            with pytest.raises(OSError, match="No such file"):
                read(f"{path}x")


def test_stats_tell_size_and_absence(twins, tmp_path):
    local, remote = twins
    missing = [f"{remote}x", f"{local}x", str(tmp_path), "ram://paths_test"]
    stats = file_stats([local, remote, *missing])
    assert [size for size, _ in stats] == [10, 10, -1, -1, -1, -1]
    assert stats[2:] == [MISSING] * 4
    assert stats[0][1] == (tmp_path / "f").stat().st_mtime_ns
    assert file_stats([local, f"{local}x"]) == [stats[0], MISSING]
    with pytest.raises(OSError, match=r"nofs://x/y: File system scheme 'nofs' not implemented"):
        file_stats(["nofs://x/y"])
