"""The settings of single runs, what they share, and what is refused before anything runs."""

from dataclasses import replace

import pytest

from sjft_tf.comparison.arms import ARMS, pick_arms
from sjft_tf.comparison.choice import Point
from sjft_tf.comparison.planning import ComparisonSpec
from sjft_tf.comparison.trials import Trial
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.study import SetsSummary, numbers, run_stamp, table_name

BASE = RunConfig().replace("data", target="digits", source=["glyphs"])
SETS = SetsSummary(True, 0.0, 7, "rose", {"target": 70}, {"target": "abc"})
ASKED = ComparisonSpec(BASE, tuple(pick_arms([])))


POINT = Point(0.1, 0.3)


def config(arm, point=POINT, seed=3, fold=None, final=True, asked=ASKED, sets=SETS):
    return asked.config(ARMS[arm], Trial(arm, point, seed, fold), sets, final)


def table(*args, asked=ASKED, **more):
    return table_name(asked.table_config(config(*args, asked=asked, **more)))


def test_a_run_has_the_trials_settings_and_no_test_images_unless_it_is_final():
    run = config("selective")
    assert (run.training.learning_rate, run.training.source_weight, run.training.seed) == (0.1, 0.3, 3)
    assert (run.data.test, run.data.audit) == ("", False)
    trial = config("selective", final=False)
    assert trial.data.test == "none"
    assert replace(trial, data=replace(trial.data, test="")) == run
    fold = config("selective", fold=(2, 3), final=False).data
    assert (fold.validation, fold.validation_fold, fold.test) == ("none", "2/3", "none")
    held = config("selective", sets=replace(SETS, holdout=0.3, source_rows="kept.json")).data
    assert (held.holdout_test, held.source_rows) == (0.3, "kept.json")
    assert config("fine-tune", sets=replace(SETS, source_rows="kept.json")).data.source_rows == ""
    assert config("fine-tune", sets=replace(SETS, target_rows="kept.txt")).data.target_rows == "kept.txt"


def test_a_stamp_tells_runs_apart_by_all_that_changes_results():
    stamps = [
        run_stamp(one, sets)
        for one, sets in [
            (config("selective"), SETS),
            (config("selective", final=False), SETS),
            (config("selective", seed=4), SETS),
            (config("random"), SETS),
            (config("selective", Point(0.2, 0.3)), SETS),
            (config("selective", fold=(1, 3), final=False), SETS),
            (config("selective", fold=(2, 3), final=False), SETS),
            (config("selective"), replace(SETS, fingerprints={"target": "abd"})),
        ]
    ]
    assert len(set(stamps)) == len(stamps)
    free = BASE.replace("training", eval_batch_size=3)
    assert run_stamp(config("selective", asked=replace(ASKED, base=free)), SETS) == stamps[0]
    # The images' fingerprints tell squares, so that runs of an older version stay.
    square = replace(ASKED, base=BASE.replace("data", aspect_ratio="pad"))
    assert run_stamp(config("selective", asked=square), SETS) == stamps[0]
    # An arm without a source does not care what a source weighs.
    heavy = replace(ASKED, base=BASE.replace("training", source_weight=7.0))
    assert run_stamp(config("fine-tune", asked=heavy), SETS) == run_stamp(config("fine-tune"), SETS)


def test_a_table_is_shared_by_arms_seeds_and_settings():
    one = table("selective")
    assert one.startswith("gabor-")
    assert {table("rounds"), table("random"), table("selective", Point(0.2, 1.0)), table("selective", seed=9)} == {one}
    assert table("selective", fold=(1, 3), final=False) != one
    assert table("selective", seed=0, fold=(1, 3), final=False) != table("selective", seed=1, fold=(1, 3), final=False)
    few = replace(ASKED, base=BASE.replace("data", per_class=5))
    assert table("selective", asked=few) != table("selective", seed=4, asked=few)
    # Lists are long enough for the arm whose K grows.
    fixed = replace(ASKED, base=BASE.replace("selection", k0="5"))
    assert table("selective", asked=fixed) == table("rounds", asked=fixed)
    longest = fixed.table_config(config("selective", asked=fixed))
    assert (longest.selection.wrong_growth, longest.training.rounds) == (4, 5)
    # What auto takes is decided in the same folder.
    assert table("auto") == one
    assert ASKED.table_config(config("auto")).selection.selector == "auto"
    learned = replace(ASKED, bank_weights="w.npz")
    assert table("selective-learned", asked=learned).startswith("squeezenet_conv1-")
    assert table("selective-gabor") == one


