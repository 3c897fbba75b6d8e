"""Damaged weight files: flipped bits, cut ends and zeros are an InputError naming the file, or the file still loads."""

import keras
import numpy as np
import pytest

from sjft_tf.descriptors import open_bank
from sjft_tf.errors import InputError
from sjft_tf.models import build_trunk, load_trunk_weights


@pytest.fixture
def mutations(request):
    """So many random damages of some bytes, the same at every start."""

    def of(content: bytes, seed: int):
        rng = np.random.default_rng(seed)
        for number in range(request.config.getoption("--fuzz")):
            damaged = bytearray(content)
            kind, position = number % 3, int(rng.integers(len(content)))
            if kind == 0:
                # Headers and directories are at the two ends: half of the flips go there.
                ends = [*range(min(2048, len(content))), *range(max(0, len(content) - 2048), len(content))]
                position = int(rng.choice(ends)) if rng.random() < 0.5 else position
                damaged[position] ^= 1 << int(rng.integers(8))
            elif kind == 1:
                del damaged[position:]
            else:
                damaged[position : position + 64] = bytes(len(damaged[position : position + 64]))
            yield bytes(damaged)

    return of


def attack(mutations, path, seed, load):
    """How many damages were refused; anything but InputError fails the test."""
    messages = []
    for damaged in mutations(path.read_bytes(), seed):
        path.write_bytes(damaged)
        try:
            load(str(path))
        except InputError as error:
            messages.append(str(error))
    assert all(str(path) in message for message in messages)
    return len(messages)


@pytest.mark.parametrize("name", ["tiny.weights.h5", "tiny.keras"])
def test_trunk_weights(mutations, tmp_path, name):
    trunk = build_trunk("preact_resnet", 8, depth=8, width=1)
    path = tmp_path / name
    trunk.save_weights(path) if name.endswith(".h5") else trunk.save(path)
    load_trunk_weights(trunk, path)
    assert attack(mutations, path, 1, lambda file: load_trunk_weights(trunk, file))


def test_bank_models(mutations, tmp_path):
    images = keras.Input((None, None, 3))
    keras.Model(images, keras.layers.Conv2D(2, 3, name="conv")(images)).save(tmp_path / "bank.keras")
    assert attack(mutations, tmp_path / "bank.keras", 2, lambda file: open_bank(f"model:{file}", layers=["conv"]))


def test_bank_arrays(mutations, tmp_path):
    path = tmp_path / "bank.npz"
    kernel = np.random.default_rng(0).normal(size=(7, 7, 3, 96)).astype(np.float32)
    np.savez(path, **{"conv1/kernel": kernel, "conv1/bias": np.zeros(96, np.float32)})
    assert attack(mutations, path, 3, lambda file: open_bank("squeezenet_conv1", weights=file))
