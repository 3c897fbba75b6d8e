"""Local weight files of every kind: loaded completely, or refused with both sides named."""

import keras
import numpy as np
import pytest

from sjft_tf.compat import KERAS_3
from sjft_tf.errors import InputError
from sjft_tf.models import build_joint_model, build_trunk, load_trunk_weights


def _preact(**options):
    return build_trunk("preact_resnet", 8, **{"depth": 8, "width": 4, **options})


def _randomize(model, rng):
    model.set_weights([rng.uniform(0.5, 1.5, w.shape).astype(w.dtype) for w in model.get_weights()])
    return model


def _assert_same(a, b):
    for x, y in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(x, y)


def _save_legacy(model, path):
    if KERAS_3:
        model.save(path)  # whole models are all Keras 3 still writes in the legacy layout
    else:
        model.save_weights(path)


@pytest.mark.parametrize("file", ["t.weights.h5", "t.keras", "t.h5"])
def test_own_files_come_back(rng, tmp_path, file):
    trunk = _randomize(_preact(), rng)
    if file == "t.keras":
        trunk.save(tmp_path / file)
    elif file == "t.h5":
        _save_legacy(trunk, tmp_path / file)
    else:
        trunk.save_weights(tmp_path / file)
    _assert_same(_preact(weights=tmp_path / file), trunk)


def test_trunk_of_a_saved_joint_model(rng, tmp_path):
    trunk = _preact()
    joint = _randomize(build_joint_model(trunk, 3, 5, dropout=0.1), rng)
    joint.save(tmp_path / "joint.keras")
    _assert_same(_preact(weights=str(tmp_path / "joint.keras")), trunk)


def test_stock_application_files_load_with_and_without_the_classifier(rng, tmp_path):
    trunk = None
    for top in (False, True):
        stock = keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, include_top=top, weights=None, classes=7)
        _randomize(stock, rng)
        _save_legacy(stock, tmp_path / "stock.h5")
        trunk = build_trunk("mobilenetv2", 32, alpha=0.35, weights=tmp_path / "stock.h5")
        for layer in trunk.layers:
            for mine, theirs in zip(
                layer.get_weights(), stock.get_layer(layer.name).get_weights() if layer.weights else [], strict=True
            ):
                np.testing.assert_array_equal(mine, theirs)


def test_stock_v3_layout_file_fits_the_replaced_trunk(rng, tmp_path):
    stock = keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, include_top=False, weights=None)
    _randomize(stock, rng)
    stock.save_weights(tmp_path / "stock.weights.h5")
    _assert_same(build_trunk("mobilenetv2", 32, alpha=0.35, weights=tmp_path / "stock.weights.h5"), stock)


def test_automatic_layer_names_load_in_order(rng, tmp_path):
    def build():
        inputs = keras.Input((4,))
        return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Dense(3)(inputs)))

    model = _randomize(build(), rng)
    _save_legacy(model, tmp_path / "m.h5")
    twin = build()
    load_trunk_weights(twin, tmp_path / "m.h5")
    _assert_same(twin, model)


@pytest.mark.parametrize("file", ["t.weights.h5", "t.keras", "t.h5"])
@pytest.mark.parametrize("options", [{"width": 5}, {"depth": 14}])
def test_file_of_another_architecture_is_refused(tmp_path, file, options):
    trunk = _preact()
    if file == "t.keras":
        trunk.save(tmp_path / file)
    elif file == "t.h5":
        _save_legacy(trunk, tmp_path / file)
    else:
        trunk.save_weights(tmp_path / file)
    with pytest.raises(InputError, match=rf"{file} do not fit trunk 'preact_resnet', which expects [\d,]+ numbers"):
        _preact(weights=tmp_path / file, **options)


def test_missing_damaged_and_foreign_files(tmp_path):
    with pytest.raises(InputError, match=r"no weight file.*none\.h5"):
        _preact(weights=tmp_path / "none.h5")
    (tmp_path / "a.ckpt").write_bytes(b"x")
    with pytest.raises(InputError, match="ending in"):
        _preact(weights=tmp_path / "a.ckpt")
    for name in ("a.weights.h5", "a.h5", "a.keras"):
        (tmp_path / name).write_bytes(b"not a weight file")
        with pytest.raises(InputError, match="do not fit"):
            _preact(weights=tmp_path / name)


@pytest.mark.parametrize("file", ["t.weights.h5", "t.keras", "t.h5"])
def test_a_changed_byte_is_refused_or_read(rng, tmp_path, file):
    """Such files have no digest of ours: whatever HDF5, zip and Keras raise is told as an InputError."""
    trunk, twin, path = _preact(), _preact(), tmp_path / file
    if file == "t.keras":
        trunk.save(path)
    elif file == "t.h5":
        _save_legacy(trunk, path)
    else:
        trunk.save_weights(path)
    content, refused = path.read_bytes(), 0
    for _ in range(25):
        at = int(rng.integers(min(len(content), 4096)))
        path.write_bytes(content[:at] + bytes([content[at] ^ (1 << int(rng.integers(8)))]) + content[at + 1 :])
        try:
            load_trunk_weights(twin, path)
        except InputError as error:
            assert file in str(error)  # noqa: PT017
            refused += 1
    assert refused


def test_saved_code_is_not_run(tmp_path):
    inputs = keras.Input((8, 8, 3))
    keras.Model(inputs, keras.layers.Lambda(lambda x: x + 1)(inputs)).save(tmp_path / "lambda.keras")
    with pytest.raises(InputError, match=r"(?i)lambda"):
        _preact(weights=tmp_path / "lambda.keras")
