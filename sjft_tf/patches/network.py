"""A frozen trunk applied to all patches of an image: at once where it runs over whole images, else one by one."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.models import dense_maps
from sjft_tf.patches.tiling import Level, Tiling

KINDS = ("auto", "dense", "separate")
"""How features of patches are computed."""
_AT_ONCE = 128  # separate patches a forward pass


class PatchNetwork(tf.Module):
    """Features of the patches of images of any size.

    Dense: the image is resized for each scale, the network runs over it once, and a patch's features are the mean of
    its window of the last map, which also sees a little of what lies around the patch. Separate: the same windows of
    the same resized images are cut out and go through the network alone.

    Args:
        trunk: from `models.build_trunk`, for S x S pixels.
        kind: one of `KINDS`; "auto": dense where the trunk allows it.
        scales, smallest, overlap: see `Tiling`.

    Attributes:
        dense: which it is.
        tiling: where the patches lie.
        width: F.

    Raises:
        InputError: "dense", and the trunk cannot be applied to images of another size.
    """

    def __init__(
        self, trunk: keras.Model, kind: str = "auto", scales: int = 13, smallest: float = 0.2, overlap: float = 0.5
    ) -> None:
        super().__init__(name="patch_network")
        side, self.width = int(trunk.input.shape[1]), int(trunk.output.shape[-1])
        found = None if kind == "separate" else dense_maps(trunk)
        if kind == "dense" and found is None:
            raise InputError("This trunk cannot be applied to whole images of any size. Take --patch_features=separate")
        # One cell would have nothing to overlap with.
        if found is not None and (kind == "dense" or int(side // found[1] * (1 - overlap) + 1e-9) >= 1):
            self.dense, stride, network = True, found[1], found[0]
        else:
            self.dense, stride, network = False, 1, trunk
        self.tiling = Tiling(side // stride, stride, scales, smallest, overlap)
        sides = [None, None] if self.dense else [side, side]

        # One graph for all scales and signatures, which each call; traced for each, they would be dozens of networks.
        @tf.function(input_signature=[tf.TensorSpec([None, *sides, 3], tf.float32)], autograph=False)
        def forward(images: tf.Tensor) -> tf.Tensor:
            return tf.cast(network(images, training=False), tf.float32)

        self._forward = forward
        # Keras 3 wraps its variables; what a SavedModel can track is the tf.Variable inside.
        self.weights = [v if isinstance(v, tf.Variable) else v.value for v in network.variables]
        image, one_each = tf.TensorSpec([None, None, 3], tf.float32), tf.TensorSpec([None], tf.bool)
        self._compiled = tf.function(self.features, input_signature=[image, one_each], autograph=False)
        self._compiled_whole = tf.function(self.whole, input_signature=[image], autograph=False)

    def patches(self, height: int, width: int) -> np.ndarray:
        """Where the patches of an image lie, see `Tiling.patches`: float32 [P, 4]."""
        return self.tiling.patches(height, width).numpy()

    def __call__(self, image: np.ndarray, wanted: np.ndarray | None = None) -> np.ndarray:
        """Features float32 [M, F] of the patches of one image, uint8 [H, W, 3]; of some, bool [P], or of all."""
        height, width = image.shape[:2]
        chosen = np.ones(len(self.patches(height, width)), bool) if wanted is None else wanted
        return self._compiled(tf.constant(image, tf.float32), tf.constant(chosen)).numpy()

    def whole_image(self, image: np.ndarray) -> np.ndarray:
        """Features float32 [V, F] of the image as a whole, uint8 [H, W, 3], see `whole`."""
        return self._compiled_whole(tf.constant(image, tf.float32)).numpy()

    def features(self, image: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
        """As `__call__`, inside a graph: image float32 [H, W, 3] in 0..255."""
        shape, parts, first = tf.shape(image), [], tf.constant(0)
        for level in self.tiling.levels(shape[0], shape[1]):
            count = tf.size(level.top) * tf.size(level.left)
            resized = self._resized(image, level.rows, level.columns)
            parts.append((self._windows if self.dense else self._cut)(resized, level, wanted[first : first + count]))
            first += count
        return tf.ensure_shape(tf.concat(parts, 0), [None, self.width])

    def whole(self, image: tf.Tensor) -> tf.Tensor:
        """What the network makes of the whole image, float32 [V, F]: squashed to its input; dense, also at the last
        scale, averaged over the map."""
        cells = tf.constant(self.tiling.window)
        views = [self._resized(image, cells, cells)]
        if self.dense:
            last = self.tiling.levels(*tf.unstack(tf.shape(image)[:2]))[-1]
            views.append(self._resized(image, last.rows, last.columns))
        return tf.concat([self._pooled(self._forward(view[None])) for view in views], 0)

    @property
    def whole_names(self) -> tuple[str, ...]:
        """What the rows of `whole` are called."""
        return ("whole", "whole_large") if self.dense else ("whole",)

    def _pooled(self, features: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(features, [1, 2]) if self.dense else features

    def _resized(self, image: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
        with tf.device("/CPU:0"):  # the only place this resize has a kernel
            return tf.image.resize(image, tf.stack([rows, columns]) * self.tiling.stride, antialias=True)

    def _windows(self, resized: tf.Tensor, level: Level, wanted: tf.Tensor) -> tf.Tensor:
        maps = self._forward(resized[None])
        means = tf.nn.avg_pool2d(maps, self.tiling.window, 1, "VALID")[0]
        grid = tf.gather(tf.gather(means, level.top, axis=0), level.left, axis=1)
        return tf.boolean_mask(tf.reshape(grid, [-1, self.width]), wanted)

    def _cut(self, resized: tf.Tensor, level: Level, wanted: tf.Tensor) -> tf.Tensor:
        side, stride = self.tiling.side, self.tiling.stride
        places = tf.reshape(tf.stack(tf.meshgrid(level.top, level.left, indexing="ij"), -1), [-1, 2])
        places = tf.boolean_mask(places * stride, wanted)

        def cut(place: tf.Tensor) -> tf.Tensor:
            piece = resized[place[0] : place[0] + side, place[1] : place[1] + side]
            return tf.ensure_shape(piece, [side, side, 3])

        def some(first: tf.Tensor, done: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            part = places[first : first + _AT_ONCE]
            pieces = tf.map_fn(cut, part, fn_output_signature=tf.TensorSpec([side, side, 3], tf.float32))
            return first + _AT_ONCE, tf.concat([done, self._forward(pieces)], 0)

        total, start = tf.shape(places)[0], (tf.constant(0), tf.zeros([0, self.width]))
        shapes = (tf.TensorShape([]), tf.TensorShape([None, self.width]))
        return tf.while_loop(lambda first, _: first < total, some, start, shapes)[1]
