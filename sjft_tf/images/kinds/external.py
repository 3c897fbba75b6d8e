"""`tfds` and `keras`: data sets known to TensorFlow Datasets and to keras.datasets by name."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from sjft_tf.errors import InputError
from sjft_tf.images.decoding.decode import is_plain, open_image
from sjft_tf.images.places.spec import Options, Spec, choose_split
from sjft_tf.images.places.spool import Spool
from sjft_tf.images.sets.contents import ImageContents
from sjft_tf.images.sets.image_set import ImageSet
from sjft_tf.images.sets.loaders import EncodedImages, python_reader
from sjft_tf.images.sets.scan import FileScan
from sjft_tf.progress import track

CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck"
CIFAR100 = """apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can
castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant
flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree
motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy
porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel
streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale
willow_tree wolf woman worm"""
FASHION = "T-shirt/top Trouser Pullover Dress Coat Sandal Shirt Sneaker Bag Ankle_boot"
KERAS_CLASSES = {
    "cifar10": CIFAR10.split(),
    "cifar100": CIFAR100.split(),
    "mnist": [str(digit) for digit in range(10)],
    "fashion_mnist": FASHION.split(),
}
KERAS_SPLITS = ("train", "test")


@dataclasses.dataclass(frozen=True)
class TfdsOptions(Options):
    """See `open_tfds`."""

    data_dir: str = ""
    download: bool = True


class _Features(Protocol):
    """The features of a data set by name, and of a label the class names."""

    def __contains__(self, name: object) -> bool: ...

    def __getitem__(self, name: str) -> _Feature: ...

    def __iter__(self) -> Iterator[str]: ...


class _Feature(Protocol):
    names: list[str]


class _Info(Protocol):
    full_name: str
    features: _Features
    splits: Mapping[str, object]
    supervised_keys: tuple[str, str] | None


class _Builder(Protocol):
    """What is used of a `tfds.core.DatasetBuilder`."""

    name: str
    info: _Info

    def as_dataset(
        self, *, split: str, shuffle_files: bool, read_config: object, decoders: object
    ) -> tf.data.Dataset: ...


class _Example(NamedTuple):
    """One image of a data set: TFDS's name of it, its bytes as they are, and the number of its class."""

    id: str
    encoded: bytes
    label: int


def open_keras(spec: Spec, scan: FileScan) -> ImageSet:
    """`keras:cifar10|cifar100|mnist|fashion_mnist#train|test`: downloaded by Keras into its cache when first used.

    Gray images are repeated to RGB; CIFAR-100 has its fine labels. Ids are "train/00000".
    """
    spec.read_options(Options)
    if spec.rest not in KERAS_CLASSES:
        raise InputError(f"'{spec}': unknown data set '{spec.rest}'. Those of keras: {', '.join(KERAS_CLASSES)}")
    split = choose_split(spec, KERAS_SPLITS)
    try:
        train, test = getattr(keras.datasets, spec.rest).load_data()
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise InputError(f"'{spec}' could not be loaded: {error}") from error
    images, labels = train if split == "train" else test
    return ImageSet.from_arrays(
        f"{spec.rest}#{split}",
        images,
        labels.ravel(),
        KERAS_CLASSES[spec.rest],
        [f"{split}/{i:05d}" for i in range(len(images))],
        origin=f"keras:{spec.rest}",
    )


