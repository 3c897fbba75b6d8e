"""Places in a trunk: stages found in the graph, layers by name, pooled by averages, largest values or cells."""

import keras
import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.features import Place, check_pooling, place, places, pooled, stages
from sjft_tf.models import FEATURES, build_trunk


@pytest.fixture(scope="module")
def small():
    return build_trunk("preact_resnet", 16, depth=8, width=4)


def test_a_stage_ends_where_everything_passes_before_the_resolution_falls(small):
    found = stages(small)
    assert [one.name for one in found] == ["stage2_unit1_1_relu", "stage3_unit1_1_relu", "final_relu"]
    assert [tuple(one.output.shape[1:]) for one in found] == [(16, 16, 4), (8, 8, 8), (4, 4, 16)]


def test_a_shortcut_past_a_layer_takes_it_out_of_the_stages():
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", name="a")(image)
    inner = keras.layers.Conv2D(4, 3, padding="same", name="inner")(x)
    pad = keras.layers.ZeroPadding2D(1, name="pad")(inner)
    down = keras.layers.Conv2D(4, 3, strides=2, name="down")(pad)
    short = keras.layers.MaxPooling2D(2, name="short")(x)  # leads past `inner` and `pad`
    x = keras.layers.Add(name="sum")([down, short])
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    trunk = keras.Model(image, keras.layers.Activation("linear", name=FEATURES)(x))
    assert [one.name for one in stages(trunk)] == ["a", "sum"]


def test_names_are_those_of_freeze(small):
    assert place(small, "trunk").name == "final_relu"
    assert place(small, "stem").name == "stem_conv"
    assert place(small, "2").name == "stage1_unit1_2_relu"  # with the normalization and the activation after it
    assert place(small, "stage1").name == "stage1_unit1_add"
    assert [one.name for one in places(small, ["trunk", "final_relu", "stem_conv"])] == ["final_relu", "stem_conv"]
    assert places(small, [])[-1].name == "final_relu"
    with pytest.raises(InputError, match="no layer whose name"):
        place(small, "stage9")


def test_pooling_is_what_numpy_says(rng):
    maps = rng.normal(size=(2, 5, 4, 3)).astype(np.float32)
    image = keras.Input((5, 4, 3))

    def answer(pooling, output=image):
        return keras.Model(image, pooled(Place(f"maps_{pooling[-1]}", output), pooling))(maps).numpy()

    np.testing.assert_allclose(answer("average"), maps.mean(axis=(1, 2)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(answer("max"), maps.max(axis=(1, 2)), rtol=1e-6)
    rows = [(0, 3), (2, 5)]  # of 5 pixels the middle one is in both
    cells = [maps[:, a:b, c:d].mean(axis=(1, 2)) for a, b in rows for c, d in [(0, 2), (2, 4)]]
    np.testing.assert_allclose(answer("grid:2"), np.concatenate(cells, axis=1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(answer("grid:1"), maps.mean(axis=(1, 2)), rtol=1e-5, atol=1e-6)


def test_a_pooling_that_cannot_be_is_refused():
    with pytest.raises(InputError, match="--pooling must be average, max or grid:G"):
        check_pooling("grid:0")
    with pytest.raises(InputError, match="needs maps of at least 5 x 5. Layer maps gives 4 x 4 x 3"):
        pooled(Place("maps", keras.Input((4, 4, 3))), "grid:5")
