"""Trunks from saved models: whole classifiers cut at their last map, nested models laid open, the same features."""

import sys
import types

import keras
import numpy as np
import pytest

from sjft_tf.compat import KERAS_3
from sjft_tf.errors import InputError
from sjft_tf.models import (
    FusedBatchNormalization,
    build_joint_model,
    build_trunk,
    freeze,
    layers_up_to,
    mix_start_statistics,
    open_saved,
    precision_scope,
    reset_from,
    write_architecture,
)
from sjft_tf.models.flattening import calls_of
from sjft_tf.models.multi_view import at_side
from sjft_tf.models.projected_gradients import last_kernel_layer

LAYERS = keras.layers


def base(rng, size=8, name="base"):
    """Two convolutions, with statistics and weights that matter."""
    inputs = keras.Input((size, size, 3))
    maps = LAYERS.Conv2D(4, 3, padding="same", name="first")(inputs)
    maps = LAYERS.ReLU(name="first_relu")(LAYERS.BatchNormalization(name="first_bn")(maps))
    maps = LAYERS.Conv2D(5, 3, strides=2, padding="same", name="second")(maps)
    model = keras.Model(inputs, LAYERS.ReLU(name="second_relu")(maps), name=name)
    model.set_weights([rng.uniform(0.1, 0.5, w.shape).astype(w.dtype) for w in model.get_weights()])
    return model


def classifier(form, inner):
    """The forms in which a base is usually saved, frozen as in transfer learning."""
    inner.trainable = False
    head = [LAYERS.GlobalAveragePooling2D(name="gap"), LAYERS.Dropout(0.5, name="drop"), LAYERS.Dense(3, name="top")]
    images = keras.Input((8, 8, 3))
    if form == "sequential":
        flip = LAYERS.RandomFlip(name="flip")
        return keras.Sequential([images, flip, LAYERS.Rescaling(1 / 127.5, -1.0), inner, *head])
    if form == "two levels":
        part = keras.Sequential([keras.Input((8, 8, 3)), LAYERS.Rescaling(1 / 127.5, -1.0), inner], name="part")
        maps = part(images)
    elif form == "arithmetic":
        maps = inner(images / 127.5 - 1.0, training=False)
    elif form == "flat":
        maps = LAYERS.Rescaling(1 / 127.5, -1.0)(images)
        for layer in inner.layers[1:]:
            maps = layer(maps)
    for layer in head:
        maps = layer(maps)
    return keras.Model(images, maps)


def pixels(rng, size=8):
    return rng.uniform(0, 255, (2, size, size, 3)).astype("float32")


def features_of(inner, images):
    return np.asarray(inner(images, training=False)).mean(axis=(1, 2))


@pytest.mark.parametrize("form", ["flat", "sequential", "two levels", "arithmetic"])
def test_features_are_those_of_the_model_cut_before_its_pooling(rng, tmp_path, form):
    inner = base(rng)
    classifier(form, inner).save(tmp_path / "own.keras")
    trunk = build_trunk(f"model:{tmp_path / 'own.keras'}", 8, weights="imagenet", batch_norm_momentum=0.9)
    images = pixels(rng)
    np.testing.assert_allclose(trunk(images), features_of(inner, images / 127.5 - 1.0), rtol=1e-4, atol=1e-5)
    names = [layer.name for layer in trunk.layers]
    assert names[-7:] == ["first", "first_bn", "first_relu", "second", "second_relu", "pool", "features"]
    assert not any(isinstance(layer, keras.Model) for layer in trunk.layers)
    assert "flip" not in names
    # What was frozen, or called with training=False, is the run's to decide.
    assert all(layer.trainable for layer in trunk.layers)
    norm = trunk.get_layer("first_bn")
    assert isinstance(norm, FusedBatchNormalization)
    assert norm.momentum == 0.9
    before = norm.moving_mean.numpy()
    trunk(images, training=True)
    assert not np.array_equal(before, norm.moving_mean.numpy())


