"""`retrieve.py` shows single target images: from a new search or from the table that is there."""

import csv

import numpy as np
import pytest

from sjft_tf.retrieval import NeighborTable

RETRIEVAL = ("--target", "--source", "--bins", "--descriptor_resize", "--descriptor_crop", "--k0")


@pytest.mark.slow
def test_explanations_and_montages_of_chosen_images(forked, flags, tmp_path):
    run = tmp_path / "run"
    common = [*(flag for flag in flags if flag.split("=")[0] in RETRIEVAL), "--rounds=2", f"--workdir={run}"]

    done = forked("retrieve", *common, "--explain=1.png", check=False)
    assert done.returncode == 2
    assert "error: " in done.stderr
    assert "has no image '1.png', neither as an id nor as a row (0 to 11). Did you mean 'train/a/1.png'" in done.stderr
    assert "Traceback" not in done.stderr
    # Refused before the search, not after it.
    assert not (run / "neighbors.npz").exists()

    lines = forked("retrieve", *common, "--montage=train/a/1.png", "--montage=11").stdout.splitlines()
    assert f"  montage: {run / 'montage.png'} (8 nearest of 2 target images)" in lines
    made = (run / "neighbors.npz").stat().st_mtime_ns

    lines = forked("retrieve", *common, "--explain=train/a/1.png", "--explain=11").stdout.splitlines()
    assert (run / "neighbors.npz").stat().st_mtime_ns == made
    assert "  explained: train/a/1.png (row 1, class a)" in lines
    assert "  explained: train/c/3.png (row 11, class c)" in lines
    assert not [line for line in lines if "WARNING" in line]
    table = NeighborTable.load(run / "neighbors.npz")
    for row, name in ((1, "explain-1-train_a_1.png"), (11, "explain-11-train_c_3.png")):
        assert (run / f"{name}.png").stat().st_size > 10_000
        with open(run / f"{name}.csv", newline="") as stream:
            parts = np.array([[float(line["nearest"]), float(line["median"])] for line in csv.DictReader(stream)])
        assert len(parts) == 48
        wanted = table.distances[row, [0, table.k_max // 2]]
        np.testing.assert_allclose(parts.sum(axis=0), wanted, rtol=1e-4, atol=2e-5)
