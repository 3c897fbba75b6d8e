"""Weight files that are there but no good: NaN is refused by the layer's name, a folder by what it is."""

import keras
import numpy as np
import pytest

from sjft_tf.descriptors import open_bank
from sjft_tf.errors import InputError
from sjft_tf.models import build_trunk
from sjft_tf.weight_files import existing_file


@pytest.mark.parametrize("name", ["t.weights.h5", "t.keras"])
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_trunk_weights_that_are_no_numbers(tmp_path, name, value):
    trunk = build_trunk("preact_resnet", 8, depth=8, width=1)
    layer = next(layer for layer in trunk.layers if layer.weights)
    weights = layer.get_weights()
    weights[0].flat[3] = value
    layer.set_weights(weights)
    trunk.save_weights(tmp_path / name) if name.endswith(".h5") else trunk.save(tmp_path / name)
    with pytest.raises(InputError, match=rf"{name}: layer '{layer.name}' holds NaN or infinite"):
        build_trunk("preact_resnet", 8, depth=8, width=1, weights=tmp_path / name)


def test_bank_weights_that_are_no_numbers(tmp_path):
    images = keras.Input((None, None, 3))
    layer = keras.layers.Conv2D(2, 3, name="conv", kernel_initializer=keras.initializers.Constant(np.nan))
    keras.Model(images, layer(images)).save(tmp_path / "bank.keras")
    with pytest.raises(InputError, match="layer 'conv' holds NaN"):
        open_bank(f"model:{tmp_path / 'bank.keras'}", layers=["conv"])


def test_what_is_no_file(tmp_path):
    (tmp_path / "folder.keras").mkdir()
    with pytest.raises(InputError, match="is a folder; a weight file was expected"):
        build_trunk("preact_resnet", 8, weights=tmp_path / "folder.keras")
    with pytest.raises(InputError, match="is a folder"):
        open_bank(f"model:{tmp_path / 'folder.keras'}", layers=["conv"])
    for path in ("a\0b", "x" * 5000, "nowhere"):
        with pytest.raises(InputError, match="no weight file|cannot be the path"):
            existing_file(path)


def test_arrays_that_unpack_to_more_than_they_should(tmp_path):
    np.savez_compressed(tmp_path / "bomb.npz", **{"conv1/kernel": np.zeros(2**21), "conv1/bias": np.zeros(96)})
    with pytest.raises(InputError, match="takes .* bytes, not"):
        open_bank("squeezenet_conv1", weights=str(tmp_path / "bomb.npz"))
