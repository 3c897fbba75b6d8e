"""Linear classifiers on features of a frozen trunk, by scikit-learn, and as networks of Keras.

- `LinearProbe`, `fit_probes`: linear SVM and logistic regression on transformed features, views of an image averaged.
- `choose_probe`, `Search`, `Split`, `Choice`, `folds_of`: strength and power by validation images or folds.
- `signed_power`, `unit_length`, `dropped`: what is done to features before.
- `probe_network`: trunk, pooling and classifier as one model, for export.
- `leep`, `logme`, `h_score`: how well a network suits a target, before any training.
- `points`: features in the plane, by principal components or t-SNE.
"""

from sjft_tf.probing.choosing import Choice, Search, Split, choose_probe, folds_of
from sjft_tf.probing.linear import LinearProbe, fit_probes
from sjft_tf.probing.network import probe_network
from sjft_tf.probing.plane import points
from sjft_tf.probing.transferability_scores import h_score, leep, logme
from sjft_tf.probing.transforms import dropped, signed_power, unit_length

__all__ = [
    "Choice",
    "LinearProbe",
    "Search",
    "Split",
    "choose_probe",
    "dropped",
    "fit_probes",
    "folds_of",
    "h_score",
    "leep",
    "logme",
    "points",
    "probe_network",
    "signed_power",
    "unit_length",
]
