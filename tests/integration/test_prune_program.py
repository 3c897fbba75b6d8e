"""Pruning from the command line and before training: the list fits the training, and what does not fit is refused."""

from dataclasses import replace

import numpy as np
import pytest

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.pipeline.programs.prune import prune
from sjft_tf.pipeline.programs.train import train
from sjft_tf.training import finished_rounds
from sjft_tf.workdir import Workdir


@pytest.fixture
def plain(config):
    """Plain fine-tuning with a fixed L2."""
    return config.replace("selection", selector="none").replace("prune", head_l2=0.1, drop_share=0.25)


@pytest.mark.slow
def test_prune_then_train_on_what_is_left(plain, world, tmp_path):
    pruning = Workdir(tmp_path / "prune")
    lines = list(prune(plain, pruning, verify=3))
    kept = artifacts.read_json(pruning.influence / "kept.json")
    assert any("Pearson" in line for line in lines)
    assert len(kept["kept"]) == 12 - kept["dropped"] < 12
    rows = str(pruning.influence / "kept.json")
    run = plain.replace("data", target_rows=rows)
    train(run, Workdir(tmp_path / "run"))
    state = artifacts.load_npz(tmp_path / "run" / "rounds" / "01" / "state.npz")[1]
    both = plain.replace("data", prune_target=True)
    train(both, Workdir(tmp_path / "both"))
    again = artifacts.load_npz(tmp_path / "both" / "rounds" / "01" / "state.npz")[1]
    assert again["made_from"]["target images"] == state["made_from"]["target images"]
    # The same images, the same settings: the same training.
    np.testing.assert_allclose(again["metrics"]["loss"], state["metrics"]["loss"], rtol=1e-4)
    before = (tmp_path / "both" / "influence" / "kept.json").read_bytes()
    other = both.replace("prune", drop_share=0.1)
    with pytest.raises(artifacts.ArtifactMismatch, match="drop_share: 0.25 there, 0.1 asked for"):
        train(other, Workdir(tmp_path / "both"))
    assert (tmp_path / "both" / "influence" / "kept.json").read_bytes() == before
    assert finished_rounds(tmp_path / "both" / "rounds") == [0, 1]
    # Another split is another target.
    elsewhere = run.replace("data", target=f"folder:{world / 'target'}#test", test="", validation="")
    with pytest.raises(InputError, match="was made for other images"):
        train(elsewhere, Workdir(tmp_path / "other"))


@pytest.mark.slow
def test_the_program(forked, flags, tmp_path):
    known = ("--target", "--image_size", "--resize", "--trunk", "--weights", "--depth", "--width", "--eval")
    given = [flag for flag in flags if flag.startswith(known)]
    done = forked("prune", *given, "--holdout=0.25", f"--workdir={tmp_path / 'run'}", "--solver=cg")
    assert "convex head" in done.stdout
    assert f"train: --target_rows={tmp_path / 'run' / 'influence' / 'kept.json'}" in done.stdout
    done = forked("prune", *given, "--focus_class=z", f"--workdir={tmp_path / 'run'}", check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: --focus_class=z: the target has no such class")
    done = forked("prune", *given, "--verify=3", "--cross_fit=3", f"--workdir={tmp_path / 'run'}", check=False)
    assert "error: --verify trains the convex head again" in done.stderr


def test_a_hybrid_start(config, tmp_path):
    from sjft_tf.models import build_trunk, save_trunk
    from sjft_tf.pipeline.stages.learning import build_model

    trunk = build_trunk("preact_resnet", 16, depth=8, width=4)
    from sjft_tf.models import build_joint_model

    save_trunk(build_joint_model(trunk, 3, None), tmp_path / "trunk.weights.h5")
    settings = replace(config.model, weights=str(tmp_path / "trunk.weights.h5"), reset_from="stage3_unit1_1_bn")
    model = build_model(replace(config, model=settings), 3, None)
    same = {
        layer.name: np.array_equal(layer.get_weights()[0], model.get_layer(layer.name).get_weights()[0])
        for layer in trunk.layers
        if layer.name.endswith("conv")
    }
    assert same == {name: not name.startswith("stage3") for name in same}
