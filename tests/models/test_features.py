"""Features of several sets, in order, whatever the batches; on disk, where nothing is left behind."""

import keras
import numpy as np

from sjft_tf.images import ImageSet, View
from sjft_tf.models import FeatureStream, trunk_features


def test_features_are_the_trunks(rng, tmp_path):
    image = keras.Input((4, 4, 3))
    trunk = keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))
    pixels = [rng.integers(0, 256, (n, 4, 4, 3), dtype=np.uint8) for n in (5, 2)]
    sets = [ImageSet.from_arrays(f"set {i}", p, np.arange(len(p)) % 2) for i, p in enumerate(pixels)]
    for batch_size in (2, 7, 16):
        features = trunk_features(trunk, sets, View(4, 4), tmp_path / "new", batch_size)
        assert features.dtype == np.float32
        np.testing.assert_allclose(features, np.concatenate(pixels).mean(axis=(1, 2)), rtol=1e-5)
    assert list((tmp_path / "new").iterdir()) == []


def test_a_stream_of_chosen_rows(rng):
    image = keras.Input((4, 4, 3))
    trunk = keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))
    pixels = rng.integers(0, 256, (9, 4, 4, 3), dtype=np.uint8)
    images = ImageSet.from_arrays("some", pixels, np.arange(9) % 2)
    stream = FeatureStream(trunk, View(4, 4), 4)
    assert stream.width == 3
    rows = np.array([7, 0, 3, 8, 2])
    blocks = list(stream.blocks(images, rows))
    assert [block[0].tolist() for block in blocks] == [[7, 0, 3, 8], [2]]
    np.testing.assert_allclose(np.concatenate([b[1] for b in blocks]), pixels[rows].mean(axis=(1, 2)), rtol=1e-5)
    # A picture's features do not depend on who is in the batch with it.
    everything = np.concatenate([features for _, features in stream.blocks(images)])
    np.testing.assert_array_equal(everything[rows], np.concatenate([b[1] for b in blocks]))
