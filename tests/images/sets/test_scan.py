import csv
import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.images.sets import scan as scan_module
from sjft_tf.images.sets.scan import FileScan, inspect_file, inspect_image


@pytest.fixture
def files(tmp_path, rng):
    """Three good files and their paths."""
    paths = []
    for i, name in enumerate(("a.jpg", "b.png", "c.gif")):
        path = tmp_path / name
        Image.fromarray(rng.integers(0, 256, (20, 20, 3), np.uint8)).save(path)
        paths.append(str(path))
        os.utime(path, ns=(10**18 + i, 10**18 + i))
    return paths


def truncate(path, keep=0.6):
    with open(path, "r+b") as stream:
        stream.truncate(int(Path(path).stat().st_size * keep))


@pytest.fixture
def count_reads(monkeypatch):
    read = []

    def counted(path, *limits):
        read.append(path)
        return inspect_file(path, *limits)

    monkeypatch.setattr(scan_module, "inspect_file", counted)
    return read


def test_good_files(files):
    scanned = FileScan().files(files, "k", "d")
    assert scanned.positions.tolist() == [0, 1, 2]
    assert scanned.plain.tolist() == [True, True, False]
    assert scanned.digests.shape == (3, 32)
    assert len({d.tobytes() for d in scanned.digests}) == 3


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("keep", [0.0, 0.01, 0.6])
def test_truncated_file_is_named_with_the_reason(files, position, keep):
    truncate(files[position], keep)
    with pytest.raises(
        InputError, match=r"cannot be decoded: .+ \(1 such image\(s\) among 3\).*--bad_images=skip"
    ) as e:
        FileScan().files(files, "k", "d")
    assert str(e.value).startswith(files[position])


def test_not_an_image_and_not_there(files):
    with open(files[0], "wb") as stream:
        stream.write(b"<html>")
    Path(files[1]).unlink()
    scan = FileScan("skip")
    assert scan.files(files, "k", "d").positions.tolist() == [2]
    assert scan.bad == [(files[0], "not an image in a known format"), (files[1], "No such file or directory")]


def test_skip_lists_and_report(files, tmp_path, caplog):
    truncate(files[1])
    scan, report = FileScan("skip"), tmp_path / "out" / "bad.csv"
    scanned = scan.files(files, "k", "d")
    assert scanned.positions.tolist() == [0, 2]
    assert scanned.plain.tolist() == [True, False]
    scan.write_report(report)
    with open(report, newline="") as stream:
        header, line = csv.reader(stream)
    assert header == ["path", "reason"]
    assert line == list(scan.bad[0])
    assert line[0] == files[1]
    FileScan("skip").write_report(report)
    assert not report.exists()
    FileScan("skip").write_report(None)


def test_cache_rereads_only_what_changed(files, tmp_path, count_reads):
    def look():
        count_reads.clear()
        return FileScan("skip", tmp_path / "cache").files(files, "key", "d")

    first = look()
    assert sorted(count_reads) == files
    again = look()
    assert not count_reads
    for name in ("positions", "plain", "digests"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))

    Image.new("RGB", (4, 4)).save(files[1])
    changed = look()
    assert count_reads == [files[1]]
    assert (changed.digests != first.digests).any(1).tolist() == [False, True, False]
    truncate(files[2])
    assert look().positions.tolist() == [0, 1]
    assert count_reads == [files[2]]
    assert look().positions.tolist() == [0, 1]  # what is bad is remembered too
    assert not count_reads


def test_damaged_cache_is_made_again(files, tmp_path, count_reads):
    FileScan(cache=tmp_path / "cache").files(files, "key", "d")
    (cached,) = (tmp_path / "cache").iterdir()
    cached.write_bytes(b"damaged")
    count_reads.clear()
    FileScan(cache=tmp_path / "cache").files(files, "key", "d")
    assert len(count_reads) == 3


def test_cache_of_an_older_judgment_is_not_used(files, tmp_path, count_reads, monkeypatch):
    FileScan(cache=tmp_path).files(files, "key", "d")
    monkeypatch.setattr(scan_module.ScanStore, "_MADE_BY", 99)
    FileScan(cache=tmp_path).files(files, "key", "d")
    assert len(count_reads) == 6


def test_what_only_pillow_forgives_goes_to_pillow(rng):
    # Bytes missing at the very end: TensorFlow refuses, Pillow shows all pixels.
    stream = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)).save(stream, "PNG")
    result = inspect_image(stream.getvalue()[:-12])  # without the IEND chunk
    assert not result.error
    assert not result.plain


def test_more_files_than_one_block(tmp_path):
    Image.new("L", (2, 2)).save(tmp_path / "x.png")
    scanned = FileScan().files([str(tmp_path / "x.png")] * 150, "k", "d")
    assert len(scanned.positions) == 150
    assert scanned.plain.all()
