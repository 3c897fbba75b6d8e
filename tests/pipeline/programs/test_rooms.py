"""The rooms of pipeline/: a script calls the program of its own name and nothing else, and no stage knows a program."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = sorted(path.stem for path in (ROOT / "sjft_tf/pipeline/programs").glob("*.py") if path.stem != "__init__")


def pipeline_modules(path):
    """Modules of `sjft_tf.pipeline` that a file imports, without that prefix."""
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom) and node.module]
    return {
        node.module.removeprefix("sjft_tf.pipeline.") for node in nodes if node.module.startswith("sjft_tf.pipeline")
    }


def test_every_program_has_a_script_and_every_script_a_program():
    others = {"__init__", "program", "recipes", "study_run"}
    scripts = {path.stem for path in (ROOT / "scripts").glob("*.py")} - others
    assert set(PROGRAMS) == scripts


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_script_calls_its_program_and_nothing_else(name):
    assert pipeline_modules(ROOT / f"scripts/{name}.py") == {f"programs.{name}"}


@pytest.mark.parametrize("room", ["stages", "pruning", "checking", "inspection"])
def test_what_programs_are_made_of_knows_none(room):
    for path in (ROOT / "sjft_tf/pipeline" / room).glob("*.py"):
        assert not [module for module in pipeline_modules(path) if module.startswith("programs")], path
