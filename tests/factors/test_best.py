"""Which value was the best, how sure that is, and whether it grows with the distance."""

import dataclasses

import pytest

from sjft_tf.config import RunConfig
from sjft_tf.factors import FactorSpec, Prepared, best_values, gains_told, study_of, told
from sjft_tf.study import ResultFigures, RunResult, StudyRecord

TARGETS = ("folder:near", "folder:middle", "folder:far")
DISTANCES = {"near (1.0 away)": 1.0, "middle (2.0 away)": 2.0, "far (4.0 away)": 4.0}
# Accuracy of two seeds at 0.001, 0.01 and 0.1.
REACHED = {
    "near": [(0.6, 0.62), (0.5, 0.5), (0.2, 0.3)],
    "middle": [(0.4, 0.5), (0.45, 0.46), (0.2, 0.2)],
    "far": [(0.1, 0.1), (0.3, 0.2), (0.5, 0.6)],
}


def result(share):
    figures = ResultFigures({"test": share}, {"test": share}, {"test": 1.0})
    return RunResult("x", 1.0, figures, figures)


@pytest.fixture
def record():
    base = RunConfig().replace("data", target="unused").replace("selection", selector="none")
    spec = FactorSpec("rate", base, ("0.001", "0.01", "0.1"), TARGETS, seeds=(0, 1))
    study = study_of(
        spec,
        Prepared(
            {
                (one, ""): DISTANCES[f"{name} ({d:.1f} away)"]
                for one, name, d in zip(TARGETS, REACHED, DISTANCES.values(), strict=True)
            }
        ),
    )
    runs = {
        cell.name: {seed: result(REACHED[cell.name.split("-")[-1]][number % 3][seed]) for seed in (0, 1)}
        for number, cell in enumerate(study.cells)
    }
    return StudyRecord.of(study, runs, (), {})


def test_the_best_of_each_target(record):
    near, middle, far = best_values(record)
    assert (near.value, near.mean, near.others, near.ends) == (0.001, 0.61, (), True)
    assert (middle.value, middle.others, middle.ends) == (0.01, (0.001,), False)  # 0.005 +- 0.035 apart
    assert (far.value, far.ends) == (0.1, True)


def test_it_is_told_by_distance_with_the_effective_rate(record):
    lines = told(record, best_values(record)[::-1], DISTANCES, momentum=0.9)
    assert lines[0].startswith("near (1.0 away): initial learning rate 0.001 (effective 0.01), 61.0%; at an end")
    assert "no worse within the noise: 0.001" in lines[1]
    assert lines[-1] == "rank correlation of the best value with the distance: +1.00 (3 sets)"
    assert "effective" not in told(record, best_values(record), {})[0]


def test_one_seed_tells_nothing_of_noise(record):
    cells = tuple(dataclasses.replace(cell, runs=cell.runs[:1]) for cell in record.cells)
    assert not any(best.others for best in best_values(dataclasses.replace(record, cells=cells)))


def test_gains_are_told_by_distance_where_there_are_three():
    base = RunConfig().replace("data", target="t", source=["a", "b", "c"]).replace("selection", selector="all")
    distances = {("t", "a"): 1.0, ("t", "b"): 2.0, ("t", "c"): 3.0}
    study = study_of(FactorSpec("distance", base, seeds=(0,)), Prepared(distances))
    runs = {cell.name: {0: result(share)} for cell, share in zip(study.cells, (0.5, 0.4, 0.6, 0.3), strict=True)}
    (line,) = gains_told(StudyRecord.of(study, runs, (), {}))
    assert line == "rank correlation of the gain over no source with the distance: -0.50 (3 sets)"
    del runs["source-a"]
    assert gains_told(StudyRecord.of(study, runs, (), {})) == []
