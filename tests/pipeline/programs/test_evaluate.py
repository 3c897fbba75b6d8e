"""What is told of each class against the rest, also where there are classes without images."""

import numpy as np
import pytest

from sjft_tf.evaluation import evaluate_probabilities
from sjft_tf.pipeline.programs.evaluate import _ranked

P = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.3, 0.6, 0.1]])


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ([0, 1, 2], "ROC AUC 0.833, average precision 0.778 (class means)"),
        ([0, 1, 1], "ROC AUC 1.000, average precision 1.000 (means over 2 of 3 classes, the others have no images)"),
        ([1, 1, 1], "no ROC AUC, since all images are of one class"),
    ],
)
def test_the_means_and_of_what(labels, told):
    assert _ranked(evaluate_probabilities(P, np.array(labels), "abc")) == f"each class against the rest: {told}"
