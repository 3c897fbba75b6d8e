"""Which source images resemble which target images: distance, exact search, the neighbor table.

- `Layout`, `symmetric_kl`: the weighted symmetric KL divergence of descriptors.
- `nearest`, `Search`: exact top-K over a stream of source descriptors; `SearchCheckpoint`: goes on after a kill.
- `search_shard`, `SearchOrder`, `ShardSearcher`, `probed`, `Found`: the same search in parts, in other processes.
- `nearest_approximate`, `ApproximateSettings`: nearly the same from kept descriptors, for sources beyond exact reach.
- `Cosine`, `FeatureSource`, `build_feature_table`: neighbors by the angle between feature vectors, same search.
- `NeighborTable`, `build_neighbor_table`: the artifact, and the whole way from two image sets to it;
  `RetrievalRequest`: whose neighbors among which images; `RetrievalPaths`: where the files lie.
- `check_begun`, `check_begun_search`: refuse what a broken-off search of other sets left, before anything is written.
- `bank_channels`, `channel_contributions`, `empty_bin_shares`: what each filter adds to a distance.
- `set_distance`: how far apart two sets are, in units of the first one's spread.
"""

from sjft_tf.retrieval.approximate import ApproximateReport, ApproximateSettings, nearest_approximate
from sjft_tf.retrieval.begun import check_begun, check_begun_search
from sjft_tf.retrieval.build import build_approximate_table, build_neighbor_table
from sjft_tf.retrieval.contributions import Channel, bank_channels, channel_contributions, empty_bin_shares
from sjft_tf.retrieval.cosine import COSINE, Cosine
from sjft_tf.retrieval.divergence import Distance, Layout, symmetric_kl
from sjft_tf.retrieval.feature_table import FeatureSource, build_feature_table
from sjft_tf.retrieval.neighbors import NeighborTable
from sjft_tf.retrieval.request import RetrievalPaths, RetrievalRequest, neighbors_made_from
from sjft_tf.retrieval.search import Found, Search, nearest
from sjft_tf.retrieval.search_checkpoint import SearchCheckpoint
from sjft_tf.retrieval.set_distance import SetDistance, set_distance
from sjft_tf.retrieval.shards import SearchOrder, ShardSearcher, probed, probed_rows, search_shard
from sjft_tf.retrieval.source_descriptors import SourceDescriptors

__all__ = [
    "COSINE",
    "ApproximateReport",
    "ApproximateSettings",
    "Channel",
    "Cosine",
    "Distance",
    "FeatureSource",
    "Found",
    "Layout",
    "NeighborTable",
    "RetrievalPaths",
    "RetrievalRequest",
    "Search",
    "SearchCheckpoint",
    "SearchOrder",
    "SetDistance",
    "ShardSearcher",
    "SourceDescriptors",
    "bank_channels",
    "build_approximate_table",
    "build_feature_table",
    "build_neighbor_table",
    "channel_contributions",
    "check_begun",
    "check_begun_search",
    "empty_bin_shares",
    "nearest",
    "nearest_approximate",
    "neighbors_made_from",
    "probed",
    "probed_rows",
    "search_shard",
    "set_distance",
    "symmetric_kl",
]