def test_what_walks_layers_finds_those_of_a_nested_model(rng, tmp_path):
    classifier("sequential", base(rng)).save(tmp_path / "own.keras")
    name = f"model:{tmp_path / 'own.keras'}"
    trunk, random = build_trunk(name, 8, weights="imagenet"), build_trunk(name, 8)
    assert [layer.name for layer in layers_up_to(trunk, "1")] == ["first", "first_bn"]
    freeze(trunk, "1")
    assert [layer.name for layer in trunk.layers if not layer.trainable] == ["first", "first_bn"]
    assert mix_start_statistics(trunk, 0.5) == 1
    kernel = trunk.get_layer("first").get_weights()[0]
    reset_from(trunk, "second", random)
    np.testing.assert_array_equal(
        trunk.get_layer("second").get_weights()[0], random.get_layer("second").get_weights()[0]
    )
    np.testing.assert_array_equal(trunk.get_layer("first").get_weights()[0], kernel)
    layer = last_kernel_layer(trunk)
    assert layer.name == "second"
    keras.Model(trunk.input, [layer.input, layer.output, trunk.output])
    assert at_side(build_joint_model(trunk, 3, None), 12).input_shape == (None, 12, 12, 3)


def test_another_size_of_images_and_names_that_are_taken(rng, tmp_path):
    images = keras.Input((16, 16, 3))
    inner = base(rng, size=None)
    maps = LAYERS.Conv2D(3, 1, name="pool")(inner(LAYERS.Rescaling(1 / 255, name="preprocessing")(images)))
    keras.Model(images, LAYERS.Flatten()(LAYERS.Conv2D(2, 1, name="first")(maps))).save(tmp_path / "own.keras")
    trunk = build_trunk(f"model:{tmp_path / 'own.keras'}", 8, weights="imagenet")
    assert trunk.input_shape == (None, 8, 8, 3)
    assert trunk.output_shape == (None, 2)
    assert {"first", "first_1", "pool", "pool_1", "preprocessing_1"} <= {layer.name for layer in trunk.layers}


def gated(head):
    """Squeeze-and-excitation, and a head that keeps maps of one pixel."""
    images = keras.Input((8, 8, 3))
    maps = LAYERS.Conv2D(4, 3, name="conv")(LAYERS.Rescaling(1 / 255)(images))
    gate = LAYERS.Conv2D(4, 1, name="gate")(LAYERS.GlobalAveragePooling2D(keepdims=True)(maps))
    maps = LAYERS.Multiply(name="gated")([maps, gate])
    pool = LAYERS.GlobalAveragePooling2D(keepdims=True) if head == "global" else LAYERS.AveragePooling2D(6)
    return keras.Model(images, LAYERS.Flatten()(LAYERS.ReLU()(LAYERS.Conv2D(9, 1, name="top")(pool(maps)))))


@pytest.mark.parametrize("head", ["global", "average"])
def test_maps_of_one_pixel_after_the_pooling_are_the_heads(tmp_path, head):
    model = gated(head)
    assert [call.name for call in calls_of(model) if call.pooled][-1].startswith("re_lu")
    model.save(tmp_path / "own.keras")
    assert open_saved(f"model:{tmp_path / 'own.keras'}").cut.name == "gated"


def test_a_layer_may_be_named_that_gives_maps_or_vectors(rng, tmp_path):
    images = keras.Input((8, 8, 3))
    maps = base(rng)(LAYERS.Rescaling(1 / 255)(images))
    model = keras.Model(images, LAYERS.Dense(3, name="top")(LAYERS.Flatten()(maps)))
    model.save(tmp_path / "own.keras")
    name, images = f"model:{tmp_path / 'own.keras'}", pixels(rng)
    assert build_trunk(name, 8, layer="first_relu", weights="imagenet").output_shape == (None, 4)
    trunk = build_trunk(name, 8, layer="top", weights="imagenet")
    np.testing.assert_allclose(trunk(images), model(images), rtol=1e-4)
    with pytest.raises(InputError, match="cannot be applied to images of 12 px"):
        at_side(build_joint_model(trunk, 3, None), 12)
    with pytest.raises(InputError, match=r"has no layer 'third' \(--trunk_layer\).*second, second_relu"):
        open_saved(name, "third")


