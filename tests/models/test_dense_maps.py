import numpy as np
import pytest

from sjft_tf.models import build_trunk, dense_maps


def test_the_maps_of_a_larger_image_hold_those_of_its_parts(rng):
    """A plain network looks no further than its receptive field: far from borders a cell is what it is alone."""
    trunk = build_trunk("preact_resnet", 32, depth=8, width=4)
    maps, stride = dense_maps(trunk)
    assert stride == 4
    image = rng.uniform(0, 255, (1, 96, 64, 3)).astype(np.float32)
    whole = maps(image, training=False).numpy()
    assert whole.shape == (1, 24, 16, 16)
    part = maps(image[:, 16:80, :64], training=False).numpy()
    np.testing.assert_allclose(whole[0, 10:14, 4:12], part[0, 6:10, 4:12], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(maps(image[:, :32, :32]).numpy().mean((1, 2)), trunk(image[:, :32, :32]), rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "stride"), [("MobileNetV2", 32), ("EfficientNetB0", 32), ("ResNet50V2", 32)])
def test_applications_have_them(name, stride):
    assert dense_maps(build_trunk(name, 64))[1] == stride


def test_a_trunk_without_its_pooling_has_none():
    import keras

    inputs = keras.Input((8, 8, 3))
    features = keras.layers.Dense(4, name="features")(keras.layers.Flatten()(inputs))
    assert dense_maps(keras.Model(inputs, features)) is None
