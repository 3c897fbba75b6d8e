"""Which source images are target images: equal bytes, or the same picture after small changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self

import numpy as np

from sjft_tf.images.audit.alignment import likeness
from sjft_tf.images.audit.thumbnails import MIN_AUDITED_SIDE, SIDE, mirrored, signatures, thumbnails
from sjft_tf.images.sets.image_set import ImageSet
from sjft_tf.progress import bar

IDENTICAL, NEAR = "identical", "near"
TRAINING = "training"
"""The role of an image of the same set, in `find_conflicts`."""

CANDIDATE = 0.75
"""Inner product of two signatures from which a pair is compared."""

SAME = 0.75
"""Likeness from which a source image counts as the target image."""

AUDIT_SETTINGS = {"version": 2, "candidate": CANDIDATE, "same": SAME, "min_side": MIN_AUDITED_SIDE, "side": SIDE}
"""What the result of an audit depends on besides the images."""

_BLOCK = 1024  # source images at once
_COLUMNS = 4096  # target images in one matrix product
_MOST = 8  # candidates of one source image and role that are compared


class Leak(NamedTuple):
    """A source image that is a target image.

    Attributes:
        source_row: its position in the source.
        role: the name of the target set.
        target_row: the position of the target image in that set.
        kind: "identical" (byte by byte) or "near" (the same picture).
        score: likeness of the two, 1.0 when identical.
    """

    source_row: int
    role: str
    target_row: int
    kind: str
    score: float


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        leaks: at most one a source row and role (its best match, the lower row of equal ones), ordered by source
            row, then in the order of the roles.
        judged: for each role, how many of its images are large enough to be judged by their look; the others were
            compared byte by byte only.
    """

    leaks: tuple[Leak, ...]
    judged: dict[str, int]


class LeakSearcher(Protocol):
    """Looks for changed copies among parts of the source in other processes."""

    def __call__(self, protected: Mapping[str, Thumbnails], size: int) -> Iterator[tuple[int, list[Leak]]]:
        """Yields how many images each part had and what was found in it; together they are the source's `size`."""


def find_leaks(source: ImageSet, targets: Mapping[str, ImageSet], elsewhere: LeakSearcher | None = None) -> Audit:
    """Finds source images that are images of the target sets.

    Byte-identical ones are found by their digests, all of them. Others, neither flat nor tiny (`MIN_AUDITED_SIDE`), are
    found when they were re-encoded, resized, mirrored or cropped by a few per cent of each side, in either direction:
    a signature of low frequencies proposes candidates (one matrix product a block of source images, mirrored targets
    as well), which are aligned and compared in their details. A gray version counts as the same picture.

    Source images are decoded once, as a stream; memory does not grow with the source, apart from the answer.

    Args:
        source: images to borrow from.
        targets: sets to protect, by role, e.g. {"test": ..., "training": ...}.
        elsewhere: looks at the source in other processes; the result is the same.
    """
    leaks = {
        (row, role): Leak(row, role, target_row, IDENTICAL, 1.0)
        for role, images in targets.items()
        for row, target_row in identical_rows(source, images).items()
    }
    with bar(len(source) + sum(map(len, targets.values())), "Leakage audit") as shown:
        protected = {role: Thumbnails.of(images, shown.update) for role, images in targets.items()}
        judged = {role: len(prepared.rows) for role, prepared in protected.items()}
        parts: Iterator[tuple[int, list[Leak]]] = iter(())
        if any(judged.values()):  # nothing to compare, nothing to decode: an audit of tiny images costs nothing
            parts = elsewhere(protected, len(source)) if elsewhere is not None else near_copies(source, protected)
        for count, found in parts:
            for leak in found:
                leaks.setdefault((leak.source_row, leak.role), leak)
            shown.update(count)
    order = list(targets)
    return Audit(tuple(sorted(leaks.values(), key=lambda leak: (leak.source_row, order.index(leak.role)))), judged)


def near_copies(
    source: ImageSet,
    protected: Mapping[str, Thumbnails],
    rows: np.ndarray | None = None,
    candidate: float = CANDIDATE,
    same: float = SAME,
) -> Iterator[tuple[int, list[Leak]]]:
    """The changed copies among source images `rows` int32 [M] (default: all), block by block with their number."""
    roles = {role: _Role(pictures) for role, pictures in protected.items()}
    for some, pictures, large in thumbnails(source, _BLOCK, rows):
        pictures, large_rows = pictures[large], some[large]
        vectors, found = signatures(pictures), []
        for role, prepared in roles.items():
            matching, target_rows, scores = prepared.same(pictures, vectors, candidate=candidate, same=same)
            found += [
                Leak(int(large_rows[image]), role, int(target_row), NEAR, float(score))
                for image, target_row, score in zip(matching, target_rows, scores, strict=True)
            ]
        yield len(some), found


