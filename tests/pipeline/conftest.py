"""A small target and source with a neighbor table made from the definition of the distance."""

import numpy as np
import pytest

from sjft_tf.config import DataConfig, RetrievalConfig, RunConfig
from sjft_tf.descriptors import extract, open_bank, target_descriptors
from sjft_tf.images import ImageSet
from sjft_tf.pipeline.inputs import descriptor_view
from sjft_tf.retrieval import NeighborTable
from sjft_tf.run_sets import Sets
from sjft_tf.workdir import Workdir

IDS = ["rose/1.jpg", "rose/2.jpg", "tulip/1.jpg", "3", "../etc/a b"]


def noisy(rng, count, ids=None):
    steps = np.cumsum(rng.normal(0, 20, (count, 16, 16, 3)), axis=2)
    pixels = np.clip(128 + steps, 0, 255).astype(np.uint8)
    return ImageSet.from_arrays("some", pixels, np.arange(count) % 2, ["plain", "fancy"], ids=ids)


def definition(one, others, bins):
    """sum_h 1/2 [KL(t_h||s_h) + KL(s_h||t_h)] / 48 in float64."""
    one, others = np.float64(one), np.float64(others)
    return ((one - others) * np.log((one + 2.2e-16) / (others + 2.2e-16))).sum(axis=1) / 2 / 48


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Settings, sets, a table made from the definition, and a workdir with the edges."""
    rng = np.random.default_rng(3)
    view = RetrievalConfig(bins=6, descriptor_resize=16, descriptor_crop=16)
    config = RunConfig(data=DataConfig(target="unused", source=["unused"]), retrieval=view)
    sets = Sets(noisy(rng, 5, IDS), source=noisy(rng, 9))
    workdir = Workdir(tmp_path_factory.mktemp("run"))
    bank = open_bank("gabor")
    edges, target = target_descriptors(sets.target, bank, descriptor_view(config), 6)
    edges.save(workdir.edges)
    source = np.concatenate([block for _, block in extract(sets.source, bank, edges, descriptor_view(config))])
    distances = np.stack([definition(line, source, 6) for line in target])
    rows = np.argsort(distances, axis=1).astype(np.int32)
    table = NeighborTable(rows, np.take_along_axis(distances, rows, axis=1).astype(np.float32))
    return config, sets, table, workdir
