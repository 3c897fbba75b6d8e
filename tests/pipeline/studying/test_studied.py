"""A study with pretended runs: what is run and in which order, found again, refused and written."""

import csv
import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from sjft_tf import artifacts
from sjft_tf.artifacts import ArtifactMismatch
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.pipeline.studying.studied import Studied
from sjft_tf.study import Axis, Cell, Study, StudyRecord
from sjft_tf.workdir import Workdir

BASE = RunConfig().replace("data", target="digits", source=[])
BASE = BASE.replace("selection", selector="none").replace("model", trunk="preact_resnet", weights="none")
STUDY = Study(
    "tried",
    "Something tried",
    BASE,
    (Axis("start", "start"), Axis("n", "layers kept")),
    (
        Cell("first", "First", {"start": "own"}, {"target": "glyphs"}),
        Cell("plain", "Plain", {"start": "none"}),
        Cell("n1", "Its first", {"start": "first", "n": 1}, {"freeze": "1"}, after="first"),
        Cell("n2", "Its first 2", {"start": "first", "n": 2}, {"freeze": "2"}, after="first"),
    ),
    seeds=(0, 1),
    x="n",
    reference="plain",
)


class Pretended:
    """Launches that write what a run would: more layers are better, and so are higher seeds."""

    def __init__(self):
        self.jobs, self.fail, self.stop_after, self.images = [], lambda config: "", 10**9, "t"

    def __call__(self, job, log):
        config = job.config
        if job.kind == "look":
            assert config.model.weights == "none"  # the trunk of another run is not there yet
            found = {"target": config.data.target + self.images}
            sets = {"validation": True, "holdout": 0.0, "smallest": 6, "smallest_name": "a", "source_rows": ""}
            artifacts.write_json(job.output, {**sets, "images": {"target": 9}, "fingerprints": found, "warnings": []})
            return ""
        folder = Path(job.folder)
        if len(self.jobs) >= self.stop_after:
            raise KeyboardInterrupt
        self.jobs.append((folder.parent.name, config.training.seed, config))
        if error := self.fail(config):
            return error
        if config.model.weights != "none":
            assert Path(config.model.weights).is_file()
        value = 0.5 + 0.1 * int(config.model.freeze or 0) + 0.01 * config.training.seed
        value += 0.001 * int(config.model.freeze or 0) * config.training.seed
        final = {name: {"test": value} for name in ("mean_class_accuracy", "top1", "loss")}
        if job.trunk:
            (folder).mkdir(parents=True, exist_ok=True)
            (folder / "trunk.weights.h5").touch()
        nothing = {name: {} for name in final}
        result = {"made_from": job.stamp, "seconds": 60.0, "final": final, "fusion": nothing}
        artifacts.write_json(folder / "result.json", result)
        return ""

    @property
    def done(self):
        return [(name, seed) for name, seed, _ in self.jobs]


def run(root, launch, study=STUDY, **more):
    return list(Studied(study, Workdir(root), launch, **more).run())


ALL = [(name, seed) for seed in (0, 1) for name in ("first", "plain", "n1", "n2")]


def test_every_cell_is_run_with_every_seed_and_the_record_has_its_form(tmp_path):
    launch = Pretended()
    lines = run(tmp_path, launch)
    assert launch.done == ALL
    assert "n2/seed1: test 71.20%; 60 s; about 0 s left" in lines
    content = artifacts.read_json(tmp_path / "study.json", StudyRecord.FORM)
    record = StudyRecord.from_json(content)
    assert json.loads(json.dumps(record.to_json())) == content
    cells = record.by_name
    assert cells["n2"].summary.difference == pytest.approx(0.201)
    low, high = cells["n2"].difference
    assert (low + high) / 2 == pytest.approx(0.201)
    assert (high - low) / 2 == pytest.approx(12.7062 * 0.001 * 2**0.5 / 2**0.5, rel=1e-4)
    assert (cells["plain"].reference, cells["plain"].difference) == ("", None)
    assert cells["n1"].tests == {0: pytest.approx(0.6), 1: pytest.approx(0.611)}
    assert (cells["n1"].after, dict(cells["n1"].axes)) == ("first", {"start": "first", "n": 1})
    text = (tmp_path / "study.md").read_text()
    assert "| Its first 2 | first | 2 | 2 | 70.60 ± 0.85 |" in text
    with open(tmp_path / "study.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["n"] for row in rows][-2:] != ["", ""]
    assert float(rows[3]["difference"]) == pytest.approx(0.201)


def test_a_cell_starts_from_the_trunk_of_its_seed(tmp_path):
    launch = Pretended()
    run(tmp_path, launch)
    begun = {(name, seed): config.model.weights for name, seed, config in launch.jobs}
    assert begun["n1", 1] == str(tmp_path / "runs/first/seed1/trunk.weights.h5")
    assert begun["first", 1] == "none"


def test_nothing_finished_is_repeated_wherever_the_workdir_lies(tmp_path):
    broken, rest = Pretended(), Pretended()
    broken.stop_after = 3
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "one", broken)
    (tmp_path / "one").rename(tmp_path / "two")
    run(tmp_path / "two", rest)
    assert broken.done + rest.done == ALL
    more = Pretended()
    run(tmp_path / "two", more, replace(STUDY, seeds=(0, 1, 2), cells=(*STUDY.cells, Cell("new", "New"))))
    assert more.done == [("new", 0), ("new", 1), *((name, 2) for name in ("first", "plain", "n1", "n2", "new"))]