def open_tfds(spec: Spec, scan: FileScan) -> ImageSet:
    """`tfds:NAME/SPLIT[?data_dir=...&download=false]`, e.g. tfds:stanford_dogs/train or tfds:mnist:3.0.1/train[:10%].

    NAME may hold a configuration after a slash; `tfds:NAME#SPLIT` is the same. Downloaded and prepared when first
    used (`download=false` refuses to). The encoded images are copied as they are into a temporary file and decoded
    when needed; ids are TFDS's own.
    """
    options = spec.read_options(TfdsOptions)
    name, split = _name_and_split(spec)
    builder = _builder(name, options)
    image_key, label_key = _keys(spec, builder)
    if not split:
        choose_split(spec, builder.info.splits)  # refuses, naming those there are
    spool = Spool()
    ids: list[str] = []
    labels: list[int] = []
    plain: list[bool] = []
    digests: list[bytes] = []
    bad: list[tuple[str, str]] = []
    for example in _examples(spec, builder, split, image_key, label_key):
        if example.label < 0:  # how TFDS marks unlabeled test images
            raise InputError(f"'{spec}': the split has images without labels. Choose another split")
        try:
            plain.append(_plain(example.encoded, scan.max_pixels))
        except Exception as error:  # Pillow raises a dozen types on damaged images
            bad.append((f"{builder.name}:{example.id}", _first_line(error)))
            continue
        ids.append(example.id)
        labels.append(example.label)
        digests.append(hashlib.sha256(example.encoded).digest())
        spool.append(example.encoded)
    scan.report_bad(bad, len(ids) + len(bad))
    spool.close_writing()
    return ImageSet(
        f"{builder.name}#{split}",
        ids,
        labels,
        builder.info.features[label_key].names,
        ImageContents(
            EncodedImages.of(python_reader(spool.read), np.array(plain, bool)),
            np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32),
        ),
        origin=f"tfds:{builder.info.full_name}",
    )


def tfds_splits(spec: Spec) -> Iterable[str]:
    """The splits of `tfds:NAME`; none for `tfds:NAME/SPLIT`, which names its own."""
    if "/" in spec.rest:
        return []
    options = spec.read_options(TfdsOptions)
    return list(_builder(spec.rest, options).info.splits)


def _plain(encoded: bytes, max_pixels: int) -> bool:
    # Only the header is read: TFDS has checked the files' sums, and whole ImageNets come this way.
    with open_image(encoded, max_pixels) as image:
        return is_plain(image, encoded)


def _name_and_split(spec: Spec) -> tuple[str, str]:
    name, split = (spec.rest, spec.split) if spec.split else spec.rest.rpartition("/")[::2]
    return (name, split or "") if name else (spec.rest, "")


def _builder(name: str, options: TfdsOptions) -> _Builder:
    try:
        from tensorflow_datasets import builder as find
    except ImportError as error:
        raise InputError(
            f"'tfds:' needs a working tensorflow-datasets ({error}). Install it with: pip install sjft_tf[datasets]"
        ) from error
    try:
        builder = find(name, data_dir=options.data_dir or None)
        if options.download:
            logging.info("tfds:%s: preparing, unless that is done", name)
            builder.download_and_prepare()
    except Exception as error:  # unknown names, failed downloads, manual steps: each its own type
        raise InputError(f"'tfds:{name}' could not be prepared: {_first_line(error)}") from error
    return builder


def _keys(spec: Spec, builder: _Builder) -> tuple[str, str]:
    """The names of the image and the label among the features."""
    import tensorflow_datasets as tfds

    features = builder.info.features
    image, label = builder.info.supervised_keys or ("image", "label")
    if not (
        image in features
        and isinstance(features[image], tfds.features.Image)
        and label in features
        and isinstance(features[label], tfds.features.ClassLabel)
    ):
        raise InputError(f"'{spec}' is not a set of images with one class each. Its features: {', '.join(features)}")
    return image, label


def _examples(spec: Spec, builder: _Builder, split: str, image: str, label: str) -> Iterator[_Example]:
    import tensorflow_datasets as tfds

    try:
        dataset = builder.as_dataset(
            split=split,
            shuffle_files=False,
            read_config=tfds.ReadConfig(add_tfds_id=True, try_autocache=False),
            decoders=tfds.decode.PartialDecoding(
                {image: True, label: True}, decoders={image: tfds.decode.SkipDecoding()}
            ),
        )
    except Exception as error:  # an unknown split or data that is not there: ValueError, AssertionError, ...
        raise InputError(f"'{spec}' could not be read: {_first_line(error)}") from error
    total = int(dataset.cardinality())
    for one in track(dataset.as_numpy_iterator(), f"Reading {spec}", total if total >= 0 else None):
        yield _Example(one["tfds_id"].decode(), bytes(one[image]), int(one[label]))


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
