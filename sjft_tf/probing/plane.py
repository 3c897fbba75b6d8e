"""Features in the plane, for a picture."""

from __future__ import annotations

import numpy as np

from sjft_tf.probing.transforms import unit_length

PERPLEXITY = 30.0


def points(features: np.ndarray, how: str, seed: int = 0) -> np.ndarray:
    """Two coordinates of each image, float64 [N, 2].

    Args:
        features: float [N, F], N at least 3.
        how: "pca", the two directions of the largest variance; or "tsne", where neighbors stay neighbors (van der
            Maaten & Hinton 2008), after 50 principal components.
        seed: of t-SNE.
    """
    from sklearn.decomposition import PCA  # not for --help

    x = unit_length(np.asarray(features, np.float64))
    most = min(x.shape)
    if how == "pca":
        found = PCA(min(2, most), svd_solver="full").fit_transform(x)
        return found if found.shape[1] == 2 else np.column_stack([found, np.zeros(len(x))])
    from sklearn.manifold import TSNE

    reduced = PCA(min(50, most), svd_solver="full").fit_transform(x)
    placed = TSNE(2, perplexity=min(PERPLEXITY, (len(x) - 1) / 3), init="pca", random_state=seed)
    return np.asarray(placed.fit_transform(reduced), np.float64)
