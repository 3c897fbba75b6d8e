"""Image sets as Python has them: written once, opened as any other."""

import numpy as np
import pytest
import tensorflow as tf

import sjft_tf
from sjft_tf.api.inputs import given
from sjft_tf.errors import InputError
from sjft_tf.images import open_image_set


@pytest.fixture
def arrays(rng):
    return rng.integers(0, 256, (6, 9, 8, 3), np.uint8), np.arange(6) % 3


def opened(images, folder):
    made = given(images, "target", folder)
    made.write()
    return open_image_set(made.spec)


def dataset(x, y, batch=0):
    made = tf.data.Dataset.from_tensor_slices((x, y))
    return made.batch(batch) if batch else made


@pytest.mark.parametrize("form", ["arrays", "labels in a column", "dataset", "batches"])
def test_the_same_images_come_back(form, arrays, tmp_path):
    x, y = arrays
    forms = {"arrays": (x, y), "labels in a column": (x, y[:, None]), "dataset": dataset(x, y)}
    images = opened(forms.get(form, dataset(x, y, 4)), tmp_path)
    np.testing.assert_array_equal(images.labels, y)
    np.testing.assert_array_equal(np.stack([images.load(i) for i in range(6)]), x)


@pytest.mark.parametrize("form", ["arrays", "dataset", "batches"])
def test_a_column_for_each_class(form, arrays, tmp_path):
    x, matrix = arrays[0], np.arange(24).reshape(6, 4) % 3 == 0
    for kind in (bool, np.int64, np.float32):
        y = matrix.astype(kind)
        images = opened({"arrays": (x, y), "dataset": dataset(x, y)}.get(form, dataset(x, y, 4)), tmp_path)
        np.testing.assert_array_equal(images.label_matrix, matrix)
    one_hot = np.eye(3, dtype=np.float32)[arrays[1]]
    assert opened(dataset(x, one_hot), tmp_path).labels.tolist() == arrays[1].tolist()


def test_the_same_again_is_not_written_again(arrays, tmp_path):
    first = given(arrays, "target", tmp_path)
    first.write()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = given(dataset(*arrays), "target", tmp_path)
    again.write()
    assert again.spec == first.spec
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_images_of_different_sizes_are_files(rng, tmp_path):
    arrays = [rng.integers(0, 256, (size, 8, 3), np.uint8) for size in (5, 6, 7, 8)]
    made = tf.data.Dataset.from_generator(
        lambda: zip(arrays, [1, 0, 1, 0], strict=True),
        output_signature=(tf.TensorSpec([None, 8, 3], tf.uint8), tf.TensorSpec([], tf.int64)),
    ).apply(tf.data.experimental.assert_cardinality(4))
    images = opened(made, tmp_path)
    assert images.class_names == ("00000", "00001")
    assert sorted(np.asarray(images.load(i)).shape[0] for i in range(4)) == [5, 6, 7, 8]
    several = made.map(lambda image, label: (image, tf.one_hot([label, label], 2)[0]))
    with pytest.raises(InputError, match=r"must have one label each then, \[N\]. Received: \(4, 2\)"):
        opened(several, tmp_path)
    with pytest.raises(InputError, match="different sizes are kept as files: name a `workdir`"):
        sjft_tf.open_images(made)


def test_specs_and_folders_are_taken_as_they_are(tmp_path):
    assert given("digits#test", "target", tmp_path).spec == "digits#test"
    assert given(tmp_path, "target", tmp_path).spec == f"folder:{tmp_path}"
    assert given(str(tmp_path), "target", tmp_path).spec == f"folder:{tmp_path}"


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (3, "must be a spec such as .* Received: int"),
        ((np.zeros((2, 4, 4, 3)), [0, 1, 1]), r"x \(2, 4, 4, 3\), y \(3,\)"),
        ((np.zeros((2, 4, 4, 3)), [0.0, 1.0]), r"or zeros and ones \[N, classes\]. Received: float64 \(2,\)"),
        (tf.data.Dataset.from_tensors((np.zeros((4, 4, 3)), 0)).repeat(), "unknown or infinite number"),
        (tf.data.Dataset.range(3), r"must yield \(image, label\)"),
    ],
)
def test_what_is_no_image_set(images, message, tmp_path):
    with pytest.raises(InputError, match=message):
        given(images, "target", tmp_path)


def test_open_images(arrays, tmp_path):
    images = sjft_tf.open_images(arrays)
    assert (len(images), images.num_classes) == (6, 3)
    assert not list(tmp_path.iterdir())
    both = sjft_tf.open_images([arrays, "digits#test"])
    assert both.num_classes == 3 + 10
