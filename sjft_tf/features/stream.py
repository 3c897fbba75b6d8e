"""Features of several layers in one forward pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import keras
import numpy as np

from sjft_tf import progress
from sjft_tf.features.layers import Place
from sjft_tf.features.pooling import pooled
from sjft_tf.models import Elsewhere, FeatureStream, ImageDataset, ImageView


class LayerFeatures:
    """What a trunk's layers make of images, each pooled: all of them in one forward pass.

    Batches are as `FeatureStream` makes them: an image's features depend neither on the images beside it nor on its
    position in a batch.

    Args:
        trunk: from `build_trunk`.
        places: at least one, of `places`.
        pooling: see `pooled`.
        view: image uint8 [H, W, 3] -> float32 [S, S, 3], or of V views [V, S, S, 3].
        batch_size: most pictures a forward pass.
        elsewhere: who makes them in place of this process; None (default): nobody.

    Attributes:
        widths: features F of each place by its name, in order.
        views: V.

    Raises:
        InputError: a pooling that does not fit the maps.
    """

    def __init__(
        self,
        trunk: keras.Model,
        places: Sequence[Place],
        pooling: str,
        view: ImageView,
        batch_size: int = 128,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        vectors = [pooled(place, pooling) for place in places]
        self.widths = {place.name: int(vector.shape[-1]) for place, vector in zip(places, vectors, strict=True)}
        # One output: what is checked and what is fetched is one tensor, and columns tell the layers apart.
        joined = keras.layers.Concatenate(dtype="float32", name="layers")(vectors) if len(vectors) > 1 else vectors[0]
        local = FeatureStream(keras.Model(trunk.input, joined), view, batch_size)
        self._stream = local if elsewhere is None else elsewhere(local)
        self.views = self._stream.views

    def blocks(self, images: ImageDataset, rows: np.ndarray | None = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields `(rows int32 [n], features float32 [n, V, all widths])` in the order of `rows` (default: all)."""
        total = len(images) if rows is None else len(rows)
        with progress.bar(total, "Features") as shown:
            for block, features in self._stream.blocks(images, rows):
                yield block, features.reshape(len(block), self.views, -1)
                shown.update(len(block))

    def saved(self) -> None:
        """See `FeatureBlocks`."""
        self._stream.saved()