def test_pixels_are_as_the_model_says_or_as_asked(rng, tmp_path, caplog):
    inner = base(rng)
    inner.save(tmp_path / "bare.keras")
    name, images = f"model:{tmp_path / 'bare.keras'}", pixels(rng)
    with pytest.raises(InputError, match="not known which it takes. Say --preprocessing=none"):
        open_saved(name)
    with caplog.at_level("INFO"):
        trunk = build_trunk(name, 8, preprocessing="unit", weights="imagenet")
    assert "ends with layer 'second_relu' (4 x 4 x 5); pixels 0..1" in caplog.text
    np.testing.assert_allclose(trunk(images), features_of(inner, images / 255), rtol=1e-4)


def test_a_normalization_that_was_fitted_is_kept_with_random_weights(rng, tmp_path):
    images, norm = keras.Input((8, 8, 3)), LAYERS.Normalization()
    norm.adapt(pixels(rng))
    keras.Model(images, LAYERS.Conv2D(2, 3, name="conv")(norm(images))).save(tmp_path / "own.keras")
    trunks = [build_trunk(f"model:{tmp_path / 'own.keras'}", 8, weights=weights) for weights in ("imagenet", "none")]
    one, other = ({layer.name: layer.get_weights() for layer in trunk.layers if layer.weights} for trunk in trunks)
    assert not np.array_equal(one.pop("conv")[0], other.pop("conv")[0])
    for name, weights in one.items():
        for mine, theirs in zip(weights, other[name], strict=True):
            np.testing.assert_array_equal(mine, theirs)
    assert np.ptp(trunks[1](pixels(rng))) < 20  # not of pixels 0..255


def test_preprocessing_stays_float32_in_a_16_bit_trunk(rng, tmp_path):
    classifier("sequential", base(rng)).save(tmp_path / "own.keras")
    with precision_scope("bfloat16"):
        trunk = build_trunk(f"model:{tmp_path / 'own.keras'}", 8, weights="imagenet")
    types_of = {layer.name: str(layer.compute_dtype) for layer in trunk.layers}
    assert types_of["first"] == types_of["second_relu"] == "bfloat16"
    assert types_of["features"] == next(kind for name, kind in types_of.items() if "rescaling" in name) == "float32"


@pytest.mark.parametrize("form", ["sequential", "arithmetic"])
def test_the_architecture_that_a_run_keeps_is_the_trunk(rng, tmp_path, form):
    classifier(form, base(rng)).save(tmp_path / "own.keras")
    trunk = build_trunk(f"model:{tmp_path / 'own.keras'}", 8, weights="imagenet", batch_norm_momentum=0.9)
    write_architecture(trunk, tmp_path / "trunk.json")
    again = build_trunk(f"model:{tmp_path / 'trunk.json'}", 8, batch_norm_momentum=0.9)
    assert [layer.name for layer in again.layers] == [layer.name for layer in trunk.layers]
    trunk.save_weights(tmp_path / "t.weights.h5")
    again.load_weights(tmp_path / "t.weights.h5")
    images = pixels(rng)
    np.testing.assert_array_equal(again(images), trunk(images))
    (tmp_path / "trunk.json").write_text("{}")
    with pytest.raises(InputError, match=r"trunk\.json.*Start the training's command again"):
        open_saved(f"model:{tmp_path / 'trunk.json'}")


def _lambda(images):
    return LAYERS.Lambda(lambda x: x / 255)(images)


def _own_class(images):
    class Own(LAYERS.Layer):
        def call(self, inputs):
            return inputs

    return Own()(images)


