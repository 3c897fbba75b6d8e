"""ROC and precision-recall curves of a run's classes, from the predictions and probabilities of its test images."""

import shutil

import numpy as np
import pytest

from sjft_tf import artifacts, outputs
from sjft_tf.csv_files import read_rows
from sjft_tf.errors import InputError
from sjft_tf.evaluation import evaluate_probabilities, save_predictions
from sjft_tf.report import run_ranking, write_report
from sjft_tf.report.reading import read_run
from sjft_tf.report.run_ranking import ranking_charts
from sjft_tf.workdir import Workdir

LABELS = np.arange(9) % 3


@pytest.fixture
def predicted(run, tmp_path):
    """A copy of the run, of which probabilities and predictions of its last round are kept too."""
    shutil.copytree(run, tmp_path / "run")
    workdir = Workdir(tmp_path / "run")
    names, p = workdir.read_classes()["target"], np.random.default_rng(2).dirichlet(np.ones(3), 9)
    path = workdir.rounds / "01" / "metrics.json"
    stored = artifacts.read_json(path)["test"]
    figures = evaluate_probabilities(p, LABELS, names).to_json()
    artifacts.write_json(path, {"test": stored | figures})
    artifacts.save_npz(
        workdir.rounds / "01" / "probabilities-test.npz", {"probabilities": p}, {"made_from": stored["made_from"]}
    )
    save_predictions(workdir.predictions, [str(i) for i in range(9)], names, p, LABELS)
    outputs.record(workdir.predictions)
    return workdir


def test_they_are_on_the_page_beside_the_figures(predicted, opened):
    page = opened(write_report(predicted.root))
    assert page.tags["svg"] == 11
    assert "ROC curves of 3 classes" in page.source
    assert "precision-recall curves of 3 classes" in page.source
    (line,) = [line for line in read_rows(predicted.report) if line["class"].startswith("<script>")]
    assert line["roc_auc"]
    assert f"{float(line['roc_auc']):.3f}" in page.text


def test_without_them_or_with_many_classes_there_are_none(run, predicted, monkeypatch):
    assert ranking_charts(read_run(run), "run") == []
    read = read_run(predicted.root)
    assert len(ranking_charts(read, "run")) == 2
    monkeypatch.setattr(run_ranking, "MOST", 2)
    assert ranking_charts(read, "run") == []


def test_other_images_are_refused(predicted):
    lines = predicted.predictions.read_text().splitlines()
    predicted.predictions.write_text("\n".join(lines[:-1]) + "\n")
    outputs.record(predicted.predictions)
    with pytest.raises(InputError, match="expected the images of the figures in predictions and probabilities"):
        ranking_charts(read_run(predicted.root), "run")
