"""What training has changed inside a trunk: how far kernels moved, how far features did.

- `Similarity`: linear CKA and cosine of features before and after, image by image.
- `Movement`, `movement`: relative distance and cosine of kernels.
- `measure`: both for every stage of a trunk; a `StageDrift` each, kept in a file of the form `DRIFT_FORM`.
"""

from sjft_tf.drift.measure import DRIFT_FORM, StageDrift, measure
from sjft_tf.drift.similarity import Similarity
from sjft_tf.drift.weights import Movement, movement

__all__ = ["DRIFT_FORM", "Movement", "Similarity", "StageDrift", "measure", "movement"]