@pytest.mark.parametrize("make", [_lambda, _own_class])
def test_code_and_own_classes_are_refused(tmp_path, make):
    images = keras.Input((8, 8, 3))
    keras.Model(images, LAYERS.Conv2D(2, 3)(make(images))).save(tmp_path / "own.keras")
    with pytest.raises(InputError, match=r"plain Keras layers: .*without own classes"):
        open_saved(f"model:{tmp_path / 'own.keras'}")


def test_models_that_are_no_trunk(rng, tmp_path):
    gray = keras.Input((8, 8, 1))
    keras.Model(gray, LAYERS.Conv2D(2, 3)(gray)).save(tmp_path / "gray.keras")
    with pytest.raises(InputError, match=r"must take images \[N, height, width, 3\].*8, 8, 1"):
        open_saved(f"model:{tmp_path / 'gray.keras'}")
    images = keras.Input((8, 8, 3))
    flat = LAYERS.Reshape((16, 12))(LAYERS.Rescaling(1 / 255)(images))
    keras.Model(images, LAYERS.Conv1D(2, 3, name="tokens")(flat)).save(tmp_path / "tokens.keras")
    name = f"model:{tmp_path / 'tokens.keras'}"
    assert build_trunk(name, 8, layer="tokens", weights="imagenet").output_shape == (None, 2)
    with pytest.raises(InputError, match=r"saved for images of 8 x 8, cannot be made anew for 16 px \(--image_size\)"):
        build_trunk(name, 16, layer="tokens", weights="imagenet")
    with pytest.raises(InputError, match="damaged|cannot be loaded"):
        (tmp_path / "cut.keras").write_bytes(b"PK\3\4")
        open_saved(f"model:{tmp_path / 'cut.keras'}")


@pytest.mark.skipif(KERAS_3, reason="KerasHub needs Keras 3")
def test_keras_hub_is_of_the_other_stack():
    with pytest.raises(InputError, match="KerasHub needs Keras 3"):
        build_trunk("keras_hub:resnet_50_imagenet", 32)


@pytest.mark.skipif(not KERAS_3, reason="KerasHub needs Keras 3")
def test_keras_hub_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(InputError, match=r"needs KerasHub.*pip install 'sjft_tf\[hub\]'"):
        build_trunk("keras_hub:resnet_50_imagenet", 32)


@pytest.mark.skipif(not KERAS_3, reason="KerasHub needs Keras 3")
@pytest.mark.parametrize("scale", [(1 / 127.5, -1.0), ([0.1, 0.2, 0.3], [1.0, 2.0, 3.0]), None])
def test_a_backbone_has_the_scale_of_its_presets_converter(rng, monkeypatch, scale):
    """KerasHub brings tensorflow-text along, so that a stand-in answers as it does."""
    inner, asked = base(rng), []

    def from_preset(preset, load_weights):
        asked.append((preset, load_weights))
        return inner

    def converter(preset):
        if scale is None:
            raise ValueError("no image_converter.json")
        return types.SimpleNamespace(scale=scale[0], offset=scale[1])

    stand_in = types.SimpleNamespace(
        models=types.SimpleNamespace(Backbone=types.SimpleNamespace(from_preset=from_preset)),
        layers=types.SimpleNamespace(ImageConverter=types.SimpleNamespace(from_preset=converter)),
    )
    monkeypatch.setitem(sys.modules, "keras_hub", stand_in)
    if scale is None:
        with pytest.raises(InputError, match="Say --preprocessing"):
            build_trunk("keras_hub:PRESET", 8, weights="imagenet")
        return
    images = pixels(rng)
    trunk = build_trunk("keras_hub:PRESET", 8, weights="imagenet")
    expected = features_of(inner, (images * scale[0] + scale[1]).astype("float32"))
    np.testing.assert_allclose(trunk(images), expected, rtol=1e-4)
    assert asked == [("PRESET", True)]
