"""Every recipe in flags/: its settings are valid, and its header shows the command that uses it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sjft_tf.training.config import RunConfig

ROOT = Path(__file__).resolve().parent.parent
RECIPES = sorted((ROOT / "flags").glob("*.cfg"))
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


def read(path, *more):
    command = [sys.executable, "-c", READ, f"--flagfile={path}", "--workdir=run", *more]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_there_are_recipes():
    assert {"demo", "flowers102_small"} <= {path.stem for path in RECIPES}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_a_valid_configuration(path):
    done = read(path)
    assert done.returncode == 0, done.stderr
    config = RunConfig.from_json(json.loads(done.stdout)).validate()
    assert config != RunConfig()


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
