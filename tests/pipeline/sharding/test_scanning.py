"""Files checked by workers at opening: what one process finds of them, and the same cache."""

import numpy as np
import pytest
from PIL import Image

from sjft_tf.artifacts import load_npz
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.images import ScanResult
from sjft_tf.images.sets import scan as scan_module
from sjft_tf.pipeline.sharding import scanning
from sjft_tf.pipeline.sharding.scanning import open_sets
from sjft_tf.workdir import Workdir


@pytest.fixture
def settings(tmp_path):
    """A target of 23 files, some of 16 bits, a gray one, a damaged one and one that is no image."""
    folder, rng = tmp_path / "target", np.random.default_rng(3)
    for row in range(23):
        path = folder / f"class {row % 2}" / f"ä {row:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (6, 6, 3)).astype(np.uint8)
        Image.fromarray(pixels[..., 0].astype(np.uint16) * 250 if row in (4, 5) else pixels).save(path)
    (folder / "class 1" / "ä 09.png").write_bytes(b"no image")
    damaged = folder / "class 0" / "ä 12.png"
    damaged.write_bytes(damaged.read_bytes()[:60])
    return (
        RunConfig()
        .replace("data", target=f"folder:{folder}", validation="none", test="none", bad_images="skip")
        .replace("selection", selector="none")
        .replace("engine", shard_images=5)
    )


def opened(config, folder, told=None):
    return open_sets(config, Workdir(folder), (lambda line: None) if told is None else told.append).target


def by_workers(config):
    return config.replace("engine", engine="dask")


def cached(folder):
    (path,) = (folder / "images").glob("scan_*.npz")
    return load_npz(path)


def same(settings, tmp_path):
    """What workers checked in `dask` is what is found here, line for line and bit by bit."""
    told, lines = [], []
    ours, theirs = opened(by_workers(settings), tmp_path / "dask", told), opened(settings, tmp_path / "local", lines)
    assert ours.fingerprint == theirs.fingerprint
    assert told == lines
    for name, array in cached(tmp_path / "local")[0].items():
        np.testing.assert_array_equal(cached(tmp_path / "dask")[0][name], array)
    reports = [(tmp_path / where / "images" / "target.bad.csv").read_text() for where in ("dask", "local")]
    assert reports[0] == reports[1]


def test_what_one_process_finds(settings, tmp_path, here):
    engine = here()
    same(settings, tmp_path)
    assert [len(rows) for rows in engine.done] == [3, 5, 5, 5, 5]
    assert not (tmp_path / "dask" / "shards" / "scan").exists()
    opened(by_workers(settings), tmp_path / "dask")  # all are in the cache
    assert len(engine.done) == 5


def test_a_bad_file_is_named(settings, tmp_path, here):
    here()
    with pytest.raises(InputError, match=r"ä 12\.png cannot be decoded(.|\n)*2 such image"):
        opened(by_workers(settings.replace("data", bad_images="error")), tmp_path / "dask")


def test_what_was_broken_off_is_gone_on_with(settings, tmp_path, here):
    broken = here(most=2)
    with pytest.raises(KeyboardInterrupt):
        opened(by_workers(settings), tmp_path / "dask")
    rest = here()
    same(settings, tmp_path)
    assert len(broken.done) + len(rest.done) == 5


def test_few_files_need_no_workers(settings, tmp_path, here):
    engine = here()
    opened(by_workers(settings).replace("engine", shard_images=23), tmp_path / "dask")
    assert not engine.done


@pytest.fixture
def hiding(settings, here, monkeypatch):
    """`hiding(row)`: workers cannot read the file in this row."""

    def put(row):
        class Hiding(here.base):
            def each(self, work, shards, hint, named):
                real = scan_module.inspect_file

                def inspect(path, *limits):
                    return ScanResult(False, bytes(32), "gone") if f"ä {row:02d}" in path else real(path, *limits)

                each = super().each(work, shards, hint, named)
                for _ in shards:
                    monkeypatch.setattr(scan_module, "inspect_file", inspect)
                    found = next(each)
                    monkeypatch.setattr(scan_module, "inspect_file", real)
                    yield found

        here(Hiding)

    return put


def test_a_worker_that_does_not_see_a_file(settings, tmp_path, hiding, here):
    hiding(6)  # the fourth of the list, which is not among those that are probed
    with pytest.raises(InputError, match=r"ä 06\.png can be read here, but not by a worker: gone \(1 such file"):
        opened(by_workers(settings), tmp_path / "dask")
    here()
    same(settings, tmp_path)  # it sees it now


def test_a_file_that_nobody_can_read(settings, tmp_path, here, monkeypatch):
    real = scan_module.inspect_file
    gone = ScanResult(False, bytes(32), "no rights")
    monkeypatch.setattr(scan_module, "inspect_file", lambda path, *rest: gone if "02" in path else real(path, *rest))
    here()
    same(settings, tmp_path)


def test_a_worker_that_sees_no_files(settings, tmp_path, hiding):
    hiding(0)
    with pytest.raises(InputError, match=r"ä 00\.png is not to be seen \(gone\)"):
        opened(by_workers(settings), tmp_path / "dask")


def test_a_worker_that_decodes_otherwise(settings, tmp_path, here, monkeypatch):
    here()
    answers = iter(["one", "another"])
    monkeypatch.setattr(scanning, "_probed", lambda seen: next(answers))
    with pytest.raises(InputError, match="decodes otherwise: take the same packages"):
        opened(by_workers(settings), tmp_path / "dask")


@pytest.mark.slow
def test_two_workers(settings, tmp_path):
    same(settings.replace("engine", workers=0), tmp_path)