def find_conflicts(images: ImageSet) -> tuple[Leak, ...]:
    """Finds images that are also in another class of the same set, equal or changed as `find_leaks` knows it.

    `source_row` and `target_row` of each `Leak` are rows of `images`, and its role is "training"; both of a pair are
    named, each with its best match in another class. Copies within a class are no conflict.
    """
    labels = label_groups(images)
    found = {
        row: Leak(row, TRAINING, next(one for one in rows if labels[one] != labels[row]), IDENTICAL, 1.0)
        for rows in in_several_classes(images)
        for row in rows
    }
    with bar(len(images), "Conflicting labels") as shown:
        prepared = _Role(Thumbnails.of(images, shown.update), labels)
    for start in range(0, len(prepared.rows), _BLOCK):
        rows, pictures = (of[start : start + _BLOCK] for of in (prepared.rows, prepared.pictures))
        matching, others, scores = prepared.same(pictures, signatures(pictures), labels[rows])
        for image, other, score in zip(matching, others, scores, strict=True):
            row = int(rows[image])
            found.setdefault(row, Leak(row, TRAINING, int(other), NEAR, float(score)))
    return tuple(found[row] for row in sorted(found))


def label_groups(images: ImageSet) -> np.ndarray:
    """A number for the labels of each image, int [N], the same for the same ones: the class, or all its classes."""
    return images.labels if images.label_matrix is None else np.unique(images.truth, axis=0, return_inverse=True)[1]


def in_several_classes(images: ImageSet) -> list[list[int]]:
    """The rows of each picture that is, byte by byte, in several classes, ascending; pictures by their first row.

    Where images may have several labels: that is there with others.
    """
    labels = label_groups(images)
    rows_of: dict[bytes, list[int]] = {}
    for row, digest in enumerate(images.digests):
        rows_of.setdefault(digest.tobytes(), []).append(row)
    return [rows for rows in rows_of.values() if len(rows) > 1 and len(set(labels[rows].tolist())) > 1]


def identical_rows(source: ImageSet, target: ImageSet) -> dict[int, int]:
    """The first target row with the same bytes, for each source row that has one."""
    first = {digest.tobytes(): row for row, digest in reversed(list(enumerate(target.digests)))}
    pairs = ((row, first.get(digest.tobytes())) for row, digest in enumerate(source.digests))
    return {row: target_row for row, target_row in pairs if target_row is not None}


class Thumbnails(NamedTuple):
    """The images of a set that are large enough to be judged by their look.

    Attributes:
        rows: int32 [n], where they stand in it.
        pictures: float32 [n, 32, 32], see `thumbnails`.
    """

    rows: np.ndarray
    pictures: np.ndarray

    @classmethod
    def of(cls, images: ImageSet, advance: Callable[[int], object]) -> Self:
        """Of all images; `advance` is told after each block how many it had."""
        large_rows, pictures = [], []
        for rows, block, large in thumbnails(images, _BLOCK):
            large_rows.append(rows[large])
            pictures.append(block[large])
            advance(len(rows))
        return cls(np.concatenate(large_rows), np.concatenate(pictures))


class _Role:
    """One target set, ready to be searched; `labels` int [N] of all its images, where classes count."""

    def __init__(self, small: Thumbnails, labels: np.ndarray | None = None) -> None:
        self.rows, self.pictures = small
        self._labels = np.zeros(len(self.rows), np.int64) if labels is None else labels[self.rows]
        vectors = signatures(self.pictures)
        self._vectors = np.concatenate([vectors, mirrored(vectors)])

    def same(
        self,
        pictures: np.ndarray,
        vectors: np.ndarray,
        labels: np.ndarray | None = None,
        candidate: float = CANDIDATE,
        same: float = SAME,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Positions among `pictures` of those that are target images, the rows of these, and the scores.

        With `labels`, those of the pictures, only target images of other classes count.
        """
        image, column = self._candidates(vectors, labels, candidate)
        turned, position = np.divmod(column, max(1, len(self.rows)))
        theirs = self.pictures[position]
        theirs[turned == 1] = theirs[turned == 1, :, ::-1]
        scores = likeness(theirs, pictures[image])
        order = np.lexsort((position, -scores, image))
        image, position, scores = image[order], position[order], scores[order]
        best = (_rank(image) == 0) & (scores >= same)
        return image[best], self.rows[position[best]], scores[best]

    def _candidates(
        self, vectors: np.ndarray, labels: np.ndarray | None, candidate: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pairs with like signatures, the most alike of each image: `(images, columns)`, by image."""
        image, column, value = np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0)
        for start in range(0, len(self._vectors), _COLUMNS):
            alike = vectors @ self._vectors[start : start + _COLUMNS].T
            if labels is not None:
                theirs = self._labels[np.arange(start, start + alike.shape[1]) % len(self.rows)]
                alike[labels[:, None] == theirs] = -2
            pairs = np.flatnonzero(alike >= candidate)
            image = np.concatenate([image, pairs // alike.shape[1]])
            column = np.concatenate([column, pairs % alike.shape[1] + start])
            value = np.concatenate([value, alike.ravel()[pairs]])
            # Cut each time: sets in which everything looks alike must not fill the memory.
            order = np.lexsort((column, -value, image))
            order = order[_rank(image[order]) < _MOST]
            image, column, value = image[order], column[order], value[order]
        return image, column


def _rank(groups: np.ndarray) -> np.ndarray:
    """Position of each element within its group; `groups` is sorted."""
    return np.arange(len(groups)) - np.searchsorted(groups, groups)
