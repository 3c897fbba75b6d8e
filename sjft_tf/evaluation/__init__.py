"""Stage 7: what predictions for labeled target images are worth. NumPy only; probabilities come from `models.Scorer`.

- `evaluate_probabilities`, `Metrics`: top-1, mean class accuracy, loss, calibration error, confusion matrix.
- `reliability`, `expected_calibration_error`: confidence against accuracy.
- `class_report`, `save_report`, `weakest`: the figures of every class.
- `evaluate_answers`, `report_answers`: both, also where images may have several labels, above the `THRESHOLD`.
- `Ranking`, `rankings`: ROC AUC and average precision of each class against the rest.
- `average_probabilities`, `aligned`: model fusion, of rounds and of runs.
- `save_predictions`, `joined_labels`: predictions as CSV, several labels in one cell.
- `Outcomes`, `save_outcomes`, `load_outcomes`: of each image whether it was right, and its loss.
- `RunFigures`, `RoundFigures`, `RoundEvaluation`, `SetFigures`, `read_figures`: what metrics.json holds.
- `PROBABILITIES`: the form of a round's predictions.
"""

from sjft_tf.evaluation.calibration import expected_calibration_error, reliability
from sjft_tf.evaluation.figures import (
    PROBABILITIES,
    SCORED,
    BorrowingFigures,
    ChosenSelector,
    EarlyStopping,
    EvaluationStamp,
    FinalFigures,
    RoundEvaluation,
    RoundFigures,
    RunFigures,
    ScoringFigures,
    StampedMetrics,
    figures_of,
    read_figures,
)
from sjft_tf.evaluation.fusion import aligned, average_probabilities
from sjft_tf.evaluation.metrics import SMALLEST_PROBABILITY, confusion_matrix, entropies, evaluate_probabilities
from sjft_tf.evaluation.outcomes import Outcomes, load_outcomes, save_outcomes
from sjft_tf.evaluation.predictions import joined_labels, save_predictions
from sjft_tf.evaluation.ranking import Ranking, rankings
from sjft_tf.evaluation.report import ClassFigures, class_report, save_report, weakest
from sjft_tf.evaluation.set_figures import Metrics, SetFigures
from sjft_tf.evaluation.several_labels import THRESHOLD, evaluate_answers, report_answers

__all__ = [
    "PROBABILITIES",
    "SCORED",
    "SMALLEST_PROBABILITY",
    "THRESHOLD",
    "BorrowingFigures",
    "ChosenSelector",
    "ClassFigures",
    "EarlyStopping",
    "EvaluationStamp",
    "FinalFigures",
    "Metrics",
    "Outcomes",
    "Ranking",
    "RoundEvaluation",
    "RoundFigures",
    "RunFigures",
    "ScoringFigures",
    "SetFigures",
    "StampedMetrics",
    "aligned",
    "average_probabilities",
    "class_report",
    "confusion_matrix",
    "entropies",
    "evaluate_answers",
    "evaluate_probabilities",
    "expected_calibration_error",
    "figures_of",
    "joined_labels",
    "load_outcomes",
    "rankings",
    "read_figures",
    "reliability",
    "report_answers",
    "save_outcomes",
    "save_predictions",
    "save_report",
    "weakest",
]
