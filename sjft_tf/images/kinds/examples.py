"""tf.train.Example records of labeled images: which features hold what, and what the classes are called."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from sjft_tf.errors import InputError
from sjft_tf.images.kinds.tables import numbered

# The layouts people have: TensorFlow's ImageNet scripts and slim, then TensorFlow Datasets.
IMAGES = ("image/encoded", "image")
LABELS = ("image/class/label", "label", "image/class/synset", "image/class/text")
# What a class may be called beside its number. Synsets first: in ImageNet two classes each have the texts "crane" and
# "maillot", and a split's names must not depend on which classes happen to be in it.
NAMES = ("image/class/synset", "image/class/text")


@dataclasses.dataclass(frozen=True)
class Features:
    """Names of the features. `id` may be "", `names` are further names of the class; `number`: labels are integers."""

    image: str
    label: str
    id: str
    names: tuple[str, ...]
    number: bool


@dataclasses.dataclass(frozen=True)
class Labeled:
    """One image. `names` is the label as text, and after it what `Features.names` hold ("" where nothing)."""

    encoded: bytes
    names: tuple[str, ...]
    id: str


def parse_example(record: bytes, where: str) -> dict[str, tf.train.Feature]:
    """The features of a serialized tf.train.Example. `where` is for messages."""
    try:
        return dict(tf.train.Example.FromString(record).features.feature)
    except DecodeError as error:
        raise InputError(
            f"{where} is no tf.train.Example ({error}). Expected TFRecord files of labeled images"
        ) from error


def find_features(
    example: dict[str, tf.train.Feature], where: str, image: str = "", label: str = "", id: str = ""
) -> Features:
    """The features to be read, from the first example: those given, else the first known ones it has."""
    image = image or next((name for name in IMAGES if name in example), IMAGES[0])
    label = label or next((name for name in LABELS if name in example), LABELS[0])
    for option, name in (("image", image), ("label", label), ("id", id)):
        if name and name not in example:
            raise InputError(
                f"{where} has no feature '{name}'. Its features: {', '.join(sorted(example)) or 'none'}. "
                f"Name the right one with ?{option}=FEATURE"
            )
    number = example[label].WhichOneof("kind") == "int64_list"
    names = tuple(name for name in NAMES if name in example and name != label) if number else ()
    return Features(image, label, id, names, number)


def read_example(example: dict[str, tf.train.Feature], features: Features, where: str) -> Labeled:
    """The labeled image of an example."""
    encoded = _value(example, features.image, where)
    if not isinstance(encoded, bytes):
        raise InputError(f"{where}: feature '{features.image}' must be an encoded image. Received: a number")
    label = _value(example, features.label, where)
    if isinstance(label, int) != features.number:
        raise InputError(f"{where}: labels must be all integers or all text. Received: '{features.label}' = {label!r}")
    if label == b"" or (isinstance(label, int) and label < 0):  # how unlabeled test images are marked
        raise InputError(f"{where} has no label ({features.label} = {label!r}). Expected labeled images")
    others = [_value(example, name, where) if name in example else b"" for name in features.names]
    return Labeled(
        encoded,
        tuple(_text(value, where) for value in (label, *others)),
        _text(_value(example, features.id, where), where) if features.id else "",
    )


def _value(example: dict[str, tf.train.Feature], name: str, where: str) -> bytes | int:
    if name not in example:
        raise InputError(f"{where} has no feature '{name}', which records before it have")
    kind = example[name].WhichOneof("kind") or "no kind"
    values = list(getattr(example[name], kind).value) if kind in ("bytes_list", "int64_list") else []
    if len(values) != 1:
        raise InputError(
            f"{where}: feature '{name}' must be one byte string or one integer. Received: {len(values)} of {kind}"
        )
    return values[0]


def _text(value: bytes | int, where: str) -> str:
    try:
        return value.decode() if isinstance(value, bytes) else str(value)
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: {value!r} is not UTF-8 text") from error


def name_classes(
    label_names: Sequence[tuple[str, ...]], number: bool, given: Sequence[str] | None, first: int | None, where: str
) -> tuple[list[str], np.ndarray]:
    """Class names, and the class of each way in which a class was written.

    Args:
        label_names: U distinct tuples, `Labeled.names` of all images.
        number: whether labels are integers.
        given: the names of all classes in order, or None: then the classes are the labels found, called by the first
            further name that tells them apart, or by the label itself.
        first: the integer that means `given[0]`, 0 or 1; None finds it out where that is certain.
        where: for messages.

    Returns:
        (names [C], classes int32 [U]).
    """
    labels = [names[0] for names in label_names]
    if given is None:
        classes, positions = numbered(labels)
        for other in range(1, len(label_names[0])):
            called = {(names[0], names[other]) for names in label_names}
            if len(called) == len({name for _, name in called}) == len(classes) and ("" not in dict(called).values()):
                return [dict(called)[label] for label in classes], positions
        return classes, positions
    if not number:
        unknown = sorted(set(labels) - set(given))
        if unknown:
            raise InputError(f"{where}: label '{unknown[0]}' is not among the {len(given)} names of `classes`")
        position = {name: i for i, name in enumerate(given)}
        return list(given), np.array([position[label] for label in labels], np.int32)
    values = np.array([int(label) for label in labels], np.int64)
    if first is None:
        first = _first_label(values, len(given), where)
    if values.min() < first or values.max() >= first + len(given):
        raise InputError(
            f"{where}: labels must be between {first} and {first + len(given) - 1}, for the {len(given)} names of "
            f"`classes`. Received: {values.min()} to {values.max()}. ?first_label=0 or 1 says which is the first"
        )
    return list(given), (values - first).astype(np.int32)


def _first_label(values: np.ndarray, count: int, where: str) -> int:
    # slim numbers ImageNet from 1 and its other sets from 0, under the same name of the feature.
    if 0 in values:
        return 0
    if count in values:
        return 1
    raise InputError(
        f"{where}: labels from {values.min()} to {values.max()} fit the {count} names of `classes` from 0 on and from "
        "1 on. Say which label is the first name's: ?first_label=0 or ?first_label=1"
    )
