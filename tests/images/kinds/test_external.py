"""Named data sets, without a network: TFDS mocked by its own tool, Keras reading a tiny archive."""

import sys

import keras
import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.images import check_disjoint, default_splits, open_image_set
from sjft_tf.images.places.spool import Spool

# TensorFlow Datasets itself draws these.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def mnist_archive(tmp_path, monkeypatch, rng):
    arrays = {
        "x_train": rng.integers(0, 256, (6, 28, 28), np.uint8),
        "y_train": np.array([0, 1, 2, 3, 9, 9], np.uint8),
        "x_test": rng.integers(0, 256, (3, 28, 28), np.uint8),
        "y_test": np.array([4, 5, 6], np.uint8),
    }
    np.savez(tmp_path / "mnist.npz", **arrays)
    module = sys.modules[keras.datasets.mnist.load_data.__module__]
    monkeypatch.setattr(module, "get_file", lambda *args, **kwargs: str(tmp_path / "mnist.npz"))
    return arrays


def test_keras_mnist(mnist_archive):
    train, test = open_image_set("keras:mnist#train"), open_image_set("keras:mnist#test")
    assert train.name == "mnist#train"
    assert train.class_names == tuple("0123456789")
    assert train.labels.tolist() == [0, 1, 2, 3, 9, 9]
    assert test.ids.tolist() == ["test/00000", "test/00001", "test/00002"]
    np.testing.assert_array_equal(test.load(1), np.repeat(mnist_archive["x_test"][1, ..., None], 3, 2))
    check_disjoint(train, test)


@pytest.mark.parametrize(("name", "classes"), [("cifar10", 10), ("cifar100", 100), ("fashion_mnist", 10)])
def test_keras_others(name, classes, monkeypatch, rng):
    size = (28, 28) if name == "fashion_mnist" else (32, 32, 3)
    pixels = rng.integers(0, 256, (2, *size), np.uint8)
    labels = np.array([[0], [classes - 1]], np.uint8)
    monkeypatch.setattr(getattr(keras.datasets, name), "load_data", lambda: ((pixels, labels), (pixels, labels)))
    images = open_image_set(f"keras:{name}#train")
    assert images.num_classes == classes
    assert images.labels.tolist() == [0, classes - 1]
    assert images.load(0).shape == (*size[:2], 3)
    assert default_splits(f"keras:{name}") == {"train": f"keras:{name}#train", "test": f"keras:{name}#test"}


def test_keras_errors(monkeypatch):
    with pytest.raises(
        InputError, match=r"unknown data set 'imdb'. Those of keras: cifar10, cifar100, mnist, fashion_m"
    ):
        open_image_set("keras:imdb#train")
    with pytest.raises(InputError, match=r"needs a split. Splits there: #train, #test"):
        open_image_set("keras:mnist")

    def fail():
        raise Exception("URL fetch failure on https://example.org: none")

    monkeypatch.setattr(keras.datasets.mnist, "load_data", fail)
    with pytest.raises(InputError, match=r"'keras:mnist#train' could not be loaded: URL fetch failure"):
        open_image_set("keras:mnist#train")


@pytest.fixture
def tfds(monkeypatch, tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets", exc_type=ImportError)
    from tensorflow_datasets.core.utils import gcs_utils

    monkeypatch.setattr(gcs_utils, "_is_gcs_disabled", True)
    with tfds.testing.mock_data(num_examples=7, data_dir=str(tmp_path)):
        yield tfds


def test_tfds_gray_and_ids(tfds):
    images = open_image_set("tfds:mnist/train")
    assert images.name == "mnist#train"
    assert len(images) == 7
    assert images.ids[3] == "mnist-train.tfrecord-00000-of-00001__3"
    assert images.class_names == tuple("0123456789")
    assert images.origin == "tfds:mnist/3.0.1"
    elements = list(images.dataset([6, 0]).as_numpy_iterator())
    assert [e["image"].shape for e in elements] == [(28, 28, 3)] * 2
    np.testing.assert_array_equal(images.load(6), elements[0]["image"])
    assert (elements[0]["image"] == elements[0]["image"][..., :1]).all()


def test_tfds_pixels_are_those_tfds_would_give(tfds):
    # The mock draws other numbers when it need not encode; any decoder makes it encode.
    given = tfds.load("mnist", split="train", decoders={"image": tfds.decode.SkipDecoding()})
    import tensorflow as tf

    expected = [tf.io.decode_image(e["image"], channels=3).numpy() for e in given]
    images = open_image_set("tfds:mnist/train")
    for row in range(7):
        np.testing.assert_array_equal(images.load(row), expected[row])


def test_tfds_spellings(tfds):
    plain = open_image_set("tfds:stanford_dogs/train")
    assert plain.num_classes == 120
    assert len({e["image"].shape for e in plain.dataset().as_numpy_iterator()}) > 1
    for spec in ("tfds:stanford_dogs#train", "tfds:stanford_dogs:0.2.0/train?download=false"):
        assert open_image_set(spec).fingerprint == plain.fingerprint
    assert open_image_set("tfds:stanford_dogs/train[:10%]").name == "stanford_dogs#train[:10%]"
    assert default_splits("tfds:stanford_dogs/train") == {}


def test_tfds_errors(tfds):
    with pytest.raises(InputError, match=r"'tfds:mnist' needs a split"):
        open_image_set("tfds:mnist")
    with pytest.raises(InputError, match=r"'tfds:no_such_set_at_all' could not be prepared"):
        open_image_set("tfds:no_such_set_at_all/train")
    with pytest.raises(InputError, match=r"not a set of images with one class each. Its features: text, label"):
        open_image_set("tfds:imdb_reviews/train")
    with pytest.raises(InputError, match=r"unknown option 'dir'. Options of tfds: data_dir, download"):
        open_image_set("tfds:mnist/train?dir=x")


def test_tfds_data_that_is_not_there(tmp_path, monkeypatch):
    pytest.importorskip("tensorflow_datasets", exc_type=ImportError)
    from tensorflow_datasets.core.utils import gcs_utils

    monkeypatch.setattr(gcs_utils, "_is_gcs_disabled", True)
    with pytest.raises(InputError, match=r"could not be read: Dataset mnist: could not find data"):
        open_image_set(f"tfds:mnist/train?download=false&data_dir={tmp_path}")


def test_tfds_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(InputError, match=r"pip install sjft_tf\[datasets\]"):
        open_image_set("tfds:mnist/train")


def test_spool():
    spool, contents = Spool(), [b"one", b"", b"ends with zeros\0\0", bytes(range(256)) * 20]
    for content in contents:
        spool.append(content)
    spool.close_writing()
    assert len(spool) == 4
    assert [spool.read(i) for i in (3, 0, 2, 1)] == [contents[i] for i in (3, 0, 2, 1)]
    everything = b"".join(contents)
    assert spool.size == len(everything)
    assert spool.read_range(1, 30) == everything[1:31]
    with pytest.raises(OSError, match=r"read 5 of 6 bytes of a temporary file"):
        spool.read_range(spool.size - 5, 6)
