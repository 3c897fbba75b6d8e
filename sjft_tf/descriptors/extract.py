"""From an image set to histograms, block by block; nothing but the block is kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence

import numpy as np
import tensorflow as tf

from sjft_tf import progress
from sjft_tf.descriptors.bank import FilterBank
from sjft_tf.descriptors.chunks import compiled
from sjft_tf.descriptors.edges import BinEdges
from sjft_tf.descriptors.histogram import histograms_of
from sjft_tf.descriptors.image_counting import image_counter, images_a_chunk
from sjft_tf.descriptors.viewing import DescribedImages, DescriptorView, image_batches
from sjft_tf.errors import InputError

Block = tuple[np.ndarray, np.ndarray]
"""`(rows int32 [n], histograms float32 [n, D] or counts [n, D])`."""

Counting = Callable[[], tuple[np.ndarray, np.ndarray]]
"""What `ImageCounter.start` gives: waits for the counts of a chunk, and whether its responses are finite."""

# Chunks that wait for their counts while the filters go on with the next one.
_WAITING = 2


def extract(
    image_set: DescribedImages,
    bank: FilterBank,
    edges: BinEdges,
    view: DescriptorView,
    rows: np.ndarray | Sequence[int] | None = None,
    batch_size: int = 64,
) -> Iterator[Block]:
    """Streams the descriptors of an image set (SJFT paper, section 3.2): `extract_counts`, divided by the positions.

    Args:
        image_set: the images.
        bank: the filters.
        edges: bin edges of this bank.
        view: the view the edges were fitted with.
        rows: which images, in which order; None for all.
        batch_size: images a block, default 64; the descriptors do not depend on it.

    Yields:
        `(rows int32 [n], histograms float32 [n, D])` in the order of `rows`.

    Raises:
        InputError: edges of another bank, or a response that is NaN or infinite.
    """
    positions: tuple[int, ...] = ()
    for block_rows, counts in extract_counts(image_set, bank, edges, view, rows, batch_size):
        if not positions:
            positions = positions_of_counts(counts[0], edges)
        yield block_rows, histograms_of(counts, positions, edges)


def extract_counts(
    image_set: DescribedImages,
    bank: FilterBank,
    edges: BinEdges,
    view: DescriptorView,
    rows: np.ndarray | Sequence[int] | None = None,
    batch_size: int = 64,
) -> Iterator[Block]:
    """Streams the descriptors of an image set as whole numbers: how many positions of a response lie in each bin.

    They take half the room of histograms and lose nothing: `histograms_of(counts, bank_positions(bank, view), edges)`
    are the histograms, and `rint(histograms * positions)` are the counts again.

    Three things go on at once: tf.data decodes ahead, the filters answer one chunk of images, and threads count the
    responses of the chunks before it; Gabor filters on a CPU answer and are counted image by image, in threads. Chunks
    have one size for all sets seen through the same view, one at which the filters were seen to round alike at every
    position (`chunk_size`), and the last one is filled up to it: so the descriptor of an image depends neither on the
    images beside it nor on `batch_size`. In memory are the block, and the images or responses of three chunks.

    Args: see `extract`.

    Yields:
        `(rows int32 [n], counts [n, D])` in the order of `rows`; uint16, or uint32 if a layer has more than 65,535
        positions.

    Raises:
        InputError: edges of another bank, or a response that is NaN or infinite.
    """
    check_fit(bank, edges)
    if batch_size < 1:
        raise InputError(f"`batch_size` must be at least 1. Received: batch_size={batch_size}")
    chosen = None if rows is None else np.asarray(rows, np.int32)
    total = len(image_set) if chosen is None else len(chosen)
    # Closed here and not by the garbage collector: its threads end when the consumer stops early.
    chunks = _counted_chunks(image_set, bank, edges, view, chosen)
    try:
        with progress.bar(total, f"Describing {image_set.name}") as shown:
            for block in _in_blocks(chunks, batch_size):
                yield block
                shown.update(len(block[0]))
    finally:
        chunks.close()


def bank_positions(bank: FilterBank, view: DescriptorView) -> tuple[int, ...]:
    """Positions h_l * w_l at which each layer of a bank answers an image: what counts are divided by.

    Args:
        bank: the filters.
        view: its `crop` is the side of the images the bank sees.
    """
    spec = tf.TensorSpec([1, view.crop, view.crop, 3], tf.float32)
    shapes = [layer.shape for layer in compiled(bank).get_concrete_function(spec).structured_outputs]
    if any(shape[1:3].num_elements() is None for shape in shapes):
        shapes = [layer.shape for layer in bank.responses(tf.zeros(spec.shape))]
    return tuple(int(shape[1] * shape[2]) for shape in shapes)


def positions_of_counts(counts: np.ndarray, edges: BinEdges) -> tuple[int, ...]:
    """Positions of each layer from the counts [D] of one image: every channel counts all of them."""
    firsts = np.cumsum([0, *edges.layer_channels[:-1]]) * edges.bins
    return tuple(int(counts[first : first + edges.bins].sum(dtype=np.int64)) for first in firsts)


def check_fit(bank: FilterBank, edges: BinEdges) -> None:
    """Raises InputError if the edges are not of this bank's shape."""
    if tuple(bank.layer_channels) != edges.layer_channels:
        raise InputError(
            f"Bank {bank.name} has {tuple(bank.layer_channels)} filters in its layers, but the bin edges are for "
            f"{edges.layer_channels}. Fit the edges again with this bank."
        )


def _counted_chunks(
    image_set: DescribedImages, bank: FilterBank, edges: BinEdges, view: DescriptorView, rows: np.ndarray | None
) -> Generator[Block, None, None]:
    """Rows and counts of one chunk of images after the other."""
    shape = image_batches(image_set, view, rows, 1).element_spec[1].shape
    waiting: deque[tuple[np.ndarray, Counting]] = deque()
    with image_counter(bank, edges.edges, shape) as counter:
        for chunk_rows, images in image_batches(image_set, view, rows, images_a_chunk(bank, shape)):
            waiting.append((chunk_rows.numpy().astype(np.int32), counter.start(images)))
            if len(waiting) > _WAITING:
                yield _finished(*waiting.popleft(), bank, image_set)
        while waiting:
            yield _finished(*waiting.popleft(), bank, image_set)


def _finished(rows: np.ndarray, counting: Counting, bank: FilterBank, image_set: DescribedImages) -> Block:
    counts, finite = counting()
    if not finite.all():
        raise InputError(
            f"Bank {bank.name} answered rows {rows[~finite][:5].tolist()} of {image_set.name} with NaN or infinite "
            "values: its weights are damaged, or its input is outside what it was trained on."
        )
    return rows, counts


def _in_blocks(chunks: Iterator[Block], size: int) -> Iterator[Block]:
    """The same rows, `size` at a time."""
    held: list[Block] = []
    for chunk in chunks:
        held.append(chunk)
        while (have := sum(len(rows) for rows, _ in held)) >= size:
            block = _joined(held)
            held = [(block[0][size:], block[1][size:])] if have > size else []
            yield block[0][:size], block[1][:size]
    if held:
        yield _joined(held)


def _joined(blocks: list[Block]) -> Block:
    if len(blocks) == 1:
        return blocks[0]
    return np.concatenate([rows for rows, _ in blocks]), np.concatenate([counts for _, counts in blocks])
