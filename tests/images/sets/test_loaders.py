import numpy as np
import tensorflow as tf

from sjft_tf.images.sets.loaders import EncodedImages, JoinedSets, PickedRows, on_cpu, python_reader, reduced


def gray(first):
    """A loader of one pixel each: first, first + 1, ..."""
    return lambda row: tf.fill([1, 1, 3], tf.cast(first + row, tf.uint8))


def shown(loader, rows):
    eager = [int(loader(tf.constant(row))[0, 0, 0]) for row in rows]
    dataset = tf.data.Dataset.from_tensor_slices(np.array(rows, np.int32)).map(loader)
    assert [int(image[0, 0, 0]) for image in dataset.as_numpy_iterator()] == eager
    return eager


def test_picked_rows_of_joined_loaders():
    joined = JoinedSets([gray(10), gray(20), gray(30)], on_cpu(np.array([0, 2, 3], np.int32)))
    assert shown(joined, range(6)) == [10, 11, 20, 30, 31, 32]
    picked = PickedRows(joined, on_cpu(np.array([5, 0, 2], np.int32)))
    assert shown(picked, [0, 1, 2, 0]) == [32, 10, 20, 32]


def test_a_loader_that_cannot_reduce_stays_itself():
    loader = gray(1)
    assert reduced(loader, 4) is loader
    assert shown(reduced(PickedRows(loader, on_cpu(np.array([3], np.int32))), 4), [0]) == [4]


def test_encoded_images_by_a_python_function(rng):
    pixels = rng.integers(0, 256, (3, 8, 8, 3), np.uint8)
    contents = [tf.io.encode_png(image).numpy() for image in pixels]
    read_rows = []

    def read(row):
        read_rows.append(row)
        return contents[row]

    loader = EncodedImages.of(python_reader(read), np.array([True, True, False]))
    assert not loader.all_plain
    assert loader.reduced(4).side == 4
    for row in (2, 0, 1):
        np.testing.assert_array_equal(loader(tf.constant(row)), pixels[row])
    dataset = tf.data.Dataset.range(3).map(lambda row: loader(tf.cast(row, tf.int32)))
    np.testing.assert_array_equal(np.stack(list(dataset.as_numpy_iterator())), pixels)
    assert sorted(read_rows) == [0, 0, 1, 1, 2, 2]
    assert {type(row) for row in read_rows} == {int}
