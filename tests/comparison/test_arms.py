"""The arms: every one is a valid run, sees as many target images, and differs in what it says."""

from dataclasses import replace

import pytest

from sjft_tf.comparison.arms import _ALL, ARMS, BASELINE, MAIN_ARMS, pick_arms
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError

BASE = RunConfig().replace("data", target="digits", source=["glyphs"])
BASE = BASE.replace("training", rounds=4, steps_per_round=7, batch_size=6, schedule="step", decay_steps=5)


def settings(name):
    return ARMS[name].config(BASE, "squeezenet_conv1", "weights.npz")


@pytest.mark.parametrize("name", ARMS)
def test_an_arm_is_a_valid_run_that_sees_as_many_target_images(name):
    config = settings(name)
    assert config.validate() is config
    assert config.training.total_steps == 28
    assert replace(config.training, rounds=4, steps_per_round=7, co_tuning="auto") == BASE.training
    assert config.view == BASE.view
    assert config.training.rounds == (4 if ARMS[name].grows else 1)


def test_what_the_arms_are():
    assert settings(BASELINE).selection.selector == "none"
    assert [settings(name).selection.selector for name in ("all", "random", "selective", "rounds")] == [
        *("all", "random", "nearest", "nearest")
    ]
    for name in ("random", "selective", "mixture", "selective-gabor", "selective-learned", "scratch-selective"):
        assert (settings(name).selection.wrong_growth, settings(name).selection.uncertain_growth) == (0, 0)
    assert settings("rounds").selection == replace(BASE.selection, selector="nearest")
    assert settings("selective-gabor").retrieval.bank == "gabor"
    learned = settings("selective-learned").retrieval
    assert (learned.bank, learned.bank_weights) == ("squeezenet_conv1", "weights.npz")
    assert {settings(name).model.weights for name in ("scratch", "scratch-selective")} == {"none"}
    assert settings("selective").model == BASE.model
    assert settings("mixture") == settings("selective").replace("selection", nearest_share=0.2)
    assert [name for name, arm in ARMS.items() if not arm.borrows] == [
        *("frozen", BASELINE, "fusion", "scratch", "co-tuning", "batch-statistics"),
        *("svm", "svm-augmented", "stage-svm", "adapted"),
    ]
    assert ARMS["batch-statistics"].config(BASE) == settings(BASELINE).replace("model", start_statistics=0.0)


def test_co_tuning_is_of_its_arms_alone_and_looks_at_the_kept_source():
    weighty = BASE.replace("training", co_tuning="0.4").replace("data", source_rows="kept.json")
    without = BASE.replace("training", co_tuning="0")
    for base, weight, auto in ((BASE, 2.3, 2.3), (weighty, 0.4, 0.4), (without, 2.3, 0.0)):
        found = {name: arm.config(base, "alexnet").co_tuning for name, arm in ARMS.items()}
        expected = {"co-tuning": weight, "all-co-tuning": weight, "auto": auto}
        assert found == dict.fromkeys(ARMS, 0.0) | expected
    assert ARMS["co-tuning"].config(weighty).data.source_rows == "kept.json"
    assert ARMS[BASELINE].config(weighty).data.source_rows == ""
    assert ARMS["co-tuning"].config(BASE).training.source_weight == 0.3


def test_one_arm_begins_with_a_trunk_that_has_learned_the_source():
    longer = BASE.replace("model", adapt_steps=9, adapt_rate=0.3)
    for base, steps, rate in ((BASE, 28, 0.01), (longer, 9, 0.3)):
        found = {name: arm.config(base, "alexnet").model for name, arm in ARMS.items()}
        assert {name: model.adapt_steps for name, model in found.items() if model.adapt_steps} == {"adapted": steps}
        assert {name: model.adapt_rate for name, model in found.items()} == dict.fromkeys(ARMS, 0.01) | {
            "adapted": rate
        }


def test_what_an_arm_does_not_read_does_not_change_it():
    other = BASE.replace(
        "selection", k0="7", source_share=0.4, passes=3.0, nearest_share=0.5, draws="uniform", draw_cap=2.0
    ).replace("training", source_weight=0.7)
    arms = [arm for arm in ARMS.values() if arm.kind != "fusion"]
    same = {arm.name for arm in arms if arm.config(other, "alexnet") == arm.config(BASE, "alexnet")}
    svms = {"svm", "svm-augmented", "stage-svm"}
    assert same == {"frozen", BASELINE, "scratch", "co-tuning", "batch-statistics", "adapted"} | svms
    assert ARMS["all"].config(other).selection == ARMS["all"].config(BASE).selection
    slower = BASE.replace("training", learning_rate=1e-3)
    assert [name for name in ("frozen", BASELINE) if ARMS[name].config(slower) == ARMS[name].config(BASE)] == ["frozen"]


def test_names_titles_and_folders_are_told_apart():
    assert len({arm.name for arm in _ALL}) == len({arm.title for arm in _ALL}) == len(_ALL)
    assert all(arm.description.endswith(".") and "/" not in arm.name for arm in _ALL)
    assert set(ARMS) <= {arm.name for arm in _ALL}


def test_arms_are_picked_by_name_in_the_order_of_tables():
    assert [arm.name for arm in pick_arms([])] == list(MAIN_ARMS)
    assert [arm.name for arm in pick_arms(["selective", "frozen", "selective"])] == ["frozen", "selective"]
    with pytest.raises(InputError, match=r"--arms=best: there is no such arm\. Arms: frozen, fine-tune, all"):
        pick_arms(["best", "all"])
    with pytest.raises(InputError, match="--arms=fusion averages the predictions of the arm `rounds`: add it"):
        pick_arms(["fusion"])


def test_a_misspelled_setting_is_refused():
    with pytest.raises(InputError, match="Section training of the settings has no rate"):
        BASE.replace("training", rate=1.0)
