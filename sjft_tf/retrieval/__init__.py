"""Which source images resemble which target images: distance, exact search, the neighbor table.

- `Layout`, `symmetric_kl`: the weighted symmetric KL divergence of descriptors.
- `nearest`: exact top-K over a stream of source descriptors.
- `NeighborTable`, `build_neighbor_table`: the artifact, and the whole way from two image sets to it.
"""

from sjft_tf.retrieval.build import build_neighbor_table, neighbors_made_from
from sjft_tf.retrieval.divergence import Layout, symmetric_kl
from sjft_tf.retrieval.neighbors import NeighborTable
from sjft_tf.retrieval.search import Search, nearest

__all__ = ["Layout", "NeighborTable", "build_neighbor_table", "nearest", "neighbors_made_from", "symmetric_kl"]
