"""Scoring: every image, in order, with the model's present weights, traced once."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.models import Scorer, target_logits


class Pictures:
    """The part of an ImageSet that scoring uses: images of differing sizes, held in memory."""

    name = "pictures"

    def __init__(self, count: int, classes: int = 3) -> None:
        rng = np.random.default_rng(1)
        self.images = [rng.integers(0, 256, (6 + i % 3, 8, 3), dtype=np.uint8) for i in range(count)]
        self.labels = (np.arange(count) % classes).astype(np.int32)
        self.class_names = tuple("abcdefgh"[:classes])

    def __len__(self) -> int:
        return len(self.images)

    def dataset(self, rows=None):
        rows = np.arange(len(self)) if rows is None else rows

        def elements():
            for row in rows:
                yield {"row": row, "image": self.images[row], "label": self.labels[row]}

        return tf.data.Dataset.from_generator(
            elements,
            output_signature={
                "row": tf.TensorSpec([], tf.int32),
                "image": tf.TensorSpec([None, None, 3], tf.uint8),
                "label": tf.TensorSpec([], tf.int32),
            },
        )


def view(image):
    return tf.ensure_shape(tf.cast(image, tf.float32)[:4, :4], [4, 4, 3])


def joint_model(classes: int = 3, source: bool = True, nested_input: bool = False) -> keras.Model:
    inputs = keras.Input((4, 4, 3))
    x = keras.layers.Rescaling(1 / 127.5, -1.0)(inputs)
    x = keras.layers.Conv2D(4, 2)(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Dropout(0.5)(keras.layers.GlobalAveragePooling2D()(x))
    outputs = {"target": keras.layers.Dense(classes, name="target_logits")(x)}
    if source:
        outputs["source"] = keras.layers.Dense(5, name="source_logits")(x)
    return keras.Model([inputs] if nested_input else inputs, outputs)


def oracle(model, images):
    logits = model(np.stack([i[:4, :4].astype(np.float32) for i in images]), training=False)["target"]
    logits = np.asarray(logits, np.float64)
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("count", [1, 4, 5, 11])
def test_every_image_is_scored_in_order(count):
    pictures, model = Pictures(count), joint_model()
    p = Scorer(model, view, 4)(pictures)
    assert p.dtype == np.float32
    assert p.shape == (count, 3)
    np.testing.assert_allclose(p, oracle(model, pictures.images), rtol=1e-4, atol=1e-6)


def test_rows_choose_and_order(rng):
    pictures, model = Pictures(9), joint_model()
    rows = np.array([7, 0, 0, 3], np.int32)
    p = Scorer(model, view, 3)(pictures, rows)
    np.testing.assert_allclose(p, oracle(model, [pictures.images[r] for r in rows]), rtol=1e-4, atol=1e-6)
    assert Scorer(model, view)(pictures, rows[:0]).shape == (0, 3)


@pytest.mark.parametrize("kind", [{"source": False}, {"nested_input": True}])
def test_models_of_every_form(kind):
    pictures, model = Pictures(5), joint_model(**kind)
    p = Scorer(model, view)(pictures)
    np.testing.assert_allclose(p, Scorer(target_and_back(model), view)(pictures), rtol=1e-6)


def target_and_back(model):
    head = target_logits(model)
    return keras.Model(head.input, {"target": head.output})


def test_a_scorer_follows_the_weights_and_traces_once():
    pictures, model, traces = Pictures(6), joint_model(), []
    scorer = Scorer(model, view, batch_size=4)
    first = scorer(pictures)
    traces.append(scorer._forward.experimental_get_tracing_count())
    for w in model.trainable_weights:
        w.assign(w + 0.5)
    second = scorer(pictures, rows=np.arange(3))
    traces.append(scorer._forward.experimental_get_tracing_count())
    assert traces == [1, 1]
    assert not np.allclose(first[:3], second)
    np.testing.assert_allclose(second, oracle(model, pictures.images[:3]), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("batch_size", [2, 4, 128])
def test_views_kept_in_memory_change_no_bit(batch_size):
    pictures, model = Pictures(6), joint_model()
    pictures.fingerprint = "1a2b"
    plain, keeping = Scorer(model, view, batch_size), Scorer(model, view, batch_size, cache_mb=1)
    for _ in range(2):
        np.testing.assert_array_equal(plain(pictures), keeping(pictures))
        np.testing.assert_array_equal(plain(pictures, np.arange(3)), keeping(pictures, np.arange(3)))
        model.set_weights([w + 0.25 if w.dtype.kind == "f" else w for w in model.get_weights()])
    pictures.dataset = None  # the images are not read again
    np.testing.assert_allclose(keeping(pictures), oracle(model, pictures.images), rtol=1e-4, atol=1e-6)


def test_scoring_changes_nothing_in_the_model():
    model = joint_model()
    before = [np.asarray(v) for v in model.weights]
    Scorer(model, view, 2)(Pictures(7))
    for old, new in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, np.asarray(new))


def test_refusals():
    model = joint_model()
    with pytest.raises(InputError, match="batch_size=0"):
        Scorer(model, view, 0)
    head = target_logits(model)
    with pytest.raises(InputError, match='key "target"'):
        target_logits(head)
    with pytest.raises(InputError, match="functional Keras model"):
        target_logits(keras.Sequential([keras.layers.Dense(2)]))
    with pytest.raises(InputError, match=r"outputs \['other'\]"):
        target_logits(keras.Model(head.input, {"other": head.output}))


def test_a_set_that_loses_images_is_noticed():
    class Leaky(Pictures):
        def dataset(self, rows=None):
            return super().dataset(rows).take(3)

    with pytest.raises(InputError, match="3 images where 5"):
        Scorer(joint_model(), view)(Leaky(5))


def test_a_batch_is_no_larger_than_the_set():
    pictures, model = Pictures(18), joint_model()
    scorer = Scorer(model, view, 65536)
    ((images, size),) = scorer._prepare(pictures, None)
    assert (images.shape[0], size) == (128, 18)
    np.testing.assert_array_equal(scorer(pictures), Scorer(model, view, 128)(pictures))
