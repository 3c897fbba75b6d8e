"""A study of one factor with pretended runs, and what it must know of the sets before."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import pytest

from sjft_tf import artifacts
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.factors import FactorSpec
from sjft_tf.images import open_image_set
from sjft_tf.pipeline.programs.factors import Factored
from sjft_tf.pipeline.stages import sampling
from sjft_tf.pipeline.studying.preparing import prepare, prepared
from sjft_tf.study import StudyRecord
from sjft_tf.workdir import Workdir

BASE = RunConfig().replace("data", target="digits?per_class=5", source=["glyphs?n=520"])
BASE = BASE.replace("model", trunk="preact_resnet", weights="none", depth=8).replace("selection", selector="none")
RATES = FactorSpec("rate", BASE, ("0.01", "0.1", "0.3"), seeds=(0, 1))


def launch(job, log):
    """Writes what a run would: the highest rate but one is best."""
    if job.kind == "look":
        sets = {"validation": True, "holdout": 0.0, "smallest": 6, "smallest_name": "a", "source_rows": ""}
        artifacts.write_json(
            job.output, {**sets, "images": {"target": 9}, "fingerprints": {"target": "t"}, "warnings": []}
        )
        return ""
    rate = job.config.training.learning_rate
    final = {name: {"test": 0.5 - abs(rate - 0.1)} for name in ("mean_class_accuracy", "top1", "loss")}
    nothing = {name: {} for name in final}
    result = {"made_from": job.stamp, "seconds": 60.0, "final": final, "fusion": nothing}
    artifacts.write_json(Path(job.folder) / "result.json", result)
    return ""


def test_what_was_best_is_told_once_however_often_it_is_started(tmp_path):
    for time in range(2):
        lines = list(Factored(RATES, Workdir(tmp_path), launch).run())
        assert lines[-1] == "best: initial learning rate 0.1 (effective 1), 50.0%"
        assert sum("60 s" in line for line in lines) == (0 if time else 6)
        record = StudyRecord.from_json(artifacts.read_json(tmp_path / "study.json", StudyRecord.FORM))
        assert record.notes == (lines[-1],)
    assert lines[-1] in (tmp_path / "study.md").read_text()
    assert "effective 1" in (tmp_path / "report.html").read_text()
    assert len(list(Factored(RATES, Workdir(tmp_path), launch).plan())) > 6


def test_a_width_that_is_not_to_be_had_is_refused_before_anything_is_run(tmp_path):
    spec = FactorSpec(
        "width", BASE.replace("model", trunk="MobileNetV2", weights=f"{tmp_path}/v2_{{width}}.weights.h5")
    )
    with pytest.raises(InputError, match=r"v2_0\.35\.weights\.h5"):
        Factored(spec, Workdir(tmp_path / "run"), launch)


def test_classes_are_drawn_once_and_are_those_of_the_runs(tmp_path):
    base = BASE.replace("selection", selector="all")
    spec = FactorSpec("source_classes", base, ("3", "5"), images="fixed", source_images=20, seeds=(0, 1)).check()
    prepare(spec, tmp_path)
    known = prepared(spec, tmp_path)  # all is there: no process
    settings = known.draws[5, 1]
    drawn = open_image_set(settings["source"][0].replace("{workdir}", str(tmp_path)))
    rows = Path(settings["source_rows"]).read_text().split()
    assert drawn.num_classes == 5
    assert len(rows) == 20
    assert set(rows) <= set(drawn.ids)
    three = (tmp_path / "shared" / "classes" / "3-seed1.txt").read_text().split()
    assert set(three) < set(drawn.class_names)
    with pytest.raises(InputError, match="has 52 classes with images. Received: 60"):
        prepare(dataclasses.replace(spec, values=("5", "60")), tmp_path)


def test_distances_are_measured_once_of_all_images(tmp_path, monkeypatch):
    seen = []

    def of(target, source, *more):
        seen.append((len(target), len(source)))
        return SimpleNamespace(distance=SimpleNamespace(ratio=len(source) / 100))

    monkeypatch.setattr(sampling, "Samples", SimpleNamespace(of=of))
    sources = ["glyphs?n=260", "digits#val"]
    base = BASE.replace("data", source=sources, target="digits#train", per_class=2)
    spec = FactorSpec("distance", base.replace("selection", selector="all")).check()
    prepare(spec, tmp_path)
    prepare(spec, tmp_path)
    known = prepared(spec, tmp_path)
    assert seen == [(50, 260), (50, 200)]
    assert known.distances == {("digits#train", sources[0]): 2.6, ("digits#train", sources[1]): 2.0}
    several = FactorSpec("rate", base, targets=("digits#train", "digits#test")).check()
    prepare(several, tmp_path)
    assert [ratio for (_, source), ratio in prepared(several, tmp_path).distances.items() if not source] == [4.6, 4.6]
