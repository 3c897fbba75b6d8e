"""The first stage alone: bin edges and descriptors of the target."""

from __future__ import annotations

from sjft_tf import artifacts
from sjft_tf.config import RunConfig
from sjft_tf.descriptors import target_descriptors
from sjft_tf.images import refuse_changed
from sjft_tf.pipeline.checking.begun_run import refuse_other_target
from sjft_tf.pipeline.checking.held_back import held_back
from sjft_tf.pipeline.checking.settings import check_bank
from sjft_tf.pipeline.inputs import descriptor_view, filter_bank, for_descriptors
from sjft_tf.pipeline.stages.neighbors import target_edges
from sjft_tf.run_sets import open_sets
from sjft_tf.workdir import Workdir


def extract(config: RunConfig, workdir: Workdir) -> list[str]:
    """Fits the bin edges to the target and writes the target's descriptors."""
    check_bank(config.replace("selection", selector="nearest"))
    with held_back(workdir):
        sets = open_sets(config, workdir)
        refuse_other_target(config, sets, workdir)
        bank, target = filter_bank(config), for_descriptors(config, sets.target)
        edges = target_edges(config, target, bank, workdir)
    _, histograms = target_descriptors(target, bank, descriptor_view(config), edges.bins, edges=edges)
    refuse_changed(sets.target)
    path = workdir.target_descriptors
    made_from = {"target": sets.target.fingerprint, "edges": edges.fingerprint}
    artifacts.save_npz(path, {"histograms": histograms, "ids": sets.target.ids}, {"made_from": made_from})
    return [
        f"     edges: {workdir.edges} ({sum(edges.layer_channels)} filters of bank {bank.name}, {edges.bins} bins)",
        f"  descriptors: {path} ({histograms.shape[0]} images x {histograms.shape[1]} numbers)",
    ]
