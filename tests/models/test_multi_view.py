"""Scoring with several views: averages written out, at other sizes, following the weights."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet, View, evaluation_views
from sjft_tf.models import MultiViewScorer, Scorer, build_joint_model, build_trunk, make_scorer
from sjft_tf.models.multi_view import at_side


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    return build_joint_model(build_trunk("preact_resnet", 16, depth=8, width=4), 4, 3, dropout=0.5)


@pytest.fixture
def pictures(rng):
    return ImageSet.from_arrays("pictures", rng.integers(0, 256, (7, 20, 18, 3), np.uint8), np.arange(7) % 4)


def softmax(logits):
    e = np.exp(np.asarray(logits, np.float64) - np.max(logits, axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("batch_size", [1, 25, 128])
def test_ten_crops_are_averaged_with_equal_weight(model, pictures, batch_size):
    views = evaluation_views("ten_crop", 20, 16)
    got = make_scorer(model, views, batch_size)(pictures)
    for i in range(len(pictures)):
        want = softmax(model(views[0](pictures.load(i)), training=False)["target"]).mean(axis=0)
        np.testing.assert_allclose(got[i], want, rtol=1e-4, atol=1e-6)


def test_dense_is_the_softmax_of_the_averaged_score_map_over_sides_and_mirrors(model, pictures):
    views = evaluation_views("dense", 16, 16, (16, 24))
    got = MultiViewScorer(model, views, batch_size=8)(pictures, np.array([3, 1]))
    want = np.zeros((2, 4))
    pool = next(layer for layer in model.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D))
    kernel, bias = model.get_layer("target_head").get_weights()
    for side in (16, 24):
        sized = at_side(model, side)
        maps = keras.Model(sized.input, sized.get_layer(pool.name).input)
        for row, i in enumerate((3, 1)):
            square = tf.image.resize(pictures.load(i), [side, side], antialias=True)
            if side > 20:
                square = tf.image.resize(pictures.load(i), [side, side])
            for image in (square, square[:, ::-1]):
                scores = maps(image[None], training=False).numpy() @ kernel + bias  # the classifier as a convolution
                want[row] += softmax(scores.mean(axis=(1, 2)))[0] / 4
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-5)


def test_it_follows_the_weights_and_leaves_the_model_alone(pictures):
    model = build_joint_model(build_trunk("preact_resnet", 16, depth=8, width=4), 4, None)
    scorer = MultiViewScorer(model, evaluation_views("dense", 16, 16, (24,)), 8)
    names, first = [layer.name for layer in model.layers], scorer(pictures)
    model.set_weights([w * 1.5 for w in model.get_weights()])
    second = scorer(pictures)
    assert np.abs(first - second).max() > 1e-4
    np.testing.assert_array_equal(second, MultiViewScorer(model, evaluation_views("dense", 16, 16, (24,)), 8)(pictures))
    assert [layer.name for layer in model.layers] == names
    assert model.get_layer("features").output is not None  # one place in the graph, as before
    np.testing.assert_allclose(second.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNetV2", "EfficientNetB0", "ConvNeXtTiny"])
def test_a_copy_of_the_same_size_is_the_network_itself(name, rng):
    model = build_joint_model(build_trunk(name, 32), 3, None)
    x = rng.uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    np.testing.assert_array_equal(model(x, training=False)["target"], at_side(model, 32)(x, training=False)["target"])
    assert at_side(model, 64)(np.repeat(np.repeat(x, 2, 1), 2, 2), training=False)["target"].shape == (2, 3)


def test_the_plain_scorer_where_there_is_one_picture(model):
    assert isinstance(make_scorer(model, [View(16, 16)]), Scorer)
    with pytest.raises(InputError, match="at least one view"):
        MultiViewScorer(model, [])