def test_weights_are_tried_relative_to_the_targets_unless_given():
    assert ASKED.choice(ARMS["rounds"]).weights == (1.0, 0.3)
    assert replace(ASKED, weights=(0.7,)).choice(ARMS["rounds"]).weights == (0.7,)
    assert ASKED.choice(ARMS["fine-tune"]).weights == ()
    assert ASKED.choice(ARMS["fine-tune"]).rates == (0.001, 0.003, 0.01)
    steeper = replace(ASKED, base=BASE.replace("training", learning_rate=0.03))
    assert steeper.choice(ARMS["fine-tune"]).rates == (0.01, 0.03, 0.1)


def test_folds_take_one_seed_unless_more_are_given():
    assert (ASKED.judging_seeds(0), ASKED.judging_seeds(3)) == ((0, 1), (0,))
    assert replace(ASKED, choice_seeds=(4, 5)).judging_seeds(3) == (4, 5)


def test_folders():
    assert str(Trial("selective", Point(0.01, 0.3), 0).folder) == "runs/selective/rate0.01-source0.3/seed0"
    assert str(Trial("fine-tune", Point(0.003), 2, (1, 3)).folder) == "runs/fine-tune/rate0.003/seed2-fold1of3"
    assert str(Trial("frozen", None, 1)) == "frozen/seed1"


def test_folds_fit_the_smallest_class():
    none = replace(SETS, validation=False)
    assert ASKED.judging_folds(SETS) == 0
    assert ASKED.judging_folds(none) == 3
    assert ASKED.judging_folds(replace(none, smallest=2)) == 2
    few = replace(ASKED, base=BASE.replace("data", per_class=1))
    with pytest.raises(InputError, match=r"cross-validation needs two training images .* has 1\. Give --validation"):
        few.judging_folds(none)
    with pytest.raises(InputError, match="'rose' has 1"):
        ASKED.judging_folds(replace(none, smallest=1))
    early = replace(ASKED, base=BASE.replace("training", early_stopping=2))
    assert early.judging_folds(SETS) == 0
    with pytest.raises(InputError, match="--early_stopping=2 goes by validation images in the final runs"):
        early.judging_folds(none)


def test_arms_that_may_end_early_keep_the_rounds_that_judge():
    base = BASE.replace("training", rounds=4, steps_per_round=7)
    shapes = {
        patience: ARMS["fine-tune"].config(base.replace("training", early_stopping=patience)).training
        for patience in (0, 2)
    }
    assert {patience: (one.rounds, one.steps_per_round) for patience, one in shapes.items()} == {0: (1, 28), 2: (4, 7)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": ()}, "--seeds must be different numbers from 0, at least one"),
        ({"seeds": (1, 1)}, "--seeds must be different"),
        ({"choice_seeds": (-1,)}, "--choice_seeds must be"),
        ({"rates": (0.0,)}, "--rates must be"),
        ({"weights": (0.0,)}, "--source_weights must be"),
        ({"steps": -1}, "--choice_steps must be 0 or more"),
        ({"folds": 1}, "--choice_folds must be at least 2"),
        ({"base": BASE.replace("data", prune_target=True)}, "run scripts/prune.py first"),
        ({"base": BASE.replace("data", test="none")}, "A comparison needs test images"),
        ({"base": BASE.replace("data", validation_fold="1/2")}, "A comparison divides images itself"),
        ({"base": BASE.replace("distribution", strategy="multi_worker")}, "A comparison runs on one host"),
        ({"base": BASE.replace("data", source=[])}, "no --source was given"),
    ],
)
def test_what_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        replace(ASKED, **changes).check()


def test_numbers_of_flags():
    assert numbers(["0.1,0.3", "1"], "--rates") == (0.1, 0.3, 1.0)
    assert numbers(["0, 1"], "--seeds", int) == (0, 1)
    with pytest.raises(InputError, match=r"--seeds must be whole numbers, separated by commas\. Received: 0,x"):
        numbers(["0,x"], "--seeds", int)
