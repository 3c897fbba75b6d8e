"""Weight files that fit a trunk in part: what matches is loaded, the rest told, a wrong file refused."""

import keras
import numpy as np
import pytest

from sjft_tf.compat import KERAS_3
from sjft_tf.errors import InputError
from sjft_tf.models import build_trunk, match_weights, matches_in_words
from sjft_tf.models.partial_weights import AT_START, LOADED, UNUSED

LAYERS = keras.layers
FILES = ["w.weights.h5", "w.h5", "w.keras"]
# Keras 2.15 writes no layers' names into the first.
NAMED = FILES if KERAS_3 else FILES[1:]


def trunk_like(depth=8, width=4):
    trunk = build_trunk("preact_resnet", 8, depth=depth, width=width)
    rng = np.random.default_rng(depth)
    trunk.set_weights([rng.uniform(0.5, 1.5, w.shape).astype(w.dtype) for w in trunk.get_weights()])
    return trunk


def save(model, path):
    if path.name == "w.weights.h5" or (path.suffix == ".h5" and not KERAS_3):
        model.save_weights(path)
    else:
        model.save(path)
    return path


@pytest.mark.parametrize("file", NAMED)
def test_a_deeper_network_takes_the_layers_that_are_there(tmp_path, file):
    path, saved = save(trunk_like(8), tmp_path / file), trunk_like(8)
    with pytest.raises(InputError, match="do not fit trunk"):
        build_trunk("preact_resnet", 8, depth=14, width=4, weights=path)
    trunk = build_trunk("preact_resnet", 8, depth=14, width=4, weights=path, partial=True)
    for layer in saved.layers:
        for mine, theirs in zip(trunk.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    _, matches = match_weights(trunk, path)
    by_state = {state: {m.layer for m in matches if m.state == state} for state in (LOADED, AT_START, UNUSED)}
    assert by_state[LOADED] == {layer.name for layer in saved.layers if layer.weights}
    assert by_state[AT_START] == {layer.name for layer in trunk.layers if layer.weights} - by_state[LOADED]
    assert by_state[UNUSED] == set()
    lines = list(matches_in_words(matches))
    assert (
        lines[0]
        == f"{len(by_state[LOADED])} of {len(matches)} layers of the trunk are taken from the file of --weights"
    )
    assert "begin at random: stage1_unit2" in lines[1]


@pytest.mark.parametrize("file", NAMED)
def test_what_has_another_shape_begins_at_random(tmp_path, file):
    trunk = trunk_like(8)
    inputs = keras.Input((8, 8, 3))
    maps = inputs
    for layer in (
        LAYERS.Conv2D(4, 3, use_bias=False, name="stem_conv"),
        LAYERS.Conv2D(7, 1, name="stage1_unit1_1_conv"),
    ):
        maps = layer(maps)
    path = save(keras.Model(inputs, LAYERS.Dense(2, name="top")(maps)), tmp_path / file)
    pairs, matches = match_weights(trunk, path)
    assert set(pairs) == {"stem_conv"}
    kept = next(m for m in matches if m.layer == "stage1_unit1_1_conv")
    assert (kept.state, kept.in_file) == (AT_START, "stage1_unit1_1_conv")
    assert [(m.in_file, m.shapes) for m in matches if m.state == UNUSED] == [
        ("stage1_unit1_1_conv", "1x1x4x7 7"),
        ("top", "7x2 2"),
    ]


@pytest.mark.parametrize("file", FILES)
def test_a_nested_base_is_laid_open(tmp_path, file):
    inner = trunk_like(8)
    images = keras.Input((8, 8, 3))
    path = save(keras.Model(images, LAYERS.Dense(2, name="top")(inner(images))), tmp_path / file)
    trunk = build_trunk("preact_resnet", 8, depth=8, width=4, weights=path, partial=True)
    for mine, theirs in zip(trunk.get_weights(), inner.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("file", ["w.h5", "w.keras"])
def test_automatic_names_match_in_order(tmp_path, file):
    def twin(names, last):
        inputs = keras.Input((4,))
        maps = LAYERS.Dense(4, name=names[0])(inputs)
        return keras.Model(inputs, LAYERS.Dense(last, name=names[2])(LAYERS.Dense(4, name=names[1])(maps)))

    # Names that say something else: dense_1 is the first here and the second there.
    saved, mine = twin(["dense", "dense_1", "dense_2"], 3), twin(["dense_1", "dense_7", "dense_8"], 2)
    pairs, _ = match_weights(mine, save(saved, tmp_path / file))
    assert list(pairs) == ["dense_1", "dense_7"]
    np.testing.assert_array_equal(pairs["dense_1"][0], saved.get_layer("dense").get_weights()[0])


@pytest.mark.parametrize("file", FILES)
def test_a_file_of_another_network_is_refused(tmp_path, file):
    inputs = keras.Input((8, 8, 3))
    path = save(keras.Model(inputs, LAYERS.Conv2D(2, 5, name="other")(inputs)), tmp_path / file)
    with pytest.raises(
        InputError, match=r"Of 9 layers with kernels .* 0 match .*another network.*the file: (other|conv2d)"
    ):
        build_trunk("preact_resnet", 8, depth=8, width=4, weights=path, partial=True)
    path.write_bytes(b"damaged")
    with pytest.raises(InputError, match="cannot be read"):
        build_trunk("preact_resnet", 8, depth=8, width=4, weights=path, partial=True)


@pytest.mark.skipif(KERAS_3, reason="Keras 3 names layers in all files")
def test_without_names_the_number_of_a_class_must_be_the_trunks(tmp_path):
    path = save(trunk_like(8), tmp_path / "w.weights.h5")
    with pytest.raises(InputError, match=r"another network.*Keras 2\.15 does not name its layers"):
        build_trunk("preact_resnet", 8, depth=14, width=4, weights=path, partial=True)
