"""Which target images come, and in which order: every image once a pass, or as the released code makes up its batches.

The paper's pass visits every target image once. The released code draws hard images more often, and takes at most two
target images of one class into a batch; both are options here, and so is to draw every class equally often.
"""

from __future__ import annotations

import functools
import heapq
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.images import philox

# Streams of random numbers beside that of `joint`, see there.
_CLASSES, _OF_CLASS = 6, 7
_TOGETHER = 4096
"""Rows drawn in one go, at least, where every class is drawn equally often."""


class BatchComposition(NamedTuple):
    """How the batches of one round are made up.

    Attributes:
        first_step: global step the round begins with. The order is that of the whole round, wherever a stream begins.
        hard: bool [N_t], target images that the last scoring found wrong or uncertain; None: there was none yet.
        hard_repeats: R; a hard image comes 1 + R times in a pass. 0 (default): once, as the others.
        max_per_class: m, target images of one class in a batch at most. 0 (default): any number.
        balanced: every class is drawn equally often. False (default): every image.
    """

    first_step: int
    hard: np.ndarray | None = None
    hard_repeats: int = 0
    max_per_class: int = 0
    balanced: bool = False

    @property
    def repeated(self) -> np.ndarray:
        """int32, the rows that come more than once a pass."""
        if self.hard is None or not self.hard_repeats:
            return np.zeros(0, np.int32)
        return np.flatnonzero(self.hard).astype(np.int32)

    @property
    def plain(self) -> bool:
        """Whether nothing is to be done: every image once a pass, in any company."""
        return not len(self.repeated) and not self.max_per_class and not self.balanced


def target_row_at(position: tf.Tensor, num_target: int, seed: int) -> tf.Tensor:
    """The target row drawn at `position`: each pass over the target visits every row once, in its own order.

    Args:
        position: int64, scalar or vector; target images drawn before in the whole run.
        num_target: number of target images.
        seed: the run's seed.

    Returns:
        int32 rows of the same shape.
    """

    def rows_at(positions: np.ndarray) -> np.ndarray:
        return _shuffled(np.asarray(positions), num_target, seed)

    rows = tf.numpy_function(rows_at, [position], tf.int32, stateful=False)
    return tf.ensure_shape(rows, position.shape)


def _shuffled(positions: np.ndarray, count: int, seed: int, offset: int = 0) -> np.ndarray:
    """What stands at `positions` (int64) of 0 to `count` - 1 shuffled anew for every pass, int32 of the same shape.

    `offset` is added to the number of the pass, so that passes counted anew come in orders of their own.
    """
    passes, indices = positions // count + offset, positions % count
    rows = np.empty(positions.shape, np.int32)
    for number in np.unique(passes).tolist():
        here = passes == number
        rows[here] = _pass(count, seed, number)[indices[here]]
    return rows


@functools.lru_cache(maxsize=2)
def _pass(count: int, seed: int, number: int) -> np.ndarray:
    # Word 0 of the seeds' first halves is the order; `joint` has the others.
    return philox.permutation(count, (seed * 8, number))


def check_max_per_class(labels: np.ndarray, batch_size: int, max_per_class: int) -> None:
    """Raises InputError where so few of a class cannot fill a batch.

    Args:
        labels: int [N_t].
        batch_size: B, target images.
        max_per_class: m; 0 sets no limit.
    """
    classes = len(np.unique(labels))
    if max_per_class and classes * max_per_class < batch_size:
        raise InputError(
            f"--max_per_class={max_per_class} leaves at most {classes * max_per_class} target images of {classes} "
            f"classes for a batch of {batch_size}. Raise it, or lower --batch_size."
        )


