"""Pruning a small target: every way of judging, what is written, what is found again, what is refused."""

import csv
import logging
from dataclasses import replace

import keras
import numpy as np
import pytest

from sjft_tf import artifacts
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet
from sjft_tf.influence import kept_rows
from sjft_tf.pipeline.programs.prune import _verified
from sjft_tf.pipeline.pruning import head as judging
from sjft_tf.pipeline.pruning import target as pruning
from sjft_tf.pipeline.pruning.network import cost
from sjft_tf.pipeline.pruning.target import judgement, pruned
from sjft_tf.run_sets import Sets
from sjft_tf.workdir import Workdir

NAMES = ["bright", "striped", "dark"]


def images(per_class, seed, labels=None):
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(3), per_class)
    pixels = rng.normal(120, 40, (len(truth), 8, 8, 3)) + 35 * (1 - truth)[:, None, None, None]
    pixels[truth == 1, ::2] += 30
    ids = [f"{seed}/{i}" for i in range(len(truth))]
    given = truth if labels is None else labels
    return ImageSet.from_arrays("some", np.clip(pixels, 0, 255).astype(np.uint8), given, NAMES, ids)


@pytest.fixture(scope="module")
def trunk():
    """The features are the mean colors of the lines."""
    image = keras.Input((8, 8, 3))
    return keras.Model(
        image, keras.layers.Flatten()(keras.layers.AveragePooling2D((1, 8))(keras.layers.Rescaling(1 / 20)(image)))
    )


@pytest.fixture(autouse=True)
def _fast(monkeypatch, trunk):
    monkeypatch.setattr(judging, "build_run_trunk", lambda *_: trunk)
    monkeypatch.setattr(pruning, "_SHOWN", 1)


@pytest.fixture(scope="module")
def sets():
    wrong = np.repeat(np.arange(3), 10)
    wrong[[3, 14]] = [2, 0]
    return Sets(images(10, 1, wrong), validation=images(8, 2))


@pytest.fixture
def config():
    plain = RunConfig()
    return (
        plain.replace("data", target="some")
        .replace("view", image_size=8, resize=8)
        .replace("selection", selector="none")
        .replace("model", trunk="preact_resnet", weights="none", depth=8, width=4)
        .replace("training", eval_batch_size=16)
        .replace("prune", head_l2=0.05)
        .validate()
    )


