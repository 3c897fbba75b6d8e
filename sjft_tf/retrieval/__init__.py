"""Which source images resemble which target images: distance, exact search, the neighbor table.

- `Layout`, `symmetric_kl`: the weighted symmetric KL divergence of descriptors.
- `nearest`, `Search`: exact top-K over a stream of source descriptors; `SearchCheckpoint`: goes on after a kill.
- `nearest_approximate`: nearly the same from kept descriptors, for sources beyond exact reach.
- `Cosine`, `build_feature_table`: neighbors by the angle between feature vectors, with the same search.
- `NeighborTable`, `build_neighbor_table`: the artifact, and the whole way from two image sets to it;
  `RetrievalPaths`: where its files lie.
- `check_begun`, `check_begun_search`: refuse what a broken-off search of other sets left, before anything is written.
- `set_distance`: how far apart two sets are, in units of the first one's spread.
"""

from sjft_tf.retrieval.approximate import ApproximateReport, nearest_approximate
from sjft_tf.retrieval.begun import check_begun, check_begun_search
from sjft_tf.retrieval.build import (
    RetrievalPaths,
    build_approximate_table,
    build_neighbor_table,
    neighbors_made_from,
)
from sjft_tf.retrieval.checkpoint import SearchCheckpoint
from sjft_tf.retrieval.cosine import COSINE, Cosine
from sjft_tf.retrieval.divergence import Layout, symmetric_kl
from sjft_tf.retrieval.features import build_feature_table
from sjft_tf.retrieval.neighbors import NeighborTable
from sjft_tf.retrieval.search import Search, nearest
from sjft_tf.retrieval.set_distance import SetDistance, set_distance

__all__ = [
    "COSINE",
    "ApproximateReport",
    "Cosine",
    "Layout",
    "NeighborTable",
    "RetrievalPaths",
    "Search",
    "SearchCheckpoint",
    "SetDistance",
    "build_approximate_table",
    "build_feature_table",
    "build_neighbor_table",
    "check_begun",
    "check_begun_search",
    "nearest",
    "nearest_approximate",
    "neighbors_made_from",
    "set_distance",
    "symmetric_kl",
]
