"""Two processes, one seed, --deterministic: the same neighbors, borrowed images and weights, bit for bit."""

import subprocess
import sys

import h5py
import numpy as np
import pytest

from sjft_tf.artifacts import load_npz

pytestmark = pytest.mark.slow

SMALL = ["--trunk=preact_resnet", "--depth=8", "--width=4", "--dropout=0.2", "--image_size=16", "--resize=16"]
MOBILE = ["--trunk=MobileNetV2", "--alpha=0.35", "--image_size=32", "--resize=32", "--steps_per_round=2"]


@pytest.fixture
def train(world, tmp_path):
    def run(name, *more):
        workdir = tmp_path / name
        command = [
            *(sys.executable, "-m", "sjft_tf.scripts.train", f"--workdir={workdir}", "--deterministic"),
            *(f"--target=folder:{world / 'target'}", f"--source=folder:{world / 'source'}", "--weights=none"),
            *("--pad=2", "--bins=8", "--descriptor_resize=16", "--descriptor_crop=16", "--selector=nearest", "--k0=3"),
            *("--rounds=2", "--steps_per_round=4", "--batch_size=6", "--eval_batch_size=8", *more),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return workdir

    return run


def results(workdir):
    """Neighbor table, borrowed images, and the weights and state of the last round."""
    table, _ = load_npz(workdir / "neighbors.npz")
    state, _ = load_npz(workdir / "rounds" / "01" / "state.npz")
    weights = {}
    with h5py.File(workdir / "rounds" / "01" / "model.weights.h5") as file:
        file.visititems(lambda n, item: weights.update({n: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return {"table": table, "state": state, "weights": weights}, (workdir / "borrowed.csv").read_text()


def differing(a, b):
    """Names of the arrays that are not equal bit for bit."""
    assert a.keys() == b.keys()
    return {
        f"{group}/{name}"
        for group in a
        for name in a[group].keys() | b[group].keys()
        if a[group][name].tobytes() != b[group][name].tobytes()
    }


@pytest.mark.parametrize("network", [SMALL, MOBILE], ids=["preact_resnet", "MobileNetV2"])
def test_same_seed_same_run_bit_for_bit(train, network):
    (one, borrowed), (two, borrowed_again) = (
        results(train(name, "--seed=7", *network, *more))
        # What only changes the speed must not change the result.
        for name, more in (("one", []), ("two", ["--steps_per_execution=2"]))
    )
    assert len(one["weights"]) > 20
    assert all(np.isfinite(array).all() for array in one["weights"].values())
    assert differing(one, two) == set()
    assert borrowed == borrowed_again
    if network is SMALL:
        other, _ = results(train("other", "--seed=8", *network))
        changed = differing(one, other)
        assert any(name.startswith("weights/") for name in changed)
        # Retrieval has no random part.
        assert not any(name.startswith("table/") for name in changed)
