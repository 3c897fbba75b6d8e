"""Kernels that round by position: how to notice them, and how to keep out of their way.

A matrix kernel works through its rows and columns in panels; what is left over at the end is added up in another order
and so rounded otherwise. Which rows are left over depends on the shape, the library and the processor's instruction
set. Two remedies: shapes in multiples of `PANEL`, of which nothing is left over by any kernel met so far, and a look
at what the kernel in use does on this machine, before results are promised to be equal bit by bit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

PANEL = 48
"""Rows or columns of which the known kernels leave nothing over: a multiple of 24 (AVX), 32 or 48 (AVX-512)."""

log = logging.getLogger(__name__)


def padded(count: int) -> int:
    """The next multiple of `PANEL`.

    Example:
        >>> padded(49)
        96
    """
    return -(-count // PANEL) * PANEL


def equal_at_all_positions(answers: Iterable[ArrayLike]) -> bool:
    """Whether each answer [N, ...], to N equal inputs, has the same bits N times.

    Args:
        answers: arrays or tensors whose first axis is the position in the batch.
    """
    for answer in answers:
        array = np.asarray(answer)
        bits = np.ascontiguousarray(array).reshape(len(array), -1).view(np.uint8)
        if (bits != bits[:1]).any():
            return False
    return True


def independent_batch(
    answer: Callable[[np.ndarray], Iterable[ArrayLike]], example: np.ndarray, sizes: Sequence[int]
) -> int:
    """The first of several batch sizes at which an answer does not depend on the input's position in the batch.

    With a batch of 1 there is only one position, so 1 always holds and is what is left when no other size does.

    Args:
        answer: takes float32 [N, ...], N equal inputs, and gives arrays or tensors [N, ...].
        example: float32 [...], one input of the shape in use, without symmetries.
        sizes: the sizes to try, in order of preference.
    """
    for size in sizes:
        if size == 1 or equal_at_all_positions(answer(np.repeat(example[None], size, axis=0))):
            return size
    log.info("No batch gives equal bits at all positions on this machine: one %s input at a time.", example.shape)
    return 1