def test_the_head_finds_wrong_labels_and_everything_is_written(sets, config, tmp_path):
    workdir = Workdir(tmp_path)
    judged, dropped = judgement(config, sets, workdir)
    assert set(np.argsort(-judged.scores)[:2]) == {3, 14}
    np.testing.assert_array_equal(dropped, judged.scores > 0)
    assert "gradient norm" in judged.how
    assert "relative residual" in judged.how
    with open(workdir.influence / "influence.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["id", "class", "influence", "rank", "dropped", "better_class"]
    assert [r["rank"] for r in rows] == [str(i) for i in range(1, 31)]
    assert {rows[0]["id"], rows[1]["id"]} == {"1/3", "1/14"}
    assert [float(r["influence"]) for r in rows] == pytest.approx(sorted(judged.scores, reverse=True), rel=1e-6)
    for name in ("harmful.png", "helpful.png"):
        assert (workdir.influence / name).read_bytes().startswith(b"\x89PNG")
    assert len(list(workdir.logs.glob("*tfevents*.influence"))) == 1
    kept = kept_rows(workdir.influence / "kept.json", sets.target)
    np.testing.assert_array_equal(kept, np.flatnonzero(judged.scores <= 0))
    left = pruned(config, sets, workdir)
    np.testing.assert_array_equal(left.target.ids, sets.target.ids[kept])
    assert left.validation is sets.validation


def test_what_was_found_is_found_again_and_other_settings_replace_it(sets, config, tmp_path):
    workdir = Workdir(tmp_path)
    first, _ = judgement(config, sets, workdir)
    before = (workdir.influence / "scores.npz").stat().st_mtime_ns
    again, _ = judgement(config, sets, workdir)
    np.testing.assert_array_equal(first.scores, again.scores)
    assert (workdir.influence / "scores.npz").stat().st_mtime_ns == before
    _, dropped = judgement(config.replace("prune", drop_share=0.1).validate(), sets, workdir)
    assert dropped.sum() == 3
    assert artifacts.read_json(workdir.influence / "kept.json")["dropped"] == 3
    assert len(list(workdir.logs.glob("*tfevents*"))) == 1


def test_held_out_images_judge_and_stay(sets, config, tmp_path):
    alone = Sets(sets.target)
    judged, dropped = judgement(config.replace("prune", holdout=0.2).validate(), alone, Workdir(tmp_path))
    assert len(judged.rows) == 30 - 6
    left = pruned(config.replace("prune", holdout=0.2).validate(), alone, Workdir(tmp_path))
    assert len(left.target) == 30 - dropped.sum()
    held = np.setdiff1d(np.arange(30), judged.rows)
    assert np.isin(sets.target.ids[held], left.target.ids).all()


@pytest.mark.parametrize("validation", [True, False])
def test_cross_fitting_scores_every_image(sets, config, tmp_path, validation):
    used = sets if validation else Sets(sets.target)
    judged, _ = judgement(config.replace("prune", cross_fit=3).validate(), used, Workdir(tmp_path))
    np.testing.assert_array_equal(judged.rows, np.arange(30))
    assert {3, 14} <= set(np.argsort(-judged.scores)[:4])
    assert f"{3} convex heads" in judged.how


def test_a_confidence_bound_drops_fewer(sets, config, tmp_path):
    judged, sure = judgement(config.replace("prune", drop_confidence=0.95).validate(), sets, Workdir(tmp_path))
    assert (judged.bound <= judged.scores).all()
    np.testing.assert_array_equal(sure, judged.bound > 0)
    assert 0 < sure.sum() < (judged.scores > 0).sum()


def test_a_focus_class_judges_alone(sets, config, tmp_path):
    all_of_them, _ = judgement(config, sets, Workdir(tmp_path / "all"))
    parts = [
        judgement(config.replace("prune", focus_class=[n]).validate(), sets, Workdir(tmp_path / n))[0].scores
        for n in NAMES
    ]
    np.testing.assert_allclose(sum(parts), all_of_them.scores, rtol=1e-6, atol=1e-9)
    with pytest.raises(InputError, match="--focus_class=pale: the target has no such class"):
        judgement(config.replace("prune", focus_class=["pale"]).validate(), sets, Workdir(tmp_path / "none"))


@pytest.mark.parametrize("name", ["loss", "confident", "random"])
def test_alternatives(sets, config, tmp_path, name):
    if name == "confident":
        pytest.importorskip("cleanlab")
    share = {} if name == "confident" else {"drop_share": 0.1}
    judged, dropped = judgement(config.replace("prune", prune_by=name, **share).validate(), sets, Workdir(tmp_path))
    if name == "confident":
        assert dropped[[3, 14]].all()
    else:
        assert dropped.sum() == 3
    if name == "loss":
        assert set(np.argsort(-judged.scores)[:2]) == {3, 14}


def test_a_ranking_alone_does_not_say_how_many(sets, config, tmp_path):
    with pytest.raises(InputError, match="--prune_by=loss ranks, but does not say how many to drop"):
        judgement(config.replace("prune", prune_by="loss").validate(), sets, Workdir(tmp_path))


@pytest.mark.parametrize("solver", ["cg", "lissa", "arnoldi"])
def test_through_the_network(sets, config, tmp_path, caplog, monkeypatch, solver):
    monkeypatch.setattr(logging.getLogger("sjft_tf"), "propagate", True)
    caplog.set_level(logging.INFO, logger="sjft_tf")
    ours = config.replace(
        "prune", influence_layers=["all"], curvature="gauss_newton", damping=2.0, solver=solver, solve_steps=60
    ).validate()
    if solver == "lissa":  # batches of 16 of 30 images leave noise
        ours = ours.replace("prune", solve_tolerance=0.3).validate()
    judged, _ = judgement(ours, sets, Workdir(tmp_path))
    assert {3, 14} <= set(np.argsort(-judged.scores)[:3])
    assert f"gauss_newton over 75 weights, damping 2, judged by 24 validation images; {solver}" in judged.how
    assert any("gradient evaluations" in record.message for record in caplog.records)


def test_the_cost_is_what_it_takes(config):
    settings = replace(config.prune, lissa_repeats=2, lissa_scale=5.0)
    (line,) = cost(1000, "cg", 50, 30, 24, 16, settings)
    assert "at most 3,114 gradient evaluations (24 for" in line  # 24 + 50 * 2 * 30 + 2 * 30 + 30
    (line,) = cost(1000, "lissa", 50, 30, 24, 16, settings)
    assert "lissa: 3,314 gradient evaluations" in line  # 24 + 2 * 50 * 2 * 16 + 2 * 30 + 30


def test_verification(sets, config, tmp_path):
    workdir = Workdir(tmp_path)
    judged, _ = judgement(config, sets, workdir)
    lines = list(_verified(config, sets, workdir, judged, 12))
    found = float(lines[-1].split("Pearson ")[1].split(",")[0])
    assert found > 0.9
    with open(workdir.influence / "verify.csv", newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 12


def test_a_class_with_one_image_is_refused_before_anything_is_computed(config, tmp_path):
    few = images(3, 5).subset([0, 3, 4, 5, 6, 7])
    with pytest.raises(InputError, match=r"1 classes have fewer: 'bright' \(1\)"):
        judgement(config, Sets(few), Workdir(tmp_path))
    assert not (tmp_path / "influence").exists()
