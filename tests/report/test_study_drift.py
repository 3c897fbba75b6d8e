"""What changed inside, on the page of a study."""

import dataclasses

import pytest

from sjft_tf.artifacts import write_json
from sjft_tf.config import RunConfig
from sjft_tf.report import write_report
from sjft_tf.study import Axis, Cell, ResultFigures, RunResult, Study, StudyRecord, write_tables

FIGURES = ResultFigures({"test": 0.5}, {"test": 0.5}, {"test": 1.0})
CELLS = (Cell("slow", "Slow", {"rate": 0.1}), Cell("fast", "Fast", {"rate": 1.0}))


@pytest.fixture
def root(tmp_path):
    study = Study("s", "Rates", RunConfig(), (Axis("rate", "rate", log=True),), CELLS, (0, 1), "rate")
    result = RunResult("x", 1.0, FIGURES, dataclasses.replace(FIGURES))
    record = StudyRecord.of(study, {cell.name: {0: result, 1: result} for cell in CELLS}, (), {})
    write_json(tmp_path / "study.json", record.to_json())
    write_tables(tmp_path, record)
    for run in (tmp_path / cell.folder(seed) for cell in CELLS for seed in (0, 1)):
        run.mkdir(parents=True)
    return tmp_path


def drift(weights, cka):
    stage = {"layers": 3, "weight_cosine": 0.9, "feature_cosine": None}
    stages = [{"name": name, "weight_distance": weights, "feature_cka": cka, **stage} for name in ("early", "late")]
    return {"images": 9, "stages": stages, "made_from": {}}


def test_stages_are_drawn_where_they_were_measured(root):
    assert "What changed inside" not in write_report(root).read_text()
    for seed in (0, 1):
        write_json(root / f"runs/slow/seed{seed}/drift.json", drift(0.1 + seed, 0.9))
    (root / "runs/fast/seed0/drift.json").write_text("damaged")
    page = write_report(root).read_text()
    assert all(text in page for text in ("What changed inside", "early", "relative distance of the weights against"))
    assert "by its last layer: Slow<" in page
    markdown = write_report(root, root / "page.md").read_text()
    assert "linear CKA of the features before and after" in markdown
