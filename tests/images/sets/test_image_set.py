import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet
from sjft_tf.images.sets.contents import ImageContents


def make(name="toy", count=6, classes=3, size=4, seed=0, **kwargs):
    pixels = np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), np.uint8)
    return pixels, ImageSet.from_arrays(name, pixels, np.arange(count) % classes, **kwargs)


def test_attributes():
    _, images = make()
    assert len(images) == 6
    assert images.num_classes == 3
    assert images.class_names == ("0", "1", "2")
    assert images.ids.tolist() == [f"00000{i}" for i in range(6)]
    assert images.labels.dtype == np.int32
    assert images.class_counts.tolist() == [2, 2, 2]
    assert "6 images, 3 classes" in repr(images)


@pytest.mark.parametrize("row", [3, np.int64(3), tf.constant(3, tf.int64), tf.constant(3)])
def test_load_eagerly(row):
    pixels, images = make()
    np.testing.assert_array_equal(images.load(row), pixels[3])


def test_load_in_a_graph():
    pixels, images = make()
    loaded = tf.data.Dataset.range(6).map(images.load)
    assert loaded.element_spec.shape.rank == 3
    np.testing.assert_array_equal(np.stack(list(loaded.as_numpy_iterator())), pixels)


def test_gray_is_repeated():
    gray = np.arange(2 * 3 * 5, dtype=np.uint8).reshape(2, 3, 5)
    image = ImageSet.from_arrays("gray", gray, [0, 1]).load(1).numpy()
    assert image.shape == (3, 5, 3)
    for channel in range(3):
        np.testing.assert_array_equal(image[..., channel], gray[1])


def test_dataset_follows_rows():
    pixels, images = make()
    rows = [5, 0, 0, 2]
    elements = list(images.dataset(rows).as_numpy_iterator())
    assert [e["row"] for e in elements] == rows
    assert [e["label"] for e in elements] == [2, 0, 0, 2]
    assert all(e["row"].dtype == e["label"].dtype == np.int32 for e in elements)
    np.testing.assert_array_equal(np.stack([e["image"] for e in elements]), pixels[rows])
    assert [e["row"] for e in images.dataset().as_numpy_iterator()] == list(range(6))
    assert not list(images.dataset([]))


@pytest.mark.parametrize("rows", [[6], [-1], [0.5], [[0, 1]]])
def test_dataset_refuses_other_rows(rows):
    with pytest.raises(ValueError, match=r"`rows`"):
        make()[1].dataset(rows)


def test_subset_of_subset():
    pixels, images = make(origin="here")
    part = images.subset([4, 1, 5], "part").subset([2, 0])
    assert part.name == "part"
    assert part.ids.tolist() == ["000005", "000004"]
    assert part.labels.tolist() == [2, 1]
    assert part.class_names == images.class_names
    assert part.origin == "here"
    np.testing.assert_array_equal(part.identities, images.identities[[5, 4]])
    np.testing.assert_array_equal(part.load(0), pixels[5])


def test_fingerprint_tells_content_not_place():
    _, images = make(origin="here")
    same = make("other", origin="there")[1]
    assert images.fingerprint == same.fingerprint
    others = [make(seed=1)[1], make(classes=2)[1], make(class_names=["a", "b", "c"])[1], images.subset(range(5))]
    assert len({images.fingerprint, *(o.fingerprint for o in others)}) == 5


def test_no_images():
    with pytest.raises(InputError, match=r"'none' has no images"):
        ImageSet.from_arrays("none", np.zeros((0, 2, 2), np.uint8), [])


def test_repeated_ids_and_classes():
    with pytest.raises(InputError, match=r"1 id\(s\) more than once, e.g. 'b'"):
        make(count=3, ids=["a", "b", "b"])
    with pytest.raises(InputError, match=r"class name\(s\) more than once, e.g. 'x'"):
        make(class_names=["x", "y", "x"])


def test_labels_out_of_range():
    with pytest.raises(InputError, match=r"between 0 and 1"):
        make(class_names=["x", "y"])


def test_programming_errors():
    with pytest.raises(ValueError, match=r"must agree"):
        ImageSet("x", ["a"], [0, 1], ["c"], ImageContents(lambda row: row, np.zeros((1, 32))))
    with pytest.raises(ValueError, match=r"`images` must be uint8"):
        ImageSet.from_arrays("x", np.zeros((1, 2, 2, 4), np.uint8), [0])
