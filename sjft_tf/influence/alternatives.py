"""Other ways to choose what to drop, for comparison: by loss, by confident learning, at random.

Each gives scores float64 [N], higher is worse, for `rule.choose`.
"""

from __future__ import annotations

import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.evaluation import SMALLEST_PROBABILITY


def by_loss(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Cross entropy in nats of each image's label under probabilities [N, C] of models that did not train on it."""
    return -np.log(np.maximum(probabilities[np.arange(len(labels)), labels], SMALLEST_PROBABILITY))


def at_random(count: int, seed: int) -> np.ndarray:
    """Any order, drawn by `seed`."""
    return np.random.default_rng(seed).permutation(count).astype(np.float64) + 1.0


def by_confident_learning(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Confident learning (Northcutt et al. 2021), by cleanlab: what it takes for mislabeled, worst first.

    Args:
        probabilities: float [N, C] of models that did not train on the image.
        labels: int [N].

    Returns:
        float64 [N]: for images cleanlab would drop, 1 less its label quality, which is positive; -inf for the others.

    Raises:
        InputError: cleanlab is not installed.
    """
    try:
        from cleanlab.filter import find_label_issues
        from cleanlab.rank import get_label_quality_scores
    except ImportError as error:
        raise InputError("--prune_by=confident needs cleanlab. Install: pip install sjft_tf[confident]") from error
    # One process: its workers would each import TensorFlow again.
    issues = find_label_issues(labels, probabilities, filter_by="prune_by_noise_rate", n_jobs=1)
    quality = get_label_quality_scores(labels, probabilities)
    return np.where(issues, 1.0 - quality + 1e-12, -np.inf)
