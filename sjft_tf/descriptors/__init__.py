"""Low-level image descriptors: filter banks, equal-mass bin edges, histograms of filter responses.

- `open_bank(spec, ...)`: a `FilterBank` from its spec string; `GaborBank` and `ConvNetBank` are the two kinds.
- `BinEdges`, `fit_bin_edges`: bins that hold equal shares of the target's responses.
- `histograms`: responses and edges to descriptors, as TensorFlow ops.
- `target_descriptors`, `extract`: whole image sets, in memory (`TargetDescriptors`) or as a stream of blocks (source).
- `fit_target_edges`, `edges_made_from`: the edges alone, and what has to be the same for them to be used again.
- `DescribedImages`, `DescriptorView`: what is needed of an image set and of a view; `image_batches`,
  `chunk_size`: images in batches.
- `DescriptorStore`, `StoreWriter`: descriptors kept on disk, lossless.
- `extract_counts`, `bank_positions`, `histograms_of`: the same stream as whole numbers, and back to histograms.
"""

from sjft_tf.catalog import BANKS
from sjft_tf.descriptors.bank import FilterBank, full_float32
from sjft_tf.descriptors.chunks import chunk_size
from sjft_tf.descriptors.convnet import ConvNetBank
from sjft_tf.descriptors.edges import BinEdges, fit_bin_edges
from sjft_tf.descriptors.extract import bank_positions, extract, extract_counts
from sjft_tf.descriptors.gabor import GaborBank
from sjft_tf.descriptors.histogram import histograms, histograms_of
from sjft_tf.descriptors.openers import open_bank
from sjft_tf.descriptors.store import DescriptorStore, StoreWriter
from sjft_tf.descriptors.target import TargetDescriptors, edges_made_from, fit_target_edges, target_descriptors
from sjft_tf.descriptors.viewing import DescribedImages, DescriptorView, image_batches, view_stamp

__all__ = [
    "BANKS",
    "BinEdges",
    "ConvNetBank",
    "DescribedImages",
    "DescriptorStore",
    "DescriptorView",
    "FilterBank",
    "GaborBank",
    "StoreWriter",
    "TargetDescriptors",
    "bank_positions",
    "chunk_size",
    "edges_made_from",
    "extract",
    "extract_counts",
    "fit_bin_edges",
    "fit_target_edges",
    "full_float32",
    "histograms",
    "histograms_of",
    "image_batches",
    "open_bank",
    "target_descriptors",
    "view_stamp",
]
