"""A comparison with pretended runs: what is run, in which order, what is found again, chosen and written."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sjft_tf import artifacts
from sjft_tf.artifacts import ArtifactMismatch
from sjft_tf.comparison import ComparisonSpec, pick_arms
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.evaluation import EvaluationStamp, Outcomes, save_outcomes
from sjft_tf.pipeline.comparing.comparison import Comparison
from sjft_tf.pipeline.studying.job_types import job_from_json
from sjft_tf.workdir import Workdir

BASE = RunConfig().replace("data", target="digits", source=["glyphs"])
BASE = BASE.replace("training", target_weight=1.0, rounds=3)
SPEC = ComparisonSpec(
    BASE,
    tuple(pick_arms(["frozen", "fine-tune", "selective", "rounds", "fusion"])),
    seeds=(0, 1, 2),
    choice_seeds=(0,),
    rates=(0.1, 0.2),
    steps=0,
)


class Pretended:
    """Launches that write what a run would; the higher rate and the lower source weight are better."""

    def __init__(self, **sets):
        self.sets = {
            **{"validation": True, "holdout": 0.0, "smallest": 6, "smallest_name": "a", "source_rows": ""},
            **{"images": {"target": 60, "test": 4}, "fingerprints": {"target": "t"}, "warnings": []},
            **sets,
        }
        self.jobs, self.fail, self.stop_after, self.judges = [], lambda config: "", 10**9, 200

    def __call__(self, job, log):
        job = job_from_json(json.loads(json.dumps(job.to_json())))
        config = job.config
        if job.kind == "look":
            artifacts.write_json(job.output, self.sets)
            return ""
        folder = Path(job.folder)
        if len(self.jobs) >= self.stop_after:
            raise KeyboardInterrupt
        self.jobs.append((job.kind, folder.name, config))
        if job.kind == "table":
            artifacts.save_npz(folder / "neighbors.npz", {"rows": np.zeros(1)}, {})
            return ""
        if error := self.fail(config):
            return error
        training, judges = config.training, ["validation"] if config.data.validation_fold else []
        judges += ["validation"] * (self.sets["validation"] and not judges)
        judges += ["test"] * (config.data.test != "none")
        value = 0.5 + training.learning_rate - 0.1 * training.source_weight + 0.01 * training.seed
        value += 0.2 * (config.selection.selector == "nearest")
        final = {name: dict.fromkeys(judges, round(value, 6)) for name in ("mean_class_accuracy", "top1", "loss")}
        fusion = {name: {key: v + 0.05 for key, v in part.items()} for name, part in final.items()}
        if "validation" in judges:
            self.judge(folder, value)
        nothing = {name: {} for name in final}
        artifacts.write_json(
            folder / "result.json",
            {
                **{"made_from": job.stamp, "seconds": 60.0, "final": final},
                "fusion": fusion if config.training.rounds > 1 else nothing,
            },
        )
        for number in range(training.rounds):
            (folder / "rounds" / f"{number:02d}").mkdir(parents=True, exist_ok=True)
            (folder / "rounds" / f"{number:02d}" / "model.weights.h5").touch()
        return ""

    def judge(self, folder, value):
        """The more images right the higher the value, which may be above 1."""
        labels, right = np.arange(self.judges, dtype=np.int32) % 2, np.arange(self.judges) < 0.5 * value * self.judges
        outcomes = Outcomes(np.arange(self.judges), labels, right, np.full(self.judges, 2 - value))
        save_outcomes(folder / "outcomes.npz", outcomes, EvaluationStamp("i", "center", "w"))

    def trained(self):
        return [(kind, config) for kind, _, config in self.jobs if kind != "table"]


def compare(root, launch, spec=SPEC, **more):
    return list(Comparison(spec, Workdir(root), launch, **more).run())


def arms(root):
    return {arm["name"]: arm for arm in artifacts.read_json(root / "comparison.json")["arms"]}


def test_settings_are_chosen_per_arm_and_the_result_has_its_shape(tmp_path):
    launch = Pretended()
    lines = compare(tmp_path, launch)
    content = artifacts.read_json(tmp_path / "comparison.json")
    assert list(content) == [
        *("target", "source", "seeds", "metric", "baseline", "command", "per_class", "settings", "arms")
    ]
    assert (content["target"], content["source"], content["seeds"]) == ("digits", ["glyphs"], [0, 1, 2])
    outcomes = arms(tmp_path)
    assert list(outcomes) == ["frozen", "fine-tune", "selective", "rounds", "fusion"]
    assert outcomes["frozen"]["chosen"] == {"learning_rate": None, "source_weight": None}
    assert outcomes["fine-tune"]["chosen"] == {"learning_rate": 0.2, "source_weight": None}
    assert outcomes["selective"]["chosen"] == {"learning_rate": 0.2, "source_weight": 0.3}
    tried = [(trial["learning_rate"], trial["source_weight"]) for trial in outcomes["rounds"]["trials"]]
    assert tried == [(0.1, 1.0), (0.2, 1.0), (0.2, 0.3)]
    for arm in outcomes.values():
        assert list(arm) == ["name", "title", "description", "chosen", "choice", "trials", "runs", "summary"]
        assert [run["seed"] for run in arm["runs"]] == [0, 1, 2]
        for run in arm["runs"]:
            assert list(run) == [
                *("seed", "learning_rate", "source_weight", "validation", "test", "top1", "seconds", "workdir")
            ]
            assert (tmp_path / run["workdir"] / "result.json").is_file()
        for trial in arm["trials"]:
            assert list(trial)[2:] == ["seed", "fold", "validation", "validation_loss", "seconds", "workdir"]
    summary = outcomes["selective"]["summary"]
    plain = [0.5 + 0.2 - 0.1 * BASE.training.source_weight + 0.01 * seed for seed in range(3)]
    assert summary["n"] == 3
    assert outcomes["fine-tune"]["summary"]["mean"] == pytest.approx(np.mean(plain))
    assert summary["sd"] == pytest.approx(0.01)
    assert summary["difference"] == pytest.approx(0.2 + 0.1 * (BASE.training.source_weight - 0.3))
    assert outcomes["fusion"]["runs"][1]["test"] == pytest.approx(outcomes["rounds"]["runs"][1]["test"] + 0.05)
    assert outcomes["fusion"]["summary"]["seconds"] is None
    text = (tmp_path / "comparison.md").read_text()
    assert "| Selective, one round (`selective`) | 3 | 88.00 ± 1.00 | +20.00 (+20.00 to +20.00) |" in text
    assert "(`selective`) gained 20.0 points over fine-tuning (20.0 to 20.0)." in text
    assert text.strip() in "\n".join(lines)
    with open(tmp_path / "comparison.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["arm"] for row in rows] == list(outcomes)
    assert float(rows[2]["difference"]) == pytest.approx(summary["difference"])


def test_the_choice_is_told_with_its_uncertainty(tmp_path):
    launch = Pretended()
    plain = tuple(pick_arms(["fine-tune"]))
    lines = compare(tmp_path, launch, replace(SPEC, arms=plain, choice_seeds=(), steps=1))
    # Two have a second trial; the best is at the upper end.
    assert "fine-tune: the best rate so far is at an end of those tried: 0.4 is tried too" in lines
    choice = arms(tmp_path)["fine-tune"]["choice"]
    assert [(one["learning_rate"], one["trials"], one["dropped"]) for one in choice["settings"]] == [
        *((0.1, 2, 1), (0.2, 2, None), (0.4, 2, None))
    ]
    assert (choice["chosen"], choice["further"], choice["edge"], choice["clear"]) == (2, [0.4], True, True)
    second = choice["second"]
    assert (second["learning_rate"], second["loss"], second["loss_error"]) == (
        0.2,
        pytest.approx(-0.2),
        pytest.approx(0, abs=1e-12),
    )
    said = next(line for line in lines if line.startswith("fine-tune: rate 0.4 of 3 settings"))
    assert "; clear: " in said
    assert said.endswith("against rate 0.2; the rate is at an end of those tried")
    assert said.removeprefix("fine-tune: ") in (tmp_path / "comparison.md").read_text()
    assert arms(tmp_path)["fine-tune"]["runs"][1]["learning_rate"] == 0.4


def test_a_trial_of_before_there_were_outcomes_is_made_again(tmp_path):
    plain = replace(SPEC, arms=tuple(pick_arms(["fine-tune"])), seeds=(0,))
    compare(tmp_path, Pretended(), plain)
    (tmp_path / "runs/fine-tune/rate0.1/seed0/outcomes.npz").unlink()
    launch = Pretended()
    compare(tmp_path, launch, plain)
    assert [config.training.learning_rate for _, config in launch.trained()] == [0.1]


def test_test_images_are_scored_by_the_runs_that_are_reported_only(tmp_path):
    launch = Pretended()
    compare(tmp_path, launch)
    for kind, config in launch.trained():
        if config.data.test == "none":
            assert config.training.seed == 0
        else:
            assert kind == "head" or (config.training.learning_rate == 0.2 and config.data.test == "")
    # One table for all arms and seeds.
    assert [kind for kind, *_ in launch.jobs].count("table") == 1


def test_a_damaged_result_is_told_before_anything_is_run(tmp_path):
    compare(tmp_path, Pretended(), replace(SPEC, arms=SPEC.arms[:2]))
    path = next(iter(sorted(tmp_path.rglob("result.json"))))
    artifacts.write_json(path, artifacts.read_json(path) | {"final": None})
    launch = Pretended()
    with pytest.raises(InputError, match=r"result\.json .*'final' must be an object.*Remove it"):
        compare(tmp_path, launch)
    assert not launch.jobs


def test_nothing_finished_is_repeated(tmp_path):
    launch = Pretended()
    compare(tmp_path / "calm", launch)
    number = len(launch.jobs)
    again = Pretended()
    lines = compare(tmp_path / "calm", again)
    assert again.jobs == []
    assert not [line for line in lines if "left" in line]
    for stop in (4, 5, number - 1):  # before and after a chosen trial is scored on test images, and at the end
        broken = Pretended()
        broken.stop_after = stop
        with pytest.raises(KeyboardInterrupt):
            compare(tmp_path / f"broken-{stop}", broken)
        rest = Pretended()
        compare(tmp_path / f"broken-{stop}", rest)
        assert len(broken.jobs) + len(rest.jobs) == number
        both = [tmp_path / name / "comparison.json" for name in ("calm", f"broken-{stop}")]
        assert both[0].read_text() == both[1].read_text()


def test_more_arms_seeds_and_rates_use_what_is_there(tmp_path):
    launch = Pretended()
    compare(tmp_path, launch, replace(SPEC, arms=tuple(pick_arms(["fine-tune"])), seeds=(0,)))
    assert len(launch.jobs) == 3  # two trials, one of them once more for its test images
    launch.jobs.clear()
    compare(tmp_path, launch, replace(SPEC, arms=tuple(pick_arms(["fine-tune"])), seeds=(0, 1)))
    assert [config.training.seed for _, config in launch.trained()] == [1]
    launch.jobs.clear()
    wider = replace(SPEC, arms=tuple(pick_arms(["fine-tune"])), seeds=(0,), rates=(0.1, 0.2, 0.4))
    compare(tmp_path, launch, wider)
    assert [config.training.learning_rate for _, config in launch.trained()] == [0.4, 0.4]


def test_other_settings_and_images_are_refused(tmp_path):
    compare(tmp_path, Pretended(), replace(SPEC, arms=tuple(pick_arms(["fine-tune"]))))
    with pytest.raises(ArtifactMismatch, match="batch_size: 10 there, 20 asked for"):
        compare(tmp_path, Pretended(), replace(SPEC, base=BASE.replace("training", batch_size=20)))
    with pytest.raises(ArtifactMismatch, match="aspect_ratio: None there, 'pad' asked for"):
        compare(tmp_path, Pretended(), replace(SPEC, base=BASE.replace("data", aspect_ratio="pad")))
    with pytest.raises(ArtifactMismatch, match="target: 't' there, 'u' asked for"):
        compare(tmp_path, Pretended(fingerprints={"target": "u"}))


def test_a_failing_run_leaves_the_others(tmp_path):
    launch = Pretended()
    launch.fail = lambda config: "The loss is NaN" if config.training.learning_rate == 0.2 else ""
    lines = compare(tmp_path, launch)
    assert "fine-tune/rate0.2/seed0: FAILED: The loss is NaN" in lines
    outcomes = arms(tmp_path)
    assert outcomes["fine-tune"]["chosen"]["learning_rate"] == 0.1
    assert outcomes["fine-tune"]["summary"]["n"] == 3
    assert [trial["validation"] is None for trial in outcomes["fine-tune"]["trials"]] == [False, True]
    assert "Failed: fine-tune/rate0.2/seed0: The loss is NaN" in (tmp_path / "comparison.md").read_text()
    launch.fail = lambda config: "no" if config.selection.selector == "none" and config.training.seed == 1 else ""
    compare(tmp_path / "one", launch)
    assert [run["seed"] for run in arms(tmp_path / "one")["fine-tune"]["runs"]] == [0, 2]
    assert arms(tmp_path / "one")["selective"]["summary"]["n"] == 3
    launch.fail = lambda config: "no"
    lines = compare(tmp_path / "all", launch)
    assert "fine-tune: every setting failed, so none can be chosen" in lines
    assert arms(tmp_path / "all")["fine-tune"]["runs"] == []


def test_folds_judge_without_validation_images(tmp_path):
    launch = Pretended(validation=False, smallest=2)
    launch.judges = 9  # too few to drop a rate after a fold
    lines = compare(tmp_path, launch, replace(SPEC, arms=tuple(pick_arms(["fine-tune", "selective"])), seeds=(0, 1)))
    assert "No validation images: settings are chosen by 2 folds of the training images." in lines
    trials = arms(tmp_path)["fine-tune"]["trials"]
    assert [(trial["learning_rate"], trial["fold"]) for trial in trials] == [(0.1, 1), (0.2, 1), (0.1, 2), (0.2, 2)]
    assert {run["validation"] for run in arms(tmp_path)["selective"]["runs"]} == {None}
    assert {config.data.validation_fold for _, config in launch.trained()} == {"1/2", "2/2", ""}
    assert [kind for kind, *_ in launch.jobs].count("table") == 3  # one a fold, one for all
    with pytest.raises(InputError, match="Give --validation, or a larger --per_class"):
        compare(tmp_path / "one", Pretended(validation=False, smallest=1))


def test_held_out_test_images_are_said_loudly(tmp_path):
    lines = compare(tmp_path, Pretended(holdout=0.3))
    assert any(line.startswith("NOTE: there are no test images. 30% of each class") for line in lines)
    assert "**NOTE: there are no test images. 30%" in (tmp_path / "comparison.md").read_text()


def test_a_bank_without_weights_is_left_out_and_said(tmp_path):
    spec = replace(SPEC, arms=tuple(pick_arms(["fine-tune", "selective-learned"])))
    lines = compare(tmp_path, Pretended(), spec)
    assert any(line.startswith("selective-learned: left out, because --learned_bank_weights") for line in lines)
    assert list(arms(tmp_path)) == ["fine-tune"]
    compare(tmp_path / "with", Pretended(), replace(spec, bank_weights="w.npz"))
    assert list(arms(tmp_path / "with")) == ["fine-tune", "selective-learned"]


def test_the_plan_names_the_runs_and_starts_none(tmp_path):
    launch = Pretended()
    lines = list(Comparison(SPEC, Workdir(tmp_path), launch).plan())
    assert launch.jobs == []
    assert "choose  rounds/rate0.1-source1/seed0" in lines
    assert any(line.startswith("choose  rounds: 1 more at most: further seeds and folds") for line in lines)
    assert "run     frozen/seed2" in lines
    assert lines[-1] == "17 runs at most"  # 3 + (2 + 2) + 2 (3 + 2)
    compare(tmp_path, launch)
    assert len({(kind, str(config.training), config.selection.selector) for kind, config in launch.trained()}) == 17
    lines = list(Comparison(SPEC, Workdir(tmp_path), launch).plan())
    assert "run     frozen/seed2  (finished)" in lines


@pytest.mark.parametrize("keep", [False, True])
def test_weights_stay_where_they_are_of_use(tmp_path, keep):
    compare(tmp_path, Pretended(), replace(SPEC, keep_weights=keep))

    def kept(place):
        return sorted(path.parent.name for path in (tmp_path / "runs" / place).rglob("model.weights.h5"))

    assert kept("rounds/rate0.2-source0.3/seed0") == (["00", "01", "02"] if keep else ["02"])
    assert kept("rounds/rate0.1-source1/seed0") == (["00", "01", "02"] if keep else [])
    assert kept("fine-tune/rate0.2/seed2") == ["00"]


def test_arms_side_by_side_give_the_same(tmp_path):
    one, two = Pretended(), Pretended()
    lines = [compare(tmp_path / "one", one), compare(tmp_path / "two", two, at_once=2)]
    assert len(lines[0]) == len(lines[1])
    assert sorted(map(str, one.trained())) == sorted(map(str, two.trained()))
    assert [kind for kind, *_ in two.jobs].count("table") == 1
    assert arms(tmp_path / "one") == arms(tmp_path / "two")


def test_an_interrupted_arm_stops_those_beside_it(tmp_path):
    launch, stopped = Pretended(), []
    launch.stop_after = 4
    with pytest.raises(KeyboardInterrupt):
        compare(tmp_path, launch, at_once=2, stop=lambda: stopped.append(True))
    assert stopped
    launch.stop_after = 10**9
    compare(tmp_path, launch, at_once=2)
    assert all(arm["summary"]["n"] == 3 for arm in arms(tmp_path).values())
