"""The arms of a linear SVM: figures in the form of a run's, from features that do not stay."""

import json

import pytest

from sjft_tf.config import RunConfig
from sjft_tf.evaluation import RunFigures
from sjft_tf.pipeline.studying.job_types import LinearJob, job_from_json
from sjft_tf.pipeline.studying.jobs import linear
from sjft_tf.study import FROZEN
from sjft_tf.workdir import StudyFiles, Workdir


@pytest.mark.parametrize("kind", ["svm", "svm-augmented", "stage-svm"])
def test_a_job_leaves_a_result(tmp_path, kind):
    assert kind in FROZEN
    config = RunConfig().with_settings(
        target="digits?per_class=6",
        per_class=4,
        test="digits#val",
        validation="none",
        selector="none",
        trunk="preact_resnet",
        weights="none",
        depth=8,
        width=4,
        image_size=16,
        resize=16,
        class_weight="balanced",
    )
    job = LinearJob(config, str(tmp_path / "shared"), "", str(tmp_path / "run"), "the stamp", 2, kind)
    linear(job_from_json(json.loads(json.dumps(job.to_json()))))
    result = json.loads((tmp_path / "run" / StudyFiles.RESULT).read_text())
    assert result["made_from"] == "the stamp"
    assert 0.15 < result["final"]["mean_class_accuracy"]["test"] <= 1
    metrics = json.loads(Workdir(tmp_path / "run").metrics.read_text())
    assert RunFigures.from_json(metrics).final.sets["test"].count == 200
    assert not (tmp_path / "run" / "features").exists()
