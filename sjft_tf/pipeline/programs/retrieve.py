"""Descriptors and retrieval without training, and a closer look at single target images."""

from __future__ import annotations

import numpy as np

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.pipeline.checking.begun_run import refuse_other_classes, refuse_other_target
from sjft_tf.pipeline.checking.held_back import held_back
from sjft_tf.pipeline.checking.settings import check_bank, check_sets
from sjft_tf.pipeline.inputs import filter_bank
from sjft_tf.pipeline.inspection.request import InspectionRequest
from sjft_tf.pipeline.sharding.scanning import open_sets
from sjft_tf.pipeline.sharding.workers import keeping_workers
from sjft_tf.pipeline.stages.audit import audited
from sjft_tf.pipeline.stages.deciding import decision_of
from sjft_tf.pipeline.stages.neighbors import neighbor_table
from sjft_tf.pipeline.stages.results import show_neighbors, write_borrowed
from sjft_tf.pipeline.stages.retrieving import check_borrowing
from sjft_tf.pipeline.stages.weighting import weight_lines
from sjft_tf.selection import WEIGHT_SELECTORS, pool_size, smallest_k
from sjft_tf.training import finished_rounds
from sjft_tf.workdir import Workdir


@keeping_workers()
def retrieve(config: RunConfig, workdir: Workdir, inspection: InspectionRequest | None = None) -> list[str]:
    """Makes the neighbor table and shows what it would borrow at the start, and single target images on request.

    With --selector=auto it looks for neighbors too, and says what a training would borrow.
    With a selector that weighs the source there is no table: the weights are made, and the largest of them shown.
    """
    given = config
    if config.selection.selector == "auto":
        if not config.data.source:
            raise InputError("There is nothing to retrieve from: give --source")
        # Neighbors are to be looked at, whatever a training would borrow; that is told beside them.
        config = config.replace("selection", selector="nearest")
    by_weight = config.selection.selector in WEIGHT_SELECTORS
    if inspection is not None:
        if by_weight and (inspection.explain or inspection.montage):
            which = f"--selector={config.selection.selector}"
            raise InputError(f"{which} has no neighbors for --explain and --montage to show. Leave these out.")
        if inspection.explain:
            filter_bank(config)  # refuses where there is none
    check_bank(config)
    if by_weight or config.retrieval.bank == "features":
        config.check_network()
    with held_back(workdir):
        sets = open_sets(config, workdir)
        check_sets(config, sets)
        if inspection is not None:
            inspection.check(sets.target)
        refuse_other_classes(sets.target.class_names, workdir)
        refuse_other_target(config, sets, workdir)
        sets = audited(config, sets, workdir)
        check_borrowing(config, sets, workdir)
    if by_weight:
        return weight_lines(config, sets, workdir)
    table = neighbor_table(config, sets, workdir)
    source = sets.source_images()
    show_neighbors(sets.target, source, table, workdir)
    k0 = config.selection.fixed_k0()
    if k0 is None:
        wanted = pool_size(config.selection, config.training, len(source))
        k0 = smallest_k(table.rows, len(source), wanted)[0]
    counts = np.full(len(sets.target), k0, np.int32)
    union = np.unique(table.rows[:, :k0])
    if not finished_rounds(workdir.rounds):  # else the file says what training borrowed in the end
        write_borrowed(sets, table, union, counts, workdir)
    part = len(union) / len(source)
    automatic = given.selection.selector == "auto"
    return [
        *([f"  selector: in training --selector=auto takes {decision_of(given, sets, workdir)}"] if automatic else ()),
        f"  table: {workdir.neighbors} ({len(sets.target)} target images, {table.k_max} neighbors each)",
        f"  K0 = {k0}: borrows {len(union)} of {len(source)} source images ({part:.1%})",
        f"  borrowed: {workdir.borrowed}",
        f"  picture: {workdir.picture}",
        *(inspection.lines(config, sets, table, workdir) if inspection is not None else ()),
    ]
