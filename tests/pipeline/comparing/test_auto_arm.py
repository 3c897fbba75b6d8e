"""The arm `auto`: what it takes is decided once for all its runs, where its table would lie."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sjft_tf import artifacts
from sjft_tf.comparison import pick_arms
from sjft_tf.config import RunConfig
from sjft_tf.evaluation import ChosenSelector
from sjft_tf.images import ImageSet
from sjft_tf.pipeline.stages import deciding
from sjft_tf.pipeline.studying import jobs
from sjft_tf.pipeline.studying.job_types import TableJob
from sjft_tf.run_sets import Sets
from sjft_tf.workdir import Workdir

from .test_comparison import SPEC, Pretended, compare

AUTO = replace(SPEC, arms=tuple(pick_arms(["selective", "auto"])), rates=(0.1,), weights=(1.0,), seeds=(0, 1))


class Deciding(Pretended):
    """A pretended table job decides, if it is asked to."""

    def __call__(self, job, log):
        if job.kind == "table" and job.config.selection.selector == "auto":
            folder = Path(job.folder)
            artifacts.write_json(folder / "selector.json", {"selector": "all"})
            self.jobs.append((job.kind, folder.name, job.config))
            return ""
        return super().__call__(job, log)


def test_it_is_decided_once_where_the_table_lies(tmp_path):
    launch = Deciding()
    compare(tmp_path, launch, AUTO)
    tables = [config.selection.selector for kind, _, config in launch.jobs if kind == "table"]
    assert tables == ["nearest", "auto"]
    assert len({name for kind, name, _ in launch.jobs if kind == "table"}) == 1
    assert [config.selection.selector for _, config in launch.trained()] == ["nearest"] * 2 + ["auto"] * 2


@pytest.mark.parametrize("selector", ["all", "none"])
def test_the_job_of_a_table_decides_instead(tmp_path, monkeypatch, selector):
    pixels = np.zeros((4, 8, 8, 3), np.uint8)
    one = ImageSet.from_arrays("some", pixels, [0, 1, 0, 1])
    monkeypatch.setattr(jobs, "open_sets", lambda *_: Sets(one, source=one))
    monkeypatch.setattr(deciding, "decide", lambda *_: ChosenSelector(selector, "so"))
    monkeypatch.setattr(jobs, "neighbor_table", None)
    config = RunConfig().replace("data", target="target", source=["source"])
    jobs.make_table(TableJob(config, str(tmp_path), "", str(tmp_path / "table"), "table"))
    run = jobs.run_workdir(str(tmp_path / "run"), str(tmp_path), "table")
    assert artifacts.read_json(run.decision)["selector"] == selector
    run.root.mkdir()
    jobs._link(run)
    assert artifacts.read_json(Workdir(run.root).decision)["reason"] == "so"
