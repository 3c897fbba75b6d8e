import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.errors import InputError
from sjft_tf.images import TenCrop, View, WholeImage, dense_sides, evaluation_views


def test_same_size_is_only_converted(rng):
    image = rng.integers(0, 256, (6, 6, 3), np.uint8)
    seen = View(6, 6)(image)
    assert seen.dtype == tf.float32
    np.testing.assert_array_equal(seen, image)


def test_center_crop(rng):
    image = rng.integers(0, 256, (7, 7, 3), np.uint8)
    np.testing.assert_array_equal(View(7, 4)(image), image[1:5, 1:5])


def test_shrinking_by_two_with_antialiasing():
    # The triangle filter of width 2 at scale 1/2 weighs four pixels 1:3:3:1 (at the border what is left of them).
    row = np.array([0, 80, 160, 240, 40, 120], np.float64)
    weights = np.array([[0, 3, 3, 1, 0, 0, 0, 0], [0, 0, 1, 3, 3, 1, 0, 0], [0, 0, 0, 0, 1, 3, 3, 0]], np.float64)[
        :, 1:7
    ]
    expected = (weights / weights.sum(1, keepdims=True)) @ row
    image = np.broadcast_to(row[None, :, None], (6, 6, 3)).astype(np.uint8)
    np.testing.assert_allclose(View(3, 3)(image)[1, :, 0], expected, atol=1e-3)


def test_enlarging_is_bilinear():
    image = np.broadcast_to(np.array([0.0, 100.0])[None, :, None], (2, 2, 3)).astype(np.float32)
    np.testing.assert_allclose(View(4, 4)(image)[0, :, 1], [0, 25, 75, 100])


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.data())
def test_any_size_keeps_shape_range_and_constants(height, width, resize, data):
    crop = data.draw(st.integers(1, resize))
    seen = View(resize, crop)(tf.fill([height, width, 3], tf.constant(200, tf.uint8)))
    assert seen.shape == (crop, crop, 3)
    np.testing.assert_allclose(seen, 200, atol=1e-3)


def test_eager_equals_tf_data(rng):
    view = View(8, 6)
    images = [rng.integers(0, 256, (h, w, 3), np.uint8) for h, w in ((8, 8), (5, 13), (20, 9))]
    signature = tf.TensorSpec([None, None, 3], tf.uint8)
    mapped = tf.data.Dataset.from_generator(lambda: iter(images), output_signature=signature).map(view)
    assert mapped.element_spec.shape.as_list() == [6, 6, 3]
    for image, seen in zip(images, mapped.as_numpy_iterator(), strict=True):
        np.testing.assert_allclose(view(image), seen, atol=1e-4)


@pytest.mark.parametrize(("resize", "crop"), [(4, 5), (4, 0), (0, 0)])
def test_refuses(resize, crop):
    with pytest.raises(InputError, match=r"`crop` must be between 1 and `resize`"):
        View(resize, crop)


def test_ten_crops_by_hand(rng):
    image = rng.integers(0, 256, (7, 7, 3), np.uint8)
    seen = TenCrop(7, 4)(image).numpy()
    corners = [image[:4, :4], image[:4, 3:], image[3:, :4], image[3:, 3:], image[1:5, 1:5]]
    np.testing.assert_array_equal(seen[:5], corners)
    np.testing.assert_array_equal(seen[5:], [corner[:, ::-1] for corner in corners])
    assert TenCrop(7, 4).views == len(seen)
    np.testing.assert_array_equal(seen[4], View(7, 4)(image))
    with pytest.raises(InputError, match="Received: resize=4"):
        TenCrop(4, 4)


def test_the_whole_image_and_its_mirror(rng):
    image = rng.integers(0, 256, (9, 5, 3), np.uint8)
    seen = WholeImage(6, 6)(image).numpy()
    np.testing.assert_array_equal(seen[0], View(6, 6)(image))
    np.testing.assert_array_equal(seen[1], seen[0][:, ::-1])


def test_views_by_name():
    assert dense_sides(256) == (224, 256, 288)
    assert dense_sides(64) == (56, 64, 72)
    assert dense_sides(1) == (1,)
    assert evaluation_views("center", 8, 6) == [View(8, 6)]
    assert evaluation_views("ten_crop", 8, 6) == [TenCrop(8, 6)]
    assert [v.crop for v in evaluation_views("dense", 16, 8)] == [14, 16, 18]
    assert evaluation_views("dense", 16, 8, [32]) == [WholeImage(32, 32)]
    with pytest.raises(InputError, match="Received: 'sparse'"):
        evaluation_views("sparse", 8, 6)
