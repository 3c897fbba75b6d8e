"""Co-Tuning in a run, digits with letters: with and without borrowing, kept, found again, refused."""

import numpy as np
import pytest

from sjft_tf.artifacts import load_npz
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.models import build_trunk
from sjft_tf.pipeline.programs.train import train
from sjft_tf.pipeline.stages import co_tuning, heads
from sjft_tf.training import read_round
from sjft_tf.workdir import Workdir


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "tiny.weights.h5"
    build_trunk("preact_resnet", 8, depth=8, width=2).save_weights(path)
    return (
        RunConfig()
        .replace("data", target="digits?per_class=2", test="none", source=["glyphs?n=104"], audit=False)
        .replace("view", image_size=8, resize=8)
        .replace("model", trunk="preact_resnet", depth=8, width=2, weights=str(path))
        .replace("selection", selector="none")
        .replace("training", rounds=1, steps_per_round=2, batch_size=4, co_tuning="0.5")
        .replace("monitor", projector_images=0)
        .validate()
    )


@pytest.mark.parametrize("selector", ["none", "all"])
def test_a_run_learns_it_beside_the_rest_and_goes_on_with_what_it_found(config, tmp_path, monkeypatch, selector):
    config, workdir = config.replace("selection", selector=selector), Workdir(tmp_path)
    report = train(config, workdir, saved_model=False)
    assert sum(line.startswith(" co-tuning: ") for line in report.lines()) == 1
    metrics = read_round(workdir.rounds, 0).metrics
    assert metrics["co_tuning_loss"] > 0
    assert ("source_loss" in metrics) == ("borrowed" in metrics) == (selector == "all")
    (path,) = workdir.heads.glob("relationship-*.npz")
    arrays, meta = load_npz(path)
    assert arrays["source_given_target"].shape == (10, 52)
    np.testing.assert_allclose(arrays["source_given_target"].sum(axis=1), 1, atol=1e-5)
    assert meta["l2"] in heads.softmax_head.STRENGTHS
    monkeypatch.setattr(heads, "trunk_features", None)
    train(config.replace("training", eval_batch_size=7), workdir, saved_model=False)


def test_it_needs_a_source_and_a_trunk_that_has_learned_something(config):
    with pytest.raises(InputError, match=r"--co_tuning=0\.5 learns from the source, but no --source"):
        config.replace("data", source=[]).validate()
    with pytest.raises(InputError, match="--co_tuning looks at images through the trunk's --weights"):
        config.replace("model", weights="none").validate()


@pytest.mark.parametrize("given", ["-0.1", "1001", "nan", "much", ""])
def test_its_weight_is_a_number_or_auto(config, given):
    with pytest.raises(InputError, match="--co_tuning must be a number from 0 to 1000, related or auto. Received: '"):
        config.replace("training", co_tuning=given).validate()


@pytest.mark.parametrize("selector", ["none", "all"])
@pytest.mark.parametrize("tells", [True, False])
def test_a_source_that_is_not_related_is_not_co_tuned(config, tmp_path, monkeypatch, caplog, selector, tells):
    monkeypatch.setattr(co_tuning, "related", lambda accuracy, of_features, classes: tells and classes == 10)
    config = config.replace("training", co_tuning="related").replace("selection", selector=selector)
    assert config.co_tuning == 2.3
    with caplog.at_level("INFO", "sjft_tf"):
        told = train(config, Workdir(tmp_path), saved_model=False)
    assert told.figures.co_tuned is tells
    lines = [line for line in told.lines() if line.startswith(" co-tuning: ")]
    assert len(lines) == 1
    assert ("left out, since the source's classes do not tell the target's" in lines[0]) is not tells
    assert ("co-tuning: left out. The source's classes tell" in caplog.text) is not tells
    assert ("co_tuning_loss" in read_round(Workdir(tmp_path).rounds, 0).metrics) is tells


def test_auto_goes_with_the_selector_of_that_name(config):
    weights = {
        selector: config.replace("selection", selector=selector).replace("training", co_tuning="auto").co_tuning
        for selector in ("auto", "all", "none")
    }
    assert weights == {"auto": 2.3, "all": 0.0, "none": 0.0}
    auto = config.replace("selection", selector="auto").replace("training", co_tuning="auto")
    assert auto.replace("data", source=[]).co_tuning == 0
    assert auto.replace("model", weights="none").validate().co_tuning == 0
    assert auto.replace("model", weights="none", adapt_steps=3).co_tuning == 2.3