def round_order(
    labels: np.ndarray, composition: BatchComposition, *, batch_size: int, first: int, count: int, seed: int
) -> np.ndarray:
    """The target rows of a round from its beginning on.

    With hard images, passes begin with the round: each visits every row once and every hard row `hard_repeats` more
    times, in an order of its own. With `max_per_class`, an image whose class is full waits for the next batch that has
    room for it, before images not yet drawn; what waits at the end of the round is left out, and no class has more
    images waiting than a pass has of it.

    Balanced, a pass has one image of every class; each class goes through its own images, in an order of its own each
    time, hard ones so many more times. Passes then begin with the round too.

    Args:
        labels: int [N_t], class of each target image.
        composition: how the batches are made up.
        batch_size: B, target images of a batch (of a micro-batch, where a step has several).
        first: position the round begins at.
        count: number of rows wanted, a multiple of `batch_size`.
        seed: the run's seed.

    Returns:
        int32 [count], a function of these arguments alone; a longer order begins with the shorter one.

    Raises:
        InputError: see `check_max_per_class`.
    """
    check_max_per_class(labels, batch_size, composition.max_per_class)
    times = np.ones(len(labels), np.int64)
    times[composition.repeated] += composition.hard_repeats
    most_waiting = np.bincount(labels, times).astype(np.int64)
    if composition.balanced:
        # As many in one go as the largest class has images, so that no more orders are drawn than are needed.
        classes = int(np.count_nonzero(most_waiting))
        passes = min(max(int(most_waiting.max()), _TOGETHER // classes), -(-count // classes))
        drawn = _drawn_balanced(labels, times, first, seed, passes)
        most_waiting[:] = count  # what comes equally often and has room on average does not pile up
    else:
        drawn = _drawn(len(labels), composition, first, seed)
    if not composition.max_per_class:
        return _first(count, drawn)
    rows = (int(row) for block in drawn for row in block)
    return _limited(rows, labels.tolist(), most_waiting.tolist(), batch_size, composition.max_per_class, count)


def _drawn(num_target: int, composition: BatchComposition, first: int, seed: int) -> Iterator[np.ndarray]:
    """The rows one pass after the other, without end, as many as a pass has at a time, int32."""
    rows, begin, offset = np.arange(num_target, dtype=np.int32), first, 0
    if len(composition.repeated):
        # `first` is above every pass number of the round before, so no two rounds share an order.
        again = np.repeat(composition.repeated, composition.hard_repeats)
        rows, begin, offset = np.concatenate([rows, again]), 0, first
    while True:
        yield rows[_shuffled(np.arange(begin, begin + len(rows)), len(rows), seed, offset)]
        begin += len(rows)


def _drawn_balanced(labels: np.ndarray, times: np.ndarray, first: int, seed: int, passes: int) -> Iterator[np.ndarray]:
    """As `_drawn`, every class once a pass, in an order of its own; `passes` of them at a time."""
    classes = np.unique(labels)
    again = np.repeat(np.arange(len(labels), dtype=np.int32), times)
    own = [again[labels[again] == label] for label in classes]
    begin = 0
    while True:
        numbers = np.arange(begin, begin + passes)
        rows = np.stack([_cycled(part, numbers, first, seed, (i, len(own))) for i, part in enumerate(own)], 1)
        order = philox.permutations(len(own), _seeds(seed * 8 + _CLASSES, first + numbers))
        yield np.take_along_axis(rows, order, axis=1).ravel()
        begin += passes


def _cycled(own: np.ndarray, numbers: np.ndarray, first: int, seed: int, place: tuple[int, int]) -> np.ndarray:
    """What stands at `numbers`, int64 [M] ascending, of the rows `own` gone through again and again, shuffled anew.

    `place` is the number of the class among how many: no two classes, cycles or rounds share an order.
    """
    cycles = np.arange(numbers[0] // len(own), numbers[-1] // len(own) + 1)
    orders = philox.permutations(len(own), _seeds(seed * 8 + _OF_CLASS, (first + cycles) * place[1] + place[0]))
    return own[orders.ravel()[numbers - cycles[0] * len(own)]]


def _seeds(word: int, numbers: np.ndarray) -> np.ndarray:
    return np.stack([np.full(len(numbers), word, np.int64), numbers], -1)


def _first(count: int, drawn: Iterator[np.ndarray]) -> np.ndarray:
    """The first `count` rows of all that is drawn."""
    blocks, length = [next(drawn)], 0
    while (length := length + len(blocks[-1])) < count:
        blocks.append(next(drawn))
    return np.concatenate(blocks)[:count]


def _limited(
    rows: Iterator[int], labels: list[int], most_waiting: list[int], batch_size: int, limit: int, count: int
) -> np.ndarray:
    """Rows in batches with at most `limit` of a class, those that had to wait first."""
    waiting: dict[int, deque[tuple[int, int]]] = {}  # class: when each was drawn, and its row
    order: list[int] = []
    drawn = 0
    while len(order) < count:
        taken: dict[int, int] = {}
        heads = [(queue[0][0], label) for label, queue in waiting.items() if queue]
        heapq.heapify(heads)
        end = len(order) + batch_size
        while heads and len(order) < end:
            _, label = heapq.heappop(heads)
            order.append(waiting[label].popleft()[1])
            taken[label] = taken.get(label, 0) + 1
            if waiting[label] and taken[label] < limit:
                heapq.heappush(heads, (waiting[label][0][0], label))
        while len(order) < end:
            row, drawn = next(rows), drawn + 1
            label = labels[row]
            if taken.get(label, 0) < limit:
                order.append(row)
                taken[label] = taken.get(label, 0) + 1
            elif len(queue := waiting.setdefault(label, deque())) < most_waiting[label]:
                queue.append((drawn, row))
    return np.array(order, np.int32)
