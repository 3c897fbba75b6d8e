"""What a round writes down for reports, beside what is needed to go on."""

from __future__ import annotations

import numpy as np

from sjft_tf.selection import Borrowing
from sjft_tf.training.scoring import TargetScores

_MOST_DRAWN = 24


def round_record(
    labels: np.ndarray, scores: TargetScores, counts: np.ndarray, borrowing: Borrowing | None
) -> dict[str, np.ndarray]:
    """How the target images were scored after a round, and what they had borrowed in it.

    Args:
        labels: int32 [N_t] of the target images.
        scores: the round's scoring.
        counts: int32 [N_t], K of each target image during the round.
        borrowing: what was drawn from during the round; None where nothing is borrowed.

    Returns:
        `entropy` float32 [N_t] (nats), `predicted` int32 [N_t], `wrong` bool [N_t], `labels` int32 [N_t]; with a
        borrowing also `counts` int32 [N_t], of each source class `class_images` int32 [C_s] (in the union) and
        `class_share` float64 [C_s] (of all draws), and of the most drawn source images `drawn_rows` int32 [D] and
        `drawn_share` float64 [D], highest first, D at most 24.
    """
    record = {
        "entropy": np.asarray(scores.entropy, np.float32),
        "predicted": np.asarray(scores.predicted, np.int32),
        "wrong": np.asarray(scores.wrong, bool),
        "labels": np.asarray(labels, np.int32),
    }
    if borrowing is None:
        return record
    shares, classes = borrowing.draw_shares(), len(borrowing.kept_classes)
    own = borrowing.source_labels[borrowing.union]
    # Rows of classes that were left out are labeled -1: they are shown to the trunk but belong to no class.
    labeled = np.flatnonzero(borrowing.source_labels >= 0)
    most = np.argsort(-shares, kind="stable")[:_MOST_DRAWN]
    most = most[shares[most] > 0]
    return record | {
        "counts": np.asarray(counts, np.int32),
        "class_images": np.bincount(own[own >= 0], minlength=classes).astype(np.int32),
        "class_share": np.bincount(borrowing.source_labels[labeled], weights=shares[labeled], minlength=classes),
        "drawn_rows": most.astype(np.int32),
        "drawn_share": shares[most],
    }