def test_a_trunk_that_is_gone_is_made_again_and_what_starts_from_it_stays(tmp_path):
    run(tmp_path, Pretended())
    (tmp_path / "runs/first/seed1/trunk.weights.h5").unlink()
    again = Pretended()
    run(tmp_path, again)
    assert again.done == [("first", 1)]


def test_what_starts_from_a_failed_run_fails_and_the_others_go_on(tmp_path):
    launch = Pretended()
    launch.fail = lambda config: "no" if config.data.target == "glyphs" and config.training.seed == 0 else ""
    lines = run(tmp_path, launch)
    assert "n1/seed0: FAILED: first/seed0, whose trunk it starts from, failed" in lines
    assert launch.done == [one for one in ALL if one not in [("n1", 0), ("n2", 0)]]
    assert "**Failed: first/seed0: no**" in (tmp_path / "study.md").read_text()
    assert artifacts.read_json(tmp_path / "study.json", {"failed": {"*": str}})["failed"]["n2/seed0"]


def test_other_settings_facts_and_images_are_refused(tmp_path):
    run(tmp_path, Pretended())
    for other, message in [
        (replace(STUDY, base=BASE.replace("training", batch_size=20)), "batch_size: 10 there, 20 asked for"),
        (replace(STUDY, facts={"halves": 1}), "halves: None there, 1 asked for"),
        (replace(STUDY, base=BASE.replace("data", per_class=2)), "per_class: None there, 2 asked for"),
        (replace(STUDY, name="else"), "study: 'tried' there, 'else' asked for"),
    ]:
        with pytest.raises(ArtifactMismatch, match=message):
            run(tmp_path, Pretended(), other)
    changed = Pretended()
    changed.images = "u"
    with pytest.raises(ArtifactMismatch, match="target: 'glyphst' there, 'glyphsu' asked for"):
        run(tmp_path, changed)
    assert not changed.jobs


def test_sets_of_a_cell_that_starts_from_another_can_be_looked_at(tmp_path):
    own = Cell("own", "Own", {}, {"target": "digits#test", "reset_from": "1"}, after="first")
    launch = Pretended()
    run(tmp_path, launch, replace(STUDY, cells=(*STUDY.cells, own), seeds=(0,)))
    assert launch.done[-1] == ("own", 0)


def test_the_plan_names_the_runs_and_starts_none(tmp_path):
    launch = Pretended()
    lines = list(Studied(STUDY, Workdir(tmp_path), launch).plan())
    assert lines[-3:] == ["n1/seed1", "n2/seed1", "8 runs"]
    assert not launch.jobs
    run(tmp_path, launch, replace(STUDY, seeds=(1,)))
    assert "n2/seed1  (finished)" in list(Studied(STUDY, Workdir(tmp_path), launch).plan())


def test_several_at_once_wait_for_what_they_start_from(tmp_path):
    launch, both = Pretended(), threading.Barrier(2)

    def together(job, log):
        # The two that need nothing begin together; of the others each asserts that its trunk is there.
        if job.kind != "look" and not job.config.model.freeze:
            both.wait(timeout=20)
        return launch(job, log)

    run(tmp_path, together, at_once=2)
    assert sorted(launch.done) == sorted(ALL)


def test_all_that_wait_end_when_one_is_stopped(tmp_path):
    launch, stopped = Pretended(), []
    launch.stop_after = 1
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, launch, at_once=2, stop=lambda: stopped.append(True))
    assert stopped


def test_budgets_are_equal_unless_they_are_an_axis():
    longer = replace(STUDY, cells=(*STUDY.cells, Cell("long", "Long", {"n": 9}, {"steps_per_round": 9})))
    with pytest.raises(InputError, match="must see as many target images in training. Received: first .*, long 450"):
        longer.check()
    assert replace(longer, budget_axis="n").check()
    for cells in (STUDY.cells[1:], STUDY.cells[:1] * 2, (Cell("a", "A", {"no": 1}),)):
        with pytest.raises(ValueError, match="A cell needs its own name"):
            replace(STUDY, cells=cells, reference="").check()
    with pytest.raises(InputError, match="--seeds must be"):
        replace(STUDY, seeds=()).check()
