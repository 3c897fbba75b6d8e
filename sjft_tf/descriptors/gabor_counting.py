"""Counts and bounds of Gabor responses on a CPU, image by image, without the responses themselves."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeGuard

import numpy as np
import scipy.fft
import tensorflow as tf

from sjft_tf.descriptors.bank import FilterBank
from sjft_tf.descriptors.cpu_counting import CpuBinCounter, count_dtype
from sjft_tf.descriptors.fourier import LANES
from sjft_tf.descriptors.gabor import LUMINANCE, GaborBank, part_gains, passed_box, transfer_function
from sjft_tf.descriptors.gabor_kernel import (
    MIRRORED,
    OWN_MIRROR,
    bounds_kernel,
    counting_kernel,
    supported,
    work_length,
)
from sjft_tf.parallel import cores

# Gains below this share of the largest are nothing to float32, and denormal numbers would be slow.
_NOTHING = 1e-12
# Responses to images of values whose coefficients add up to less cannot overflow.
_LARGEST_SUM = 1e30
_MOST_BINS = 2**16


def countable(bank: FilterBank, shape: Sequence[int | None], bins: int = 2) -> TypeGuard[GaborBank]:
    """Whether `GaborCounter` can count this bank's responses to images [N, H, W, 3]; if not, `BankCounter` does.

    It can for Gabor filters of an even number of orientations and square images of a side that has a kernel, where
    TensorFlow has no GPU.
    """
    if not isinstance(bank, GaborBank) or bank.orientations % 2 or bins > _MOST_BINS:
        return False
    return shape[1] is not None and shape[1] == shape[2] and supported(shape[1]) and not _has_gpu()


def _has_gpu() -> bool:
    return bool(tf.config.list_logical_devices("GPU"))


def images_at_once(size: int) -> int:
    """Images a chunk: enough for all threads to be busy, few enough to be held three times."""
    return max(8, min(64, 2**20 // size**2))


class GaborPlan:
    """What is multiplied with an image's cosine coefficients, four channels at a time.

    The parts of `gabor.part_gains` are carried by complex transforms, two each. Filters at angle t and pi - t have
    parts 0 and 2 in common and 1 and 3 up to their sign, so one line of the plan has the four channels of both. The
    level and the upright filter, of which two parts vanish, share a line.

    Args:
        scales, orientations: of the bank; the orientations are even.
        size: height and width of the images.

    Attributes:
        lines: int64 [scales * orientations / 2, 11], see `gabor_kernel.COLUMNS`.
        gains: float32, for each transform of a line, sixteen columns, real or imaginary part and row: sixteen gains.
    """

    def __init__(self, scales: int, orientations: int, size: int):
        lines, gains, used = [], [], 0
        for scale in range(scales):
            for orientation in range(orientations // 2):
                mirror = orientations - orientation if orientation else orientations // 2
                own = (orientation,) if orientation else (0, mirror)
                transfers = np.stack([transfer_function(scale, n, scales, orientations, size, size) for n in own])
                top, bottom, left, right = passed_box(transfers)
                left = left // LANES * LANES
                right = -(-right // LANES) * LANES
                parts = part_gains(transfers)[:, :, top:bottom, left:right]
                parts[np.abs(parts) < _NOTHING * np.abs(parts).max()] = 0
                if orientation:
                    transforms = (parts[0][0], parts[0][2]), (parts[0][1], parts[0][3])
                else:
                    transforms = (parts[0][0], parts[1][0]), (parts[0][3], parts[1][2])
                first = 2 * scale * orientations
                channels = [first + 2 * n + imaginary for n in (orientation, mirror) for imaginary in (0, 1)]
                kind = MIRRORED if orientation else OWN_MIRROR
                places = []
                for transform in transforms:
                    laid = np.stack(transform).reshape(2, bottom - top, -1, LANES).transpose(2, 0, 1, 3)
                    places.append(used)
                    gains.append(laid.astype(np.float32).ravel())
                    used += laid.size
                lines.append([kind, *channels, top, bottom, left, right, *places])
        self.lines = np.array(lines, np.int64)
        self.gains = np.concatenate(gains)


@functools.lru_cache(maxsize=8)
def _plan(scales: int, orientations: int, size: int) -> GaborPlan:
    return GaborPlan(scales, orientations, size)


def spectrum(image: np.ndarray) -> np.ndarray:
    """The cosine coefficients of an image's luminance as the kernels take them.

    Args:
        image: float32 [size, size, 3], RGB 0..255.

    Returns:
        float32 [size * size]: sixteen columns of all rows, then the next sixteen. NaN where the image has values that
        are not finite, or too large to be transformed.
    """
    size = len(image)
    luminance = image[..., 0] * LUMINANCE[0]
    for color in (1, 2):
        luminance += image[..., color] * LUMINANCE[color]
    found = scipy.fft.dctn(luminance, type=2, overwrite_x=True)
    found *= np.float32(1 / size**2)
    found[0] /= 2
    found[:, 0] /= 2
    if not float(np.abs(found).sum()) < _LARGEST_SUM:
        found[:] = np.nan
    return found.reshape(size, -1, LANES).swapaxes(0, 1).ravel()


class GaborCounter:
    """Counts the responses of a Gabor bank while the caller goes on; a context manager, as it holds threads.

    The counts of an image depend on nothing but the image: neither on those beside it nor on the processor.

    Args:
        bank: the filters.
        edges: one array float32 [C, bins - 1], finite, not decreasing along a row; none for `bounds` alone.
        size: height and width of the images; see `countable`.
    """

    def __init__(self, bank: GaborBank, edges: Sequence[np.ndarray], size: int):
        self._size, (self._channels,) = size, bank.layer_channels
        self._plan = _plan(bank.scales, bank.orientations, size)
        self._counter = CpuBinCounter(edges[0]) if edges else None
        self._workers = cores()
        self._threads = ThreadPoolExecutor(self._workers, "sjft-gabor")

    def __enter__(self) -> GaborCounter:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def start(self, images: tf.Tensor) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
        """Begins to count image by image; see `BankCounter.start`."""
        assert self._counter
        counter, finite = self._counter, np.ones(len(images), bool)
        counts = np.zeros((len(images), self._channels * counter.bins), np.uint32)

        def count(number: int, coefficients: np.ndarray, work: np.ndarray, _: int) -> None:
            finite[number] = self._count(coefficients, work, counts[number])

        finish = self._over_images(images, count)

        def finished() -> tuple[np.ndarray, np.ndarray]:
            finish()
            return counter.between_all_edges(counts).astype(count_dtype(self._size**2)), finite

        return finished

    def start_totals(self, images: tf.Tensor) -> Callable[[], list[np.ndarray]]:
        """Begins to count all images together; the function returned gives [int64 [C, bins]]."""
        assert self._counter
        counter = self._counter
        totals = np.zeros((self._workers, self._channels * counter.bins), np.uint32)

        def count(_: int, coefficients: np.ndarray, work: np.ndarray, worker: int) -> None:
            self._count(coefficients, work, totals[worker])

        finish = self._over_images(images, count)

        def finished() -> list[np.ndarray]:
            finish()
            return [counter.between_all_edges(totals).sum(axis=0, dtype=np.int64).reshape(self._channels, -1)]

        return finished

    def bounds(self, images: tf.Tensor) -> tuple[list[np.ndarray], list[np.ndarray], bool]:
        """Smallest and largest response of each channel, [float32 [C]] each, and whether all are finite."""
        found = np.empty((self._workers, 2, self._channels), np.float32)
        found[:, 0], found[:, 1] = np.inf, -np.inf
        finite = np.ones(len(images), bool)

        def bound(number: int, coefficients: np.ndarray, work: np.ndarray, worker: int) -> None:
            finite[number] = not np.isnan(coefficients[0])
            bounds_kernel(self._size)(coefficients, self._plan.gains, self._plan.lines, work, found[worker])

        self._over_images(images, bound)()
        return [found[:, 0].min(axis=0)], [found[:, 1].max(axis=0)], bool(finite.all())

    def _count(self, coefficients: np.ndarray, work: np.ndarray, row: np.ndarray) -> bool:
        assert self._counter
        if np.isnan(coefficients[0]):
            return False
        cells = np.empty(8 * LANES, np.uint32)
        kernel = counting_kernel(self._size)
        kernel(coefficients, self._plan.gains, self._plan.lines, work, *self._counter.tables, row, cells)
        return True

    def _over_images(
        self, images: tf.Tensor, use: Callable[[int, np.ndarray, np.ndarray, int], None]
    ) -> Callable[[], None]:
        """Calls `use(number, spectrum, work, worker)` for each image, in threads; what is returned waits for them."""
        arrays, left = np.asarray(images, np.float32), iter(range(len(images)))

        def some(worker: int) -> None:
            # One long task a thread, see `BankCounter.start`.
            work = np.empty(work_length(self._size), np.float32)
            for number in left:
                use(number, spectrum(arrays[number]), work, worker)

        tasks = [self._threads.submit(some, worker) for worker in range(self._workers)]

        def finish() -> None:
            for task in tasks:
                task.result()

        return finish
