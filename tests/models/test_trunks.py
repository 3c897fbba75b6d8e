"""Trunks by name: shapes, preprocessing, limits and messages; real weights where they are at hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.compat import KERAS_3
from sjft_tf.errors import InputError
from sjft_tf.models import FusedBatchNormalization, build_trunk, trunk_names
from sjft_tf.models.families import find_family, preprocess


def _preprocessed(name, images, **options):
    inputs = keras.Input(images.shape[1:])
    return keras.Model(inputs, preprocess(inputs, find_family(name), **options))(images).numpy()


def test_mobilenet_has_fused_normalization_and_float32_features():
    trunk = build_trunk("mobilenetv2", 32, alpha=0.35, batch_norm_momentum=0.95)
    assert trunk.input_shape == (None, 32, 32, 3)
    assert trunk.output_shape == (None, 1280)
    assert trunk.layers[-1].name == "features"
    norms = [layer for layer in trunk.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(norms) == 52
    assert {layer.momentum for layer in norms} == {0.95}
    assert all(isinstance(layer, FusedBatchNormalization) for layer in norms)
    assert trunk.count_params() == 410_208


def test_features_stay_float32_under_mixed_precision(rng):
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        trunk = build_trunk("preact_resnet", 8, depth=8, width=4)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert trunk.get_layer("stage1_unit1_1_conv").compute_dtype == "bfloat16"
    features = trunk(rng.uniform(0, 255, (2, 8, 8, 3)).astype("float32"))
    assert features.dtype == tf.float32
    assert np.isfinite(features.numpy()).all()


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("ResNet50", "resnet"),
        ("VGG16", "vgg16"),
        ("DenseNet121", "densenet"),
        ("ResNet50V2", "resnet_v2"),
        ("MobileNet", "mobilenet"),
        ("MobileNetV2", "mobilenet_v2"),
        ("MobileNetV3Small", "mobilenet_v3"),
        ("InceptionV3", "inception_v3"),
        ("InceptionResNetV2", "inception_resnet_v2"),
        ("Xception", "xception"),
        ("NASNetMobile", "nasnet"),
        ("ConvNeXtTiny", "convnext"),
        ("EfficientNetV2S", "efficientnet_v2"),
    ],
)
def test_preprocessing_is_the_familys_own(rng, name, module):
    images = rng.uniform(0, 255, (2, 4, 4, 3)).astype("float32")
    expected = getattr(keras.applications, module).preprocess_input(images.copy())
    np.testing.assert_allclose(_preprocessed(name, images), expected, rtol=1e-5, atol=2e-5)


def test_efficientnet_gets_the_division_keras_leaves_out_for_local_weights(rng):
    images = rng.uniform(0, 255, (2, 4, 4, 3))
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    # The application: (x' / 255 - mean) / sqrt(std). The weights want (x / 255 - mean) / std.
    inside = (_preprocessed("EfficientNetB0", images.astype("float32")) / 255 - mean) / np.sqrt(std)
    np.testing.assert_allclose(inside, (images / 255 - mean) / std, rtol=1e-4, atol=1e-4)
    raw = images.astype("float32")
    np.testing.assert_array_equal(_preprocessed("EfficientNetB0", raw, rescaled_by_keras=True), raw)


def test_every_application_of_this_keras_is_in_the_table():
    applications = {n for n in dir(keras.applications) if n[0].isupper()}
    assert applications | {"preact_resnet", "plain5", "plain5_bn"} == set(trunk_names())
    for name in trunk_names():
        assert find_family(name.upper()).name == name
    assert find_family("ResNet152V2").preprocessing == "symmetric"
    assert find_family("resnet152").preprocessing == "caffe"
    assert find_family("mobilenetv3small").has_alpha


def test_unknown_name_lists_the_choices_close_ones_first():
    with pytest.raises(InputError, match=r"'resnet51'.*Did you mean ResNet50.*VGG16"):
        build_trunk("resnet51", 64)


@pytest.mark.parametrize(
    ("name", "size", "options", "message"),
    [
        ("resnet50", 31, {}, "at least 32 px.*image_size=31"),
        ("Xception", 64, {}, "at least 71 px"),
        ("preact_resnet", 7, {}, "at least 8 px"),
        ("resnet50", 64, {"alpha": 0.5}, "no width multiplier.*alpha=0.5"),
        ("preact_resnet", 8, {"weights": "imagenet"}, "no ImageNet weights"),
        ("preact_resnet", 8, {"depth": 9}, "6n . 2.*Received: 9"),
        ("preact_resnet", 8, {"width": 0}, "at least 1.*Received: 0"),
        ("mobilenetv2", 32, {"weights": "imagenet", "alpha": 0.33}, "ImageNet weights of MobileNetV2"),
    ],
)
def test_bad_settings_are_refused(name, size, options, message):
    with pytest.raises(InputError, match=message):
        build_trunk(name, size, **options)


@pytest.mark.parametrize(("size", "depth", "width"), [(8, 8, 4), (9, 14, 3), (32, 8, 2)])
def test_preact_resnet_shapes_and_layer_count(size, depth, width):
    trunk = build_trunk("preact_resnet", size, depth=depth, width=width)
    assert trunk.output_shape == (None, 4 * width)
    layers = [layer for layer in trunk.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len([layer for layer in layers if layer.kernel_size == (3, 3)]) == depth - 1  # and the head is the last
    assert trunk.get_layer("stage3_unit1_2_conv").output.shape[1] == -(-size // 4)


@pytest.mark.parametrize(("name", "normalized"), [("plain5", 0), ("plain5_bn", 5)])
def test_a_plain_network_has_five_layers(name, normalized):
    trunk = build_trunk(name, 32, width=2)
    assert trunk.output_shape == (None, 8)
    kernels = [layer for layer in trunk.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.output.shape[1:] for layer in kernels] == [
        *((32, 32, 2), (16, 16, 4), (8, 8, 8), (8, 8, 8), (4, 4, 8))
    ]
    norms = [layer for layer in trunk.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert (len(norms), {layer.use_bias for layer in kernels}) == (normalized, {not normalized})
    assert build_trunk(name, 8, width=1).output_shape == (None, 4)


def test_preact_resnet_gradient_reaches_every_weight(rng):
    trunk = build_trunk("preact_resnet", 8, depth=14, width=4)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(trunk(rng.uniform(0, 255, (4, 8, 8, 3)).astype("float32"), training=True)))
    variables = [v.value if KERAS_3 else v for v in trunk.trainable_variables]
    for variable, gradient in zip(trunk.trainable_variables, tape.gradient(loss, variables), strict=True):
        assert gradient is not None, variable.name
        assert np.isfinite(gradient.numpy()).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ResNet50", "DenseNet121", "EfficientNetV2B0", "MobileNetV3Small", "VGG16"])
def test_families_build_and_come_back_from_their_own_files(rng, tmp_path, name):
    images = rng.uniform(0, 255, (1, 32, 32, 3)).astype("float32")
    trunk = build_trunk(name, 32, batch_norm_momentum=0.9)
    expected = trunk(images).numpy()
    assert np.isfinite(expected).all()
    trunk.save_weights(tmp_path / "t.weights.h5")
    trunk.save(tmp_path / "t.keras")
    for file in ("t.weights.h5", "t.keras"):
        np.testing.assert_allclose(build_trunk(name, 32, weights=tmp_path / file)(images), expected, rtol=1e-5)


@pytest.mark.large
def test_real_mobilenet_weights_load_at_64_px(real_data):
    file = real_data / "weights" / "mobilenet_v2_0.35_224_notop.weights.h5"
    trunk = build_trunk("MobileNetV2", 64, alpha=0.35, weights=file)
    ramp = np.broadcast_to(4.0 * np.arange(64, dtype="float32")[None, :, None, None], (1, 64, 64, 3))
    assert float(tf.reduce_sum(trunk(ramp))) == pytest.approx(244.446, rel=1e-4)  # the same on both stacks
    with pytest.raises(InputError, match=r"expects 706,224 numbers; the file holds 410,208"):
        build_trunk("MobileNetV2", 64, alpha=0.5, weights=file)
