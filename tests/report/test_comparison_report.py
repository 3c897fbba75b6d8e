"""The page of a comparison: table, charts, links and one run in full."""

from dataclasses import replace

import pytest

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.report import comparison_charts, write_report
from sjft_tf.report.comparison import read_comparison
from sjft_tf.report.comparison_charts import arm_colors
from sjft_tf.report.comparison_sections import comparison_context


def test_all_sections_and_working_links(comparison, opened):
    page = opened(write_report(comparison))
    wanted = {"results", "accuracy", "differences", "trials", "arm-curves", "runs", "setup", "representative"}
    assert wanted | {"run-summary", "run-hardest", "run-configuration"} <= set(page.ids)
    assert "sjft/seed%201/" in page.addresses
    assert page.tags["svg"] == 4 + 9
    assert "<em>sjft</em>" in page.text
    assert "em" not in page.tags
    assert "+3.0" in page.text
    assert "One run in full: <em>sjft</em>, seed 1" in page.text


def test_the_choice_is_told_where_the_record_has_it(comparison, opened, tmp_path):
    said = (
        "rate 0.1, source weight 1 of 4 settings, validation accuracy 61.0 ± 1.2, loss 1.500 ± 0.040, 2 trials; within "
        "noise: +1.0 ± 1.3 points of accuracy and -0.020 ± 0.030 of loss against rate 0.1, source weight 0.5; the rate "
        "is at an end of those tried."
    )
    page = opened(write_report(comparison))
    assert said in " ".join(page.text.split())
    assert "dropped after 1" in page.text
    write_report(comparison, tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    assert said in text
    assert "| 1.500 ± 0.040 | failed |" in text
    content = artifacts.read_json(comparison / "comparison.json")
    for arm in content["arms"]:
        arm.pop("choice", None)
    artifacts.write_json(tmp_path / "comparison.json", content)
    assert "within noise" not in opened(write_report(tmp_path)).text


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"chosen": 4}, "`chosen` in `choice` of arm sjft as a place"),
        ({"clear": 1}, "`choice` of arm sjft of the form"),
        ({"further": [-1]}, "`further` in `choice` of arm sjft"),
        ({"settings": [{}]}, "lacks 'learning_rate'"),
    ],
)
def test_a_damaged_choice_is_refused(comparison, tmp_path, changed, message):
    content = artifacts.read_json(comparison / "comparison.json")
    content["arms"][1]["choice"] |= changed
    artifacts.write_json(tmp_path / "comparison.json", content)
    with pytest.raises(InputError, match=message):
        write_report(tmp_path)


def test_links_follow_the_page(comparison, opened, tmp_path):
    opened(write_report(comparison, tmp_path / "elsewhere" / "page.html"))


def test_the_run_shown_is_the_median_of_the_best_that_borrows(comparison):
    arm, entry, folder = read_comparison(comparison).representative()
    assert folder == comparison / "sjft/seed 1"
    assert (arm.name, entry.seed) == ("sjft", 1)  # fusion is better, but has no run of its own


def test_fused_rounds_are_drawn_as_what_they_reach_together(comparison, monkeypatch, tmp_path):
    recorded = read_comparison(comparison)
    plain, rounds, fusion = recorded.arms
    pairs = zip(fusion.runs, rounds.runs, strict=True)
    fusion = replace(fusion, runs=tuple(replace(fused, workdir=alone.workdir) for fused, alone in pairs))
    drawn = {}
    monkeypatch.setattr(comparison_charts, "arm_curves", lambda arms, *_: drawn.update({a.name: a for a in arms}))
    comparison_context(replace(recorded, arms=(plain, rounds, fusion)), tmp_path / "page.html")
    assert [drawn[name].values.shape for name in ("fine-tune", "sjft", "fusion")] == [(3, 2), (3, 2), (3, 1)]
    assert drawn["fusion"].values.ravel() == pytest.approx([66, 68, 70])


def test_few_figures(comparison, opened, tmp_path):
    """One seed, nothing chosen, a baseline that failed, no run folders: all that may be missing is null."""
    content = artifacts.read_json(comparison / "comparison.json")
    for arm in content["arms"]:
        arm.update(trials=[], chosen=None, runs=[{**arm["runs"][0], "workdir": None}])
        arm["summary"] = dict.fromkeys(arm["summary"]) | {"n": 1, "mean": 0.5}
    content["arms"][0]["runs"][0].update(test=None, validation=None)
    artifacts.write_json(tmp_path / "comparison.json", content)
    page = opened(write_report(tmp_path))
    assert "No trials are recorded" in page.text
    assert "none is shown in full" in page.text


def test_a_folder_outside_is_not_linked(comparison):
    recorded = read_comparison(comparison)
    assert recorded.folder("../..") is None
    assert recorded.folder("sjft/seed 0") == comparison / "sjft/seed 0"


def test_another_shape_is_refused(tmp_path):
    artifacts.write_json(tmp_path / "comparison.json", {"arms": []})
    with pytest.raises(InputError, match="baseline"):
        write_report(tmp_path)
    for content, missing in (("[]", "an object was expected"), ("{", "not valid JSON")):
        (tmp_path / "comparison.json").write_text(content)
        with pytest.raises(InputError, match=missing):
            write_report(tmp_path)


def test_an_arm_keeps_its_color():
    names = ["a", "plain", "b"]
    assert arm_colors(names, "plain")["a"] == arm_colors(["a", "plain"], "plain")["a"]
    assert len(set(arm_colors(names, "plain").values())) == 3
