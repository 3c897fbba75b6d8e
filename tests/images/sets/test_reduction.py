"""JPEG images decoded smaller: which, by how much, and that everything else stays as it is."""

import io

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sjft_tf.images import ImageSet, View, concatenate, open_image_set, reduction_error
from sjft_tf.images.decoding.decode import decode, decode_plain
from sjft_tf.images.sets.reduction import sample_rows


def smooth(height, width, phase=0):
    """Waves of some 30 pixels, so that halving loses little."""
    y, x = np.mgrid[:height, :width]
    waves = [128 + 100 * np.sin(y / 9 + x / 11 + phase + c) for c in range(3)]
    return Image.fromarray(np.stack(waves, 2).astype(np.uint8))


def encoded(image, kind="JPEG", **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def by_pillow(data, ratio):
    """The same file through Pillow's own way to libjpeg's scaling."""
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (image.width // ratio, image.height // ratio))
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize(
    ("height", "width", "ratio"),
    [(31, 200, 1), (200, 31, 1), (32, 32, 2), (63, 64, 2), (64, 64, 4), (65, 131, 4), (128, 128, 8), (999, 201, 8)],
)
@pytest.mark.parametrize("gray", [False, True])
def test_a_jpeg_is_divided_by_what_its_shorter_side_allows(height, width, ratio, gray):
    image = smooth(height, width)
    data = encoded(image.convert("L") if gray else image, quality=95)
    smaller = decode_plain(tf.constant(data), 16).numpy()
    assert smaller.shape == (-(-height // ratio), -(-width // ratio), 3)
    assert smaller.dtype == np.uint8
    assert np.abs(smaller.astype(int) - by_pillow(data, ratio)).max() <= 2
    in_graph = next(tf.data.Dataset.from_tensors(data).map(lambda d: decode_plain(d, 16)).as_numpy_iterator())
    np.testing.assert_array_equal(smaller, in_graph)


@settings(max_examples=15)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 20))
def test_nothing_becomes_smaller_than_the_side_unless_it_was(height, width, side):
    data = encoded(smooth(height, width))
    shape = decode_plain(tf.constant(data), side).shape[:2]
    assert min(shape) >= min(side, height, width)
    assert min(shape) <= 2 * side or min(shape) == -(-min(height, width) // 8)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF"])
def test_other_formats_are_decoded_in_full(kind):
    data = encoded(smooth(100, 90), kind)
    full = decode(tf.constant(data), tf.constant(kind == "PNG"))
    assert full.shape == (100, 90, 3)
    np.testing.assert_array_equal(decode(tf.constant(data), tf.constant(kind == "PNG"), 10), full)


def test_a_jpeg_for_pillow_is_decoded_in_full():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(smooth(100, 90), exif=exif)
    assert decode(tf.constant(data), tf.constant(False), 10).shape == (90, 100, 3)


@pytest.fixture
def folder(tmp_path):
    """Class a: a large JPEG and a large PNG; class b: a small JPEG and a turned one."""
    exif = Image.Exif()
    exif[0x0112] = 3
    for name, size, options in (
        ("a/0.jpg", 100, {}),
        ("a/1.png", 100, {}),
        ("b/0.jpg", 15, {}),
        ("b/1.jpg", 100, {"exif": exif}),
    ):
        (tmp_path / "mixed" / name).parent.mkdir(parents=True, exist_ok=True)
        smooth(size, size, phase=ord(name[0])).save(tmp_path / "mixed" / name, **options)
    return open_image_set(f"folder:{tmp_path}/mixed")


def sides(images):
    return [e["image"].shape[0] for e in images.dataset().as_numpy_iterator()]


def test_a_reduced_set_is_the_same_set_and_says_what_it_is(folder):
    smaller = folder.reduced(20)
    assert sides(folder) == [100, 100, 15, 100]
    assert sides(smaller) == [25, 100, 15, 100]
    assert smaller.load(0).shape == (25, 25, 3)
    assert (folder.decoded_for, smaller.decoded_for) == (None, 20)
    assert repr(smaller) == "ImageSet('mixed', 4 images, 2 classes, decoded for 20 px)"
    assert smaller.fingerprint == folder.fingerprint
    assert smaller.ids.tolist() == folder.ids.tolist()
    assert smaller.labels.tolist() == folder.labels.tolist()
    assert sides(smaller.reduced(40)) == [50, 100, 15, 100]
    with pytest.raises(ValueError, match=r"`side` must be at least 1. Received: side=0"):
        folder.reduced(0)


def test_arrays_stay_as_they_are(rng):
    images = ImageSet.from_arrays("x", rng.integers(0, 256, (2, 64, 64, 3), np.uint8), [0, 1])
    np.testing.assert_array_equal(images.reduced(8).load(1), images.load(1))


def test_reduced_goes_through_subset_relabeled_and_concatenate_in_either_order(folder, rng):
    arrays = ImageSet.from_arrays("x", rng.integers(0, 256, (2, 64, 64, 3), np.uint8), [0, 1])

    def changed(images):
        return images.subset([3, 0, 1]).relabeled(np.array([0, 1, 1]), ["p", "q"])

    for one in (changed(folder).reduced(20), changed(folder.reduced(20))):
        assert sides(one) == [100, 25, 100]
        assert one.labels.tolist() == [0, 1, 1]
        assert one.decoded_for == 20
    joined = concatenate([arrays, changed(folder)]).reduced(20)
    assert sides(joined) == [64, 64, 100, 25, 100]
    assert sides(joined.subset([3, 0])) == [25, 64]
    again = concatenate([arrays.reduced(20), changed(folder).reduced(20)])
    assert again.decoded_for == 20
    assert sides(again) == [64, 64, 100, 25, 100]
    with pytest.raises(ValueError, match=r"must be decoded alike"):
        concatenate([arrays, folder.reduced(20)])


def test_reduction_error_is_that_of_the_views(folder):
    view = View(20, 16)
    rows = [0, 2, 0]

    def seen(images, row):
        return view(images.load(row)).numpy().astype(np.float64)

    differences = [np.abs(seen(folder, r) - seen(folder.reduced(20), r)) for r in rows]
    mean, largest = reduction_error(folder, 20, view, rows)
    assert mean == pytest.approx(np.mean(differences), rel=1e-6)
    assert largest == pytest.approx(np.max(differences), rel=1e-6)
    assert 0 < mean < 3 < 3 * largest
    assert reduction_error(folder, 20, view, [1, 2, 3]) == (0, 0)  # nothing of these is decoded smaller
    assert reduction_error(folder, 20, view)[1] == largest


def test_reduction_error_refuses_what_it_cannot_compare(folder):
    with pytest.raises(ValueError, match=r"decoded in full"):
        reduction_error(folder.reduced(20), 20, View(20, 16))
    with pytest.raises(ValueError, match=r"at least one image"):
        reduction_error(folder, 20, View(20, 16), [])


def test_sample_rows_are_distinct_and_follow_the_seed(folder):
    assert sample_rows(folder, 9).tolist() == [0, 1, 2, 3]
    drawn = [sample_rows(folder, 2, seed) for seed in range(20)]
    assert {len(set(d.tolist())) for d in drawn} == {2}
    assert len({tuple(d) for d in drawn}) > 1
    np.testing.assert_array_equal(sample_rows(folder, 2, 5), drawn[5])
