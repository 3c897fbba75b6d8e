"""Every recipe in flags/: its settings are valid, its model can be built, its header shows the command that uses it."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from sjft_tf.config import RunConfig

ROOT = Path(__file__).resolve().parent.parent
RECIPES = sorted((ROOT / "flags").glob("*.cfg"))
# The papers' recipes: K0, and a figure of the paper that the header must name (see Ge & Yu 2017, section 4, and
# Wang, Huan & Zhu 2018 for the last).
PAPER = {
    "stanford_dogs": ("100", "90.2"),
    "flowers102": ("300", "94.7"),
    "caltech256_15": ("100", "80.5"),
    "caltech256_30": ("100", "83.8"),
    "caltech256_45": ("50", "87.0"),
    "caltech256_60": ("50", "89.1"),
    "mit_indoor_imagenet": ("100", "82.8"),
    "mit_indoor_places": ("100", "85.8"),
    "mit_indoor_both": ("100", "85.5"),
    "cifar10": (None, "4.11"),
}
# Flags can be defined once in a process, so each recipe is read in one of its own.
READ = """
import json, sys
from sjft_tf.scripts import program, train
train.define()
program.FLAGS(sys.argv)
given = {name: program.FLAGS[name].present for name in ("target", "source")}
if not given["target"]:
    program.FLAGS.target = "folder:MY_IMAGES"
if not given["source"] and program.FLAGS.selector != "none":
    program.FLAGS.source = ["folder:LARGE_SET"]
print(json.dumps(program.config_from_flags().to_json()))
"""


def header(path):
    """The comment lines at the top, continued lines joined."""
    lines = []
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# ").rstrip())
    return "\n".join(lines).replace("\\\n", " ")


@cache
def read(path, *more):
    command = [sys.executable, "-c", READ, f"--flagfile={path}", "--workdir=run", *more]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def configuration(path):
    done = read(path)
    assert done.returncode == 0, done.stderr
    return RunConfig.from_json(json.loads(done.stdout)).validate()


@cache
def built(model, view):
    """The joint model without its weights; most recipes share one, so each is built once."""
    from sjft_tf.pipeline.stages.learning import build_model

    return build_model(replace(RunConfig(), model=replace(model, weights="none"), view=view), 3, 4)


def test_there_are_recipes():
    assert {"demo", "flowers102_few", "flowers102_small", *PAPER} <= {path.stem for path in RECIPES}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_a_valid_configuration(path):
    assert configuration(path) != RunConfig()


@pytest.mark.slow
@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipes_model_can_be_built(path):
    config = configuration(path)
    model = built(config.model, config.view)
    assert model.input_shape[1:] == (config.view.image_size, config.view.image_size, 3)


@pytest.mark.parametrize("name", [name for name in PAPER if name != "cifar10"])
def test_selective_recipes_are_the_papers(name):
    config = configuration(ROOT / "flags" / f"{name}.cfg")
    training, selection = config.training, config.selection
    assert selection.k0 == PAPER[name][0]
    assert (config.retrieval.bank, config.model.trunk, config.model.weights) == ("alexnet", "ResNet152V2", "imagenet")
    assert (training.batch_size, training.accumulate, training.max_per_class) == (10, 10, 2)
    assert (training.learning_rate, config.training.total_steps, training.rounds) == (0.01, 16000, 5)
    assert 2400 <= training.decay_steps <= 5000
    assert (training.optimizer, training.momentum, training.weight_decay) == ("sgd", 0.9, 1e-4)
    assert (selection.delta, selection.wrong_growth, selection.uncertain_growth) == (0.1, 4, 2)
    assert config.evaluation.eval_views == "dense"


def test_the_pruning_recipe_is_the_papers():
    config = configuration(ROOT / "flags" / "cifar10.cfg")
    assert (config.selection.selector, config.data.prune_target, config.prune.holdout) == ("none", True, 0.1)
    assert (config.training.optimizer, config.training.learning_rate, config.training.batch_size) == ("adam", 1e-3, 128)
    assert config.training.decay_steps * 2 == config.training.total_steps  # the rate divided by 10 at half time


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_header_tells_what_to_expect(path):
    text = header(path)
    if path.stem in PAPER:
        figure = PAPER[path.stem][1]
        assert re.search(rf"^Figure of the paper[^:]*:[^.]*\b{re.escape(figure)}\b", text, re.MULTILINE)
        assert "Not run here" in text
        assert "differences from the paper" in text
    else:
        assert "docs/evidence" in text


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_header_shows_a_command_that_names_the_recipe(path):
    commands = re.findall(r"^(?:python scripts/|sjft-)(\w+)(?:\.py)?(.*)$", header(path), re.MULTILINE)
    assert commands, f"{path.name} shows no command"
    named = [(name, rest) for name, rest in commands if f"--flagfile=flags/{path.name}" in rest.split()]
    assert named, f"no command in the header of {path.name} uses it"
    for name, rest in commands:
        assert (ROOT / "scripts" / f"{name}.py").is_file()
        if name == "train":
            flags = [word for word in rest.split() if word.startswith("--") and not word.startswith("--flagfile")]
            done = read(path, *flags)
            assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_sets_each_flag_once_and_nothing_of_this_machine(path):
    lines = [line for line in path.read_text().splitlines() if line.startswith("--")]
    names = [line.split("=")[0] for line in lines if not line.startswith(("--source", "--bank_layers"))]
    assert len(names) == len(set(names))
    assert not [line for line in lines if "=/" in line or ":/" in line or "~" in line]
    assert not [line for line in lines if line.startswith(("--workdir", "--flagfile"))]


def test_a_misspelled_setting_is_found(tmp_path):
    (tmp_path / "x.cfg").write_text("# python scripts/train.py\n--learning_rat=1\n")
    done = read(tmp_path / "x.cfg")
    assert done.returncode != 0
    assert "learning_rat" in done.stderr
