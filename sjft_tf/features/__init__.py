"""Features of any layers of a trunk: places in its graph, pooling, one forward pass for all, kept on disk.

- `stages`: the last place of every stage of a trunk; `place`, `places`: by the names that --freeze takes; a `Place`.
- `pooled`: maps to a vector by their average, their largest values or the cells of a grid; `check_pooling`.
- `LayerFeatures`: features of several places and views of images, as a stream.
- `keep_features`: the same in a folder, a `FeatureStore`: stamped, gone on with after a kill, read layer by layer.
"""

from sjft_tf.features.layers import Place, place, places, stages
from sjft_tf.features.pooling import check_pooling, pooled
from sjft_tf.features.store import FeatureStore, keep_features
from sjft_tf.features.stream import LayerFeatures

__all__ = [
    "FeatureStore",
    "LayerFeatures",
    "Place",
    "check_pooling",
    "keep_features",
    "place",
    "places",
    "pooled",
    "stages",
]
