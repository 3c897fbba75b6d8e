"""Low-level image descriptors: filter banks, equal-mass bin edges, histograms of filter responses.

- `open_bank(spec, ...)`: a `FilterBank` from its spec string; `GaborBank` and `ConvNetBank` are the two kinds.
- `BinEdges`, `fit_bin_edges`: bins that hold equal shares of the target's responses.
- `histograms`: responses and edges to descriptors, as TensorFlow ops.
- `target_descriptors`, `extract`: whole image sets, in memory (target) or as a stream of blocks (source).
- `DescriptorStore`, `StoreWriter`: descriptors kept on disk, lossless.
- `extract_counts`, `bank_positions`, `histograms_of`: the same stream as whole numbers, and back to histograms.
"""

from sjft_tf.catalog import BANKS
from sjft_tf.descriptors.bank import FilterBank, full_float32
from sjft_tf.descriptors.convnet import ConvNetBank
from sjft_tf.descriptors.edges import BinEdges, fit_bin_edges
from sjft_tf.descriptors.extract import (
    bank_positions,
    edges_made_from,
    extract,
    extract_counts,
    image_batches,
    target_descriptors,
)
from sjft_tf.descriptors.gabor import GaborBank
from sjft_tf.descriptors.histogram import histograms, histograms_of
from sjft_tf.descriptors.openers import open_bank
from sjft_tf.descriptors.store import DescriptorStore, StoreWriter
from sjft_tf.descriptors.store_files import partial_store

__all__ = [
    "BANKS",
    "BinEdges",
    "ConvNetBank",
    "DescriptorStore",
    "FilterBank",
    "GaborBank",
    "StoreWriter",
    "bank_positions",
    "edges_made_from",
    "extract",
    "extract_counts",
    "fit_bin_edges",
    "full_float32",
    "histograms",
    "histograms_of",
    "image_batches",
    "open_bank",
    "partial_store",
    "target_descriptors",
]
