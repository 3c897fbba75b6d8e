"""Stage 7: what the model is worth on labeled target images, and its predictions on any.

- `predict_probabilities`: stream an image set through a joint model, get target probabilities.
- `evaluate`: the same, and the `Metrics` (top-1, mean class accuracy, loss, confusion matrix).
- `evaluate_probabilities`, `confusion_matrix`: the metrics alone, from arrays.
- `average_probabilities`: model fusion.
- `save_predictions`: predictions as CSV.
"""

from sjft_tf.evaluation.fusion import average_probabilities
from sjft_tf.evaluation.metrics import Metrics, confusion_matrix, evaluate_probabilities
from sjft_tf.evaluation.predict import evaluate, predict_probabilities, save_predictions

__all__ = [
    "Metrics",
    "average_probabilities",
    "confusion_matrix",
    "evaluate",
    "evaluate_probabilities",
    "predict_probabilities",
    "save_predictions",
]
