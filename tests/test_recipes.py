"""A recipe in every program: what only other programs have is passed over, what nobody has is refused."""

import dataclasses
import importlib
from pathlib import Path

import pytest
from absl import flags
from sjft_tf.scripts import program
from sjft_tf.scripts.recipes import OWN_FLAGS, read_recipes, recipe_arguments

from sjft_tf.config import RunConfig

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = sorted(p.stem for p in (ROOT / "scripts").glob("*.py") if p.stem not in ("__init__", "program", "recipes"))
SETTINGS = {item.name for section in RunConfig().sections() for item in dataclasses.fields(section)}


@pytest.fixture
def defined(monkeypatch):
    """The flags of a program, apart from those of this process."""

    def of(name):
        own = flags.FlagValues()
        with monkeypatch.context() as patch:
            patch.setattr(program, "FLAGS", own)
            for kind in ("bool", "integer", "float", "string", "enum", "list", "multi_string"):
                define = getattr(flags, f"DEFINE_{kind}")
                patch.setattr(flags, f"DEFINE_{kind}", lambda *a, define=define, **k: define(*a, flag_values=own, **k))
            importlib.import_module(f"sjft_tf.scripts.{name}").define()
        return own

    return of


def test_the_flags_of_all_programs_are_known(defined):
    assert {name for one in PROGRAMS for name in defined(one)} - SETTINGS == OWN_FLAGS - {"raw_csv"}


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_recipe_goes_with_every_program(defined, name, capsys):
    own = defined(name)
    for recipe in sorted((ROOT / "flags").glob("*.cfg")):
        arguments = read_recipes([f"--flagfile={recipe}"], own)
        assert all(line.lstrip("-").partition("=")[0].removeprefix("no") in own for line in arguments), recipe
        own.unparse_flags()
        own(["x", *arguments, *(["--workdir=run"] if "workdir" in own else [])])
    have_all = ("train", "advise", "compare", "demo", "factors")
    assert ("passed over" in capsys.readouterr().err) == (name not in have_all)


def test_what_is_passed_over(defined, tmp_path, capsys):
    recipe = tmp_path / "x.cfg"
    recipe.write_text(
        "# a comment\n--trunk=preact_resnet\n--noaudit\n--seeds\n0,1\n--eval_views=dense\n--no_such=1\n--top_k\n3\n"
    )
    own = defined("predict")
    arguments = read_recipes(["--images=a", f"--flagfile={recipe}", "--top_k=2"], own)
    assert arguments == ["--images=a", "--eval_views=dense", "--no_such=1", "--top_k", "3", "--top_k=2"]
    assert f"{recipe}: 3 flag(s) of other programs passed over (--trunk, --noaudit, --seeds)" in capsys.readouterr().err
    with pytest.raises(flags.UnrecognizedFlagError, match="no_such"):
        own(["predict", *arguments])


def test_what_is_no_recipe_is_left_to_absl(defined, tmp_path):
    own = defined("predict")
    for arguments in ([f"--flagfile={tmp_path}"], ["--trunk=x"], ["--flagfile="], ["--", "--flagfile=x"]):
        assert read_recipes(arguments, own) == arguments
    (found,) = recipe_arguments(["--flagfile", "elsewhere/demo.cfg"])
    assert Path(found.partition("=")[2]).samefile(ROOT / "flags" / "demo.cfg")
