"""Crop, scale and mirror, and what comes after them: the same pixels for the same seed wherever they are made."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.errors import InputError
from sjft_tf.images.augment import Augmentation, ColorJitter, Cutout, RandAugment, RandomAffine


def numbered(side):
    """Every pixel tells where it is: red the row, green the column."""
    rows, columns = np.mgrid[:side, :side]
    return np.stack([rows, columns, 0 * rows], 2).astype(np.uint8)


def many(augmentation, image, count=400, dtype=tf.int64):
    seeds = tf.stack([tf.fill([count], tf.constant(7, dtype)), tf.range(count, dtype=dtype)], 1)
    return np.stack(
        list(tf.data.Dataset.from_tensor_slices(seeds).map(lambda s: augmentation(image, s)).as_numpy_iterator())
    )


def test_mirrors_half_of_the_time():
    image = numbered(4)
    results = many(Augmentation(resize=(4, 4), crop=4), image)
    flipped = np.array([np.array_equal(r, image[:, ::-1]) for r in results])
    same = np.array([np.array_equal(r, image) for r in results])
    assert (flipped ^ same).all()
    assert 160 < flipped.sum() < 240  # 4 standard deviations
    unmirrored = many(Augmentation(resize=(4, 4), crop=4, mirror=False), image, 20)
    assert (unmirrored == image).all()


def test_every_window_occurs_about_as_often():
    results = many(Augmentation(resize=(5, 5), crop=3, mirror=False), numbered(5), 900)
    corners, counts = np.unique(results[:, 0, 0, :2], axis=0, return_counts=True)
    assert len(corners) == 9
    assert counts.min() > 60
    assert counts.max() < 140
    for result in results[:20]:
        top, left = result[0, 0, :2].astype(int)
        np.testing.assert_array_equal(result, numbered(5)[top : top + 3, left : left + 3])


def test_padding_reflects():
    image = numbered(4)
    padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="reflect")
    windows = {padded[y : y + 4, x : x + 4].astype(np.float32).tobytes() for y in range(5) for x in range(5)}
    results = many(Augmentation(resize=(4, 4), crop=4, pad=2, mirror=False), image)
    assert {r.tobytes() for r in results} == windows


def test_every_side_occurs():
    # A crop of 1 from an image enlarged to `side` cannot tell the side; the slope of a ramp can.
    ramp = np.broadcast_to(np.linspace(0, 240, 8)[None, :, None], (8, 8, 3)).astype(np.float32)
    results = many(Augmentation(resize=(16, 19), crop=16, mirror=False), ramp, 100)
    slopes = np.round(results[:, 8, 8, 0] - results[:, 8, 7, 0], 2)
    assert len(np.unique(slopes)) == 4


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
def test_same_seed_same_result_eagerly_and_in_tf_data(dtype, rng):
    augmentation = Augmentation(resize=(6, 9), crop=5, pad=1)
    image = rng.integers(0, 256, (7, 11, 3), np.uint8)
    mapped = many(augmentation, image, 10, dtype)
    for i in range(10):
        eager = augmentation(image, tf.constant([7, i], dtype))
        np.testing.assert_allclose(eager, mapped[i], atol=1e-4)
    assert len({m.tobytes() for m in mapped}) > 5
    np.testing.assert_array_equal(mapped, many(augmentation, image, 10, dtype))


@given(st.integers(1, 9), st.integers(0, 4), st.integers(0, 3), st.data())
def test_shape_and_range(low, more, pad, data):
    pad = min(pad, low - 1)
    crop = data.draw(st.integers(1, low + 2 * pad))
    augmentation = Augmentation(resize=(low, low + more), crop=crop, pad=pad)
    result = augmentation(tf.fill([5, 6, 3], tf.constant(90, tf.uint8)), [1, 2])
    assert result.shape == (crop, crop, 3)
    assert result.dtype == tf.float32
    np.testing.assert_allclose(result, 90, atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"resize": (8, 7), "crop": 4}, "resize"),
        ({"resize": (0, 7), "crop": 1}, "resize"),
        ({"resize": (8, 8), "crop": 9}, "crop"),
        ({"resize": (8, 8), "crop": 0}, "crop"),
        ({"resize": (8, 8), "crop": 8, "pad": 8}, "pad"),
        ({"resize": (8, 8), "crop": 8, "pad": -1}, "pad"),
    ],
)
def test_refuses(arguments, named):
    with pytest.raises(InputError, match=f"`{named}` must be"):
        Augmentation(**arguments)


CHANGES = {
    "affine": RandomAffine(rotation=20, shear=10, translation=0.2),
    "randaugment": RandAugment(1, 9),
    "jitter": ColorJitter(0.4, 0.4, 0.4, 0.1),
    "cutout": Cutout(3),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_depend_on_image_and_seed_alone(name, rng):
    augmentation = Augmentation(resize=(8, 8), crop=8, changes=(CHANGES[name],))
    image = rng.integers(0, 256, (8, 8, 3), np.uint8)
    mapped = many(augmentation, image, 12)
    np.testing.assert_array_equal(mapped, many(augmentation, image, 12))
    assert mapped.shape == (12, 8, 8, 3)
    assert mapped.dtype == np.float32
    assert mapped.min() >= 0
    assert mapped.max() <= 255
    assert len({m.tobytes() for m in mapped}) > 8
    for i in (0, 11):
        np.testing.assert_allclose(augmentation(image, tf.constant([7, i], tf.int64)), mapped[i], atol=1e-3)


def test_one_change_does_not_move_the_draws_of_another(rng):
    image = rng.uniform(0, 255, (8, 8, 3)).astype(np.float32)
    both = Augmentation((8, 8), 8, mirror=False, changes=(CHANGES["affine"], CHANGES["cutout"]))
    seed = tf.constant([3, 4], tf.int64)
    moved = CHANGES["affine"](tf.constant(image), seed)
    np.testing.assert_allclose(both(image, seed), CHANGES["cutout"](moved, seed), atol=1e-3)


def test_what_is_off_is_not_in_the_graph():
    def operations(*changes):
        augmentation = Augmentation((8, 8), 8, mirror=False, changes=changes)
        traced = tf.function(augmentation).get_concrete_function(
            tf.TensorSpec([8, 8, 3], tf.uint8), tf.TensorSpec([2], tf.int64)
        )
        return [operation.type for operation in traced.graph.get_operations()]

    plain = operations()
    assert plain.count("StatelessRandomUniformV2") == 1
    assert not {"ImageProjectiveTransformV3", "AdjustHue", "ClipByValue", "SelectV2", "Case", "If"} & set(plain)
    assert all(len(operations(change)) > len(plain) for change in CHANGES.values())


def test_an_image_that_is_only_cut_stays_bytes(rng):
    augmentation = Augmentation((8, 8), 6, pad=2)
    image = rng.integers(0, 256, (8, 8, 3), np.uint8)
    seed = tf.constant([1, 2], tf.int64)
    choice = augmentation.choose(tf.random.stateless_uniform([4], seed))
    window = augmentation.apply(image, choice, seed)
    assert window.dtype == tf.uint8
    np.testing.assert_array_equal(tf.cast(window, tf.float32), augmentation(image, seed))
