"""Where the square patches of an image lie: at several scales, on a grid, with overlap (Oquab et al. 2014).

Everything is counted in cells of `stride` pixels of the image as it is resized for a scale: of a network that runs over
the whole image a cell is one of its last map, and a patch the window of cells that it would have of the patch alone.
"""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from sjft_tf.errors import InputError


@dataclasses.dataclass(frozen=True)
class Level:
    """One scale of an image.

    Attributes:
        rows, columns: scalar int32, cells of the resized image.
        top, left: int32 [R], [C]: the first cell of each row and column of patches.
    """

    rows: tf.Tensor
    columns: tf.Tensor
    top: tf.Tensor
    left: tf.Tensor


@dataclasses.dataclass(frozen=True)
class Tiling:
    """How images are tiled; works inside a graph, for images of any size.

    Args:
        window: side of a patch, in cells.
        stride: pixels of a cell.
        scales: how many, the image's shorter side being 1 to 1 / `smallest` patches long, in equal steps. Those that
            come to the same whole number of cells are one.
        smallest: side of the smallest patch, of the shorter side of the image.
        overlap: least share of its side that a patch has in common with the next.

    Raises:
        InputError: a value out of range, or a window of too few cells to overlap.

    Example:
        >>> Tiling(window=64, stride=1, scales=13).patches(256, 256).shape
        TensorShape([449, 4])
    """

    window: int
    stride: int
    scales: int = 13
    smallest: float = 0.2
    overlap: float = 0.5

    def __post_init__(self) -> None:
        if not (self.scales >= 1 and 0 < self.smallest <= 1 and 0 <= self.overlap < 1):
            raise InputError(
                "Patches need at least 1 scale, a smallest side in (0, 1] and an overlap in [0, 1). Received: "
                f"scales={self.scales}, smallest={self.smallest}, overlap={self.overlap}"
            )
        if self.step < 1:
            raise InputError(
                f"Patches of {self.window} cells cannot overlap by {self.overlap:g} of their side: the network's last "
                f"map has a cell for {self.stride} px. Take a larger --image_size, or --patch_features=separate"
            )

    @property
    def side(self) -> int:
        """Side of a patch as the network sees it, in pixels."""
        return self.window * self.stride

    @property
    def step(self) -> int:
        """Cells from one patch to the next, at most."""
        return int(self.window * (1 - self.overlap) + 1e-9)

    @property
    def shorter_sides(self) -> tuple[int, ...]:
        """Cells of the image's shorter side at each scale, ascending."""
        last = 1 / self.smallest - 1
        ratios = (1 + last * i / max(1, self.scales - 1) for i in range(self.scales))
        return tuple(sorted({round(ratio * self.window) for ratio in ratios}))

    def levels(self, height: int | tf.Tensor, width: int | tf.Tensor) -> list[Level]:
        """The scales of an image of so many pixels, from the largest patch to the smallest."""
        height, width = tf.cast(height, tf.float32), tf.cast(width, tf.float32)
        least = tf.minimum(height, width)
        levels = []
        for cells in self.shorter_sides:
            rows, columns = (tf.cast(tf.round(cells * side / least), tf.int32) for side in (height, width))
            levels.append(Level(rows, columns, self._starts(rows), self._starts(columns)))
        return levels

    def _starts(self, cells: tf.Tensor) -> tf.Tensor:
        """The first cells of patches that cover all cells of a side, evenly spaced to the nearest cell."""
        room = cells - self.window
        gaps = -(-room // self.step)
        return (2 * tf.range(gaps + 1) * room + gaps) // (2 * tf.maximum(gaps, 1))

    def patches(self, height: int | tf.Tensor, width: int | tf.Tensor) -> tf.Tensor:
        """All patches, float32 [P, 4]: x0, y0, x1, y1 in pixels of the image; level by level, row by row."""
        parts = []
        for level in self.levels(height, width):
            x, y = self._edges(level.left, level.columns, width), self._edges(level.top, level.rows, height)
            across, down = tf.shape(x)[0], tf.shape(y)[0]
            x, y = tf.tile(x, [down, 1]), tf.repeat(y, across, axis=0)
            parts.append(tf.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], axis=1))
        return tf.concat(parts, 0)

    def _edges(self, starts: tf.Tensor, cells: tf.Tensor, pixels: int | tf.Tensor) -> tf.Tensor:
        edges = tf.cast(tf.stack([starts, starts + self.window], axis=1), tf.float32)
        return edges * (tf.cast(pixels, tf.float32) / tf.cast(cells, tf.float32))
