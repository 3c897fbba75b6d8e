import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.patches import heat_map, image_scores, in_a_box, peaks


@pytest.mark.parametrize("exponent", [1.0, 5.0])
def test_the_power_mean(exponent, rng):
    scores = rng.random((50, 4)).astype(np.float32) ** 8
    wanted = (scores.astype(np.float64) ** exponent).mean(0) ** (1 / exponent)
    np.testing.assert_allclose(image_scores(scores, exponent), wanted, rtol=1e-5)


def test_small_scores_do_not_vanish():
    np.testing.assert_allclose(image_scores(np.full((3, 1), 1e-12, np.float32), 5.0), [1e-12], rtol=1e-5)
    np.testing.assert_array_equal(image_scores(np.zeros((3, 2), np.float32), 5.0), [0, 0])


@pytest.mark.parametrize("mean", [False, True])
def test_the_heat_map_sums_the_patches_over_a_pixel(mean, rng):
    height, width, side = 40, 60, 20
    corners = rng.uniform(0, 1, (30, 2, 2)).astype(np.float32)
    patches = (np.sort(corners, axis=1) * [width, height]).reshape(30, 4).astype(np.float32)
    scores = rng.random((30, 3)).astype(np.float32)
    x, y = (np.arange(side) + 0.5) * width / side, (np.arange(side) + 0.5) * height / side
    inside = [((x >= x0) & (x < x1))[None] & ((y >= y0) & (y < y1))[:, None] for x0, y0, x1, y1 in patches]
    wanted = sum(one[..., None] * score.astype(np.float64) for one, score in zip(inside, scores, strict=True))
    if mean:
        wanted = wanted / np.maximum(sum(one[..., None].astype(int) for one in inside), 1)
    found = tf.function(heat_map)(patches, scores, height, width, side, mean)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_the_peak_of_a_plateau_is_its_middle():
    heat = np.zeros((10, 20, 2))
    heat[2:5, 4:9, 0] = 1
    heat[9, 19, 1] = 1e-9
    np.testing.assert_allclose(peaks(heat, 100, 100), [[(6 + 0.5) * 5, 35], [97.5, 95]])


def test_a_point_in_a_box():
    boxes = np.array([[0, 0, 5, 5], [10, 10, 20, 20]])
    assert in_a_box(np.array([10, 19.5]), boxes)
    assert not in_a_box(np.array([5, 5]), boxes)
    assert not in_a_box(np.array([1, 1]), boxes[:0])
