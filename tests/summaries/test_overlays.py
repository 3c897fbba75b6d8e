import numpy as np
import pytest

from sjft_tf.summaries import overlay

GRAY = np.full((24, 36, 3), 100, np.uint8)


def test_the_hottest_place_is_the_brightest_and_the_coldest_the_darkest():
    heat = np.zeros((4, 6))
    heat[1, 4], heat[3, 0] = 5, -3
    seen = overlay(GRAY, heat)
    assert (seen.shape, seen.dtype) == (GRAY.shape, np.uint8)
    light = seen.astype(float).sum(2)
    row, column = np.unravel_index(light.argmax(), light.shape)
    assert (row // 6, column // 6) == (1, 4)
    row, column = np.unravel_index(light.argmin(), light.shape)
    assert (row // 6, column // 6) == (3, 0)


def test_the_picture_shows_through():
    half = GRAY.copy()
    half[:, 18:] = 220
    seen = overlay(half, np.ones((3, 3))).astype(int)
    assert (seen[:, 18:] - seen[:, :18] == 54).all()  # 0.45 of 120


@pytest.mark.parametrize("factor", [1e-300, 1.0, 1e308])
def test_only_the_order_of_heat_matters_not_its_range(factor):
    heat = np.linspace(-1, 1, 12).reshape(3, 4)
    np.testing.assert_array_equal(overlay(GRAY, heat * factor), overlay(GRAY, heat))


def test_a_scale_of_its_own_makes_maps_comparable():
    middle, own = overlay(GRAY, np.full((2, 2), 0.5), 0, 1), overlay(GRAY, np.linspace(0, 1, 9)[None], 0, 1)
    np.testing.assert_allclose(middle[0, 0], own[0, 17:19].mean(0), atol=1)
    assert (middle != overlay(GRAY, np.full((2, 2), 0.1), 0, 1)).any()


def test_what_is_not_finite_is_cold():
    odd, cold = np.array([[1.0, np.nan], [0.0, -np.inf]]), np.array([[1.0, 0.0], [0.0, 0.0]])
    np.testing.assert_array_equal(overlay(GRAY, odd), overlay(GRAY, cold))
    assert (overlay(GRAY, np.full((2, 2), np.nan)) == overlay(GRAY, np.zeros((2, 2)))).all()


@pytest.mark.parametrize(
    ("image", "heat"),
    [
        (GRAY.astype(float), np.ones((2, 2))),
        (GRAY[..., 0], np.ones((2, 2))),
        (GRAY, np.ones(3)),
        (GRAY, np.ones((0, 2))),
    ],
)
def test_other_shapes_are_refused(image, heat):
    with pytest.raises(ValueError, match="must be"):
        overlay(image, heat)
