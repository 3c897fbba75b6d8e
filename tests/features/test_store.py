"""Kept features: all layers and views in one pass, found again, gone on with after an end at any row."""

import keras
import numpy as np
import pytest

from sjft_tf.artifacts import ArtifactMismatch
from sjft_tf.errors import InputError
from sjft_tf.features import FeatureStore, LayerFeatures, Place, keep_features, store
from sjft_tf.images import ImageSet, SixteenViews, View


@pytest.fixture
def images(rng):
    pixels = rng.integers(0, 256, (9, 4, 4, 3), dtype=np.uint8)
    return ImageSet.from_arrays("some", pixels, np.arange(9) % 2), pixels.astype(np.float32)


def stream(view, batch_size=4):
    image = keras.Input((4, 4, 3))
    twice = keras.layers.Rescaling(2.0, name="twice")(image)
    trunk = keras.Model(image, twice)
    return LayerFeatures(trunk, [Place("pixels", image), Place("twice", twice)], "average", view, batch_size)


def test_layers_and_views_are_told_apart(images, tmp_path):
    image_set, pixels = images
    for batch_size in (4, 40):
        kept = keep_features(tmp_path / f"of-{batch_size}", stream(SixteenViews(4, 4), batch_size), image_set, {})
        assert (kept.images, kept.views, kept.widths) == (9, 16, {"pixels": 3, "twice": 3})
        twice = kept.layer("twice")
        assert twice.shape == (9, 16, 3)
        np.testing.assert_allclose(twice[:, 0], 2 * pixels.mean(axis=(1, 2)), rtol=1e-5)
        np.testing.assert_allclose(twice[:, :8], twice[:, 8:], rtol=1e-4)  # a mirrored view has the same average
        rows = np.array([7, 0, 7])
        np.testing.assert_array_equal(kept.layer("pixels", rows, views=1), kept.layer("pixels")[rows, :1])


def test_it_is_found_again_or_refused(images, tmp_path):
    first = keep_features(tmp_path / "kept", stream(View(4, 4)), images[0], {"images": "a"})
    again = keep_features(tmp_path / "kept", stream(View(4, 4)), images[0], {"images": "a"})
    assert again == first
    assert FeatureStore.open(tmp_path / "kept") == first
    with pytest.raises(ArtifactMismatch, match="images: 'a' there, 'b' asked for"):
        keep_features(tmp_path / "kept", stream(View(4, 4)), images[0], {"images": "b"})


def test_what_was_broken_off_goes_on_behind_the_last_kept_row(images, tmp_path, monkeypatch):
    image_set, pixels = images
    monkeypatch.setattr(store, "_KEPT_ROWS", 2)
    whole = stream(View(4, 4), 2)
    asked = []

    class Dying:
        widths, views = whole.widths, whole.views

        def __init__(self, most):
            self.most = most

        def blocks(self, images, rows):
            asked.append(rows.tolist())
            for number, block in enumerate(whole.blocks(images, rows)):
                if number == self.most:
                    raise KeyboardInterrupt
                yield block

        def saved(self):
            asked.append("saved")

    monkeypatch.setattr("sjft_tf.models.features.LEAST_SHAPE", 2)
    with pytest.raises(KeyboardInterrupt):
        keep_features(tmp_path / "kept", Dying(2), image_set, {})
    assert not (tmp_path / "kept").exists()
    kept = keep_features(tmp_path / "kept", Dying(99), image_set, {})
    assert [one for one in asked if one != "saved"] == [list(range(9)), list(range(4, 9))]
    assert asked[1] == asked[-1] == "saved"
    np.testing.assert_allclose(kept.layer("pixels")[:, 0], pixels.mean(axis=(1, 2)), rtol=1e-5)


def test_a_changed_row_is_refused(images, tmp_path):
    kept = keep_features(tmp_path / "kept", stream(View(4, 4)), images[0], {})
    file = tmp_path / "kept" / "features.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    kept.layer("pixels", np.arange(8))
    with pytest.raises(InputError, match="row 8 is not what was written"):
        kept.layer("pixels")
