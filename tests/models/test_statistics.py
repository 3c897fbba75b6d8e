"""Moving statistics made anew: the plain averages of the batches', everything else untouched."""

import keras
import numpy as np
import pytest

from sjft_tf.models import FusedBatchNormalization, ResumableDropout, recompute_statistics


@pytest.fixture
def model():
    inputs = keras.Input((2, 2, 3))
    x = FusedBatchNormalization(momentum=0.9, name="first")(inputs)
    x = keras.layers.Conv2D(4, 1, name="conv")(x)
    x = FusedBatchNormalization(momentum=0.99, name="second")(x)
    return keras.Model(inputs, {"target": ResumableDropout(0.5)(keras.layers.GlobalAveragePooling2D()(x))})


def test_averages_of_the_batches(model, rng):
    batches = [(rng.normal(1, 2, (6, 2, 2, 3)).astype("float32"), {}) for _ in range(3)]
    before = {layer.name: [np.array(w) for w in layer.get_weights()] for layer in model.layers}
    assert recompute_statistics(model, batches) == 2
    means = np.mean([images.mean((0, 1, 2)) for images, _ in batches], axis=0)
    # The fused kernel of Keras 2.15 reports the variance with Bessel's correction.
    for ddof in (0, 1):
        variances = np.mean([images.reshape(-1, 3).var(0, ddof=ddof) for images, _ in batches], axis=0)
        if np.allclose(model.get_layer("first").moving_variance, variances, rtol=1e-4):
            break
    else:
        pytest.fail("no average of the batches' variances")
    np.testing.assert_allclose(model.get_layer("first").moving_mean, means, rtol=1e-4)
    # The second layer sees what the first one makes of each batch, with that batch's own statistics.
    normal = [(x - x.mean((0, 1, 2))) / np.sqrt(x.reshape(-1, 3).var(0) + 1e-3) for x, _ in batches]
    kernel, bias = before["conv"]
    seen = [x @ kernel[0, 0] + bias for x in normal]
    np.testing.assert_allclose(
        model.get_layer("second").moving_mean, np.mean([s.mean((0, 1, 2)) for s in seen], axis=0), rtol=1e-3, atol=1e-5
    )
    for layer in model.layers:
        if layer.name not in ("first", "second"):
            for a, b in zip(before[layer.name], layer.get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)
    assert (model.get_layer("first").momentum, model.get_layer("second").momentum) == (0.9, 0.99)


def test_frozen_layers_keep_theirs(model, rng):
    for name in ("first", "second"):
        model.get_layer(name).trainable = False
    before = model.get_weights()
    assert recompute_statistics(model, [(rng.normal(size=(2, 2, 2, 3)).astype("float32"), {})]) == 0
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
