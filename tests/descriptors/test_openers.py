"""Banks by spec string."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.descriptors import BANKS, caffe_nets, open_bank
from sjft_tf.errors import InputError


@pytest.fixture
def images(rng):
    return rng.uniform(0, 255, (1, 64, 64, 3)).astype(np.float32)


def alexnet_arrays(rng):
    shapes = {
        "conv1/kernel": (11, 11, 3, 96),
        "conv1/bias": (96,),
        "conv2/kernel": (5, 5, 48, 256),
        "conv2/bias": (256,),
    }
    return {name: rng.normal(size=shape).astype(np.float32) * 0.02 for name, shape in shapes.items()}


def test_gabor():
    assert open_bank("gabor").layer_channels == (48,)
    with pytest.raises(InputError, match="neither layers nor weights"):
        open_bank("gabor", layers=["conv1"])


def test_unknown_spec_lists_the_choices():
    for spec in ("haar", "keras:", "model:", ""):
        with pytest.raises(InputError, match=r"Unknown filter bank.*gabor, alexnet, squeezenet_conv1"):
            open_bank(spec)
    assert "gabor" in BANKS


def test_squeezenet_takes_bgr_minus_mean(tmp_path, rng, images):
    kernel = rng.normal(size=(7, 7, 3, 96)).astype(np.float32)
    np.savez(tmp_path / "s.npz", **{"conv1/kernel": kernel, "conv1/bias": np.ones(96, np.float32), "more": np.zeros(1)})
    bank = open_bank("squeezenet_conv1", weights=str(tmp_path / "s.npz"))
    assert bank.name == "squeezenet_conv1[conv1]"
    assert bank.layer_channels == (96,)
    expected = tf.nn.conv2d(images[..., ::-1] - np.float32([104, 117, 123]), kernel, 2, "VALID") + 1
    np.testing.assert_allclose(bank.responses(tf.constant(images))[0], expected, rtol=1e-3, atol=1e-2)


def test_alexnet_against_numpy_grouping(tmp_path, rng, images):
    arrays = alexnet_arrays(rng)
    np.savez(tmp_path / "a.npz", **arrays)
    first, second = open_bank("alexnet", weights=str(tmp_path / "a.npz")).responses(tf.constant(images))
    assert (first.shape, second.shape) == ((1, 14, 14, 96), (1, 6, 6, 256))
    x = tf.nn.conv2d(images[..., ::-1] - np.float32([104, 117, 123]), arrays["conv1/kernel"], 4, "VALID")
    x = (x + arrays["conv1/bias"]).numpy()
    np.testing.assert_allclose(first, x, rtol=1e-3, atol=1e-2)
    x = np.maximum(x, 0).astype(np.float64)
    squares = np.pad(x**2, [(0, 0), (0, 0), (0, 0), (2, 2)])
    x /= (1 + 1e-4 / 5 * sum(squares[..., shift : shift + 96] for shift in range(5))) ** 0.75
    x = np.max([x[:, i : i + 11 : 2, j : j + 11 : 2] for i in range(3) for j in range(3)], axis=0)[:, :6, :6]
    x = np.pad(x, [(0, 0), (2, 2), (2, 2), (0, 0)])
    expected = np.zeros((1, 6, 6, 256))
    for group in range(2):
        kernel = arrays["conv2/kernel"][..., group * 128 : (group + 1) * 128]
        for i, j in np.ndindex(5, 5):
            patch = x[:, i : i + 6, j : j + 6, group * 48 : (group + 1) * 48]
            expected[..., group * 128 : (group + 1) * 128] += patch @ kernel[i, j]
    np.testing.assert_allclose(second, expected + arrays["conv2/bias"], rtol=1e-3, atol=1e-3)


def test_alexnet_shapes_at_the_papers_size():
    model = caffe_nets.alexnet()
    assert keras.Model(model.input, model.get_layer("conv1").output)(tf.zeros([1, 224, 224, 3])).shape[1:] == (
        54,
        54,
        96,
    )


def test_weights_are_asked_for():
    with pytest.raises(InputError, match=r"alexnet needs weights.*conv2/kernel \(5, 5, 48, 256\)"):
        open_bank("alexnet")


def test_wrong_weight_files(tmp_path, rng):
    arrays = alexnet_arrays(rng)
    arrays["conv1/kernel"] = arrays["conv1/kernel"][:7]
    np.savez(tmp_path / "shape.npz", **arrays)
    with pytest.raises(InputError, match=r"has shape \(7, 11, 3, 96\), alexnet needs \(11, 11, 3, 96\)"):
        open_bank("alexnet", weights=str(tmp_path / "shape.npz"))
    np.savez(tmp_path / "missing.npz", a=np.zeros(1))
    with pytest.raises(InputError, match=r"no array 'conv1/kernel'. Its arrays: a"):
        open_bank("alexnet", weights=str(tmp_path / "missing.npz"))
    np.savez(tmp_path / "nan.npz", **{"conv1/kernel": np.full((7, 7, 3, 96), np.nan), "conv1/bias": np.zeros(96)})
    with pytest.raises(InputError, match="'conv1/kernel' holds NaN"):
        open_bank("squeezenet_conv1", weights=str(tmp_path / "nan.npz"))
    (tmp_path / "junk.npz").write_bytes(b"junk")
    with pytest.raises(InputError, match="cannot be read"):
        open_bank("alexnet", weights=str(tmp_path / "junk.npz"))
    np.savez(tmp_path / "pickle.npz", **{"conv1/kernel": np.array([{}], object)})
    with pytest.raises(InputError, match="cannot be read"):
        open_bank("alexnet", weights=str(tmp_path / "pickle.npz"))
    with pytest.raises(InputError, match="There is no weight file"):
        open_bank("alexnet", weights=str(tmp_path / "absent.npz"))
    with pytest.raises(InputError, match=r"must end in \.weights\.h5"):
        open_bank("alexnet", weights=str(tmp_path / "absent.bin"))


def test_keras_weight_file_of_the_small_nets(tmp_path, images):
    model = caffe_nets.squeezenet_conv1()
    model.save_weights(str(tmp_path / "s.weights.h5"))
    bank = open_bank("squeezenet_conv1", weights=str(tmp_path / "s.weights.h5"))
    linear = keras.Model(model.input, model.get_layer("conv1").output)
    expected = linear(caffe_nets.caffe_input(tf.constant(images)))
    np.testing.assert_allclose(bank.responses(tf.constant(images))[0], expected, rtol=1e-4, atol=1e-3)


def test_application_with_options_and_local_weights(tmp_path, images):
    model = keras.applications.MobileNetV2(alpha=0.35, weights=None, include_top=False, input_shape=(None, None, 3))
    model.save_weights(str(tmp_path / "m.weights.h5"))
    bank = open_bank(
        "keras:MobileNetV2?alpha=0.35",
        layers=["Conv1"],
        weights=str(tmp_path / "m.weights.h5"),
        before_nonlinearity=True,
    )
    expected = keras.Model(model.input, model.get_layer("Conv1").output)(images / 127.5 - 1)
    np.testing.assert_allclose(bank.responses(tf.constant(images))[0], expected, atol=1e-4)
    # Another width: both shapes are named.
    with pytest.raises(InputError, match=r"(?s)do not fit.*\(1, 1, 48, 16\).*\(1, 1, 48, 8\)"):
        open_bank("keras:MobileNetV2?alpha=0.5", layers=["Conv1"], weights=str(tmp_path / "m.weights.h5"))


def test_application_errors(tmp_path):
    (tmp_path / "m.weights.h5").write_bytes(b"junk")
    weights = str(tmp_path / "m.weights.h5")
    with pytest.raises(InputError, match=r"no model 'MobileNetV9'. Choices: .*MobileNetV2"):
        open_bank("keras:MobileNetV9", weights=weights)
    with pytest.raises(InputError, match=r"cannot be built with {'beta': 1}"):
        open_bank("keras:MobileNetV2?beta=1", weights=weights)
    with pytest.raises(InputError, match="do not fit"):
        open_bank("keras:MobileNetV2?alpha=0.35", layers=["Conv1"], weights=weights)


def test_saved_model_file(tmp_path, images):
    inputs = keras.Input((None, None, 3))
    outputs = keras.layers.Conv2D(4, 3, activation="relu", name="conv")(keras.layers.Rescaling(1 / 255)(inputs))
    model = keras.Model(inputs, outputs)
    path = str(tmp_path / "m.keras")
    model.save(path)
    bank = open_bank(f"model:{path}", layers=["conv"], before_nonlinearity=False)
    np.testing.assert_allclose(bank.responses(tf.constant(images))[0], model(images), atol=1e-5)
    assert open_bank(f"model:{path}", layers=["conv"], before_nonlinearity=False).fingerprint == bank.fingerprint
    with pytest.raises(InputError, match="leave `weights` out"):
        open_bank(f"model:{path}", layers=["conv"], weights="x")
    with pytest.raises(InputError, match=r"ends in .keras"):
        open_bank("model:folder", layers=["conv"])
    with pytest.raises(InputError, match="There is no weight file"):
        open_bank(f"model:{tmp_path}/absent.keras", layers=["conv"])
    (tmp_path / "junk.keras").write_bytes(b"junk")
    with pytest.raises(InputError, match="cannot be loaded"):
        open_bank(f"model:{tmp_path}/junk.keras", layers=["conv"])


@pytest.mark.large
def test_real_learned_filters(real_data):
    images = tf.random.uniform([2, 64, 64, 3], 0, 255)
    weights = real_data / "weights" / "squeezenet_v1.0_conv1_fire2_fire3_hwio_bgr.npz"
    assert open_bank("squeezenet_conv1", weights=str(weights)).responses(images)[0].shape == (2, 29, 29, 96)
    weights = real_data / "weights" / "mobilenet_v2_0.35_224_notop.weights.h5"
    bank = open_bank("keras:MobileNetV2?alpha=0.35", layers=["Conv1", "block_1_expand"], weights=str(weights))
    assert bank.layer_channels == (16, 48)
    assert bank.responses(images)[1].shape == (2, 32, 32, 48)
