"""metrics.json of a run: read by its form."""

import numpy as np
import pytest

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.evaluation import evaluate_probabilities
from sjft_tf.pipeline.stages.results import read_metrics
from sjft_tf.pipeline.studying.jobs import _write_result
from sjft_tf.workdir import Workdir

METRICS = evaluate_probabilities(np.array([[0.75, 0.25], [0.5, 0.5]]), np.array([0, 1]), ("a", "b"))
ALL, FIGURES = METRICS.to_json(), METRICS.headline.to_json()
WHOLE = {
    "views": "center",
    "final": {"round": 1, "test": ALL},
    "fusion of rounds": {},
    "rounds": [{"round": 2, "global_step": 4, "test": FIGURES}],
}


@pytest.mark.parametrize(
    "change",
    [
        {"final": None},
        {"final": {"test": ALL | {"top1": "much"}}},
        {"fusion of rounds": {"test": {"count": 2}}},
        {"rounds": {}},
        {"rounds": [{"global_step": 4, "test": FIGURES}]},
        {"rounds": [{"round": 1, "global_step": 4, "scoring": {"wrong": 1}}]},
        {"final": {"test": ALL | {"confusion": [[1], [1, 2]]}}},
        {"fusion of rounds": {"test": ALL | {"confusion": [[1, -1], [1, 2]]}}},
    ],
)
def test_others_are_refused(tmp_path, change):
    workdir = Workdir(tmp_path)
    artifacts.write_json(workdir.metrics, WHOLE | change)
    for reader in (read_metrics, lambda one: _write_result(one, "stamp")):
        with pytest.raises(InputError, match=r"metrics\.json .*Remove it and start the training"):
            reader(workdir)
    artifacts.write_json(workdir.metrics, WHOLE)
    assert read_metrics(workdir).to_json() == WHOLE
