"""A built wheel works where there is no checkout: commands, recipes and a small run."""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from sjft_tf.artifacts import read_json

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    *("train", "extract", "retrieve", "evaluate", "export", "predict"),
    *("audit", "prune", "compare", "report", "advise", "demo", "probe"),
)


def run(*command, cwd, check=True):
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, because setuptools leaves its build folder beside setup.py."""
    for name in ("pip", "setuptools"):
        # Not find_spec: setuptools takes the question for an import, and warns when distutils was there first.
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            pytest.skip(f"{name} is not installed here, and building a wheel needs it")
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("sjft_tf", "scripts", "flags", "tests"):
        shutil.copytree(ROOT / name, folder / "copy" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "copy")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run(*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, "copy/", cwd=folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The bin folder of an environment with the wheel; the dependencies are seen where the tests see them."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=environment)
    # Folders named in a .pth file are searched, but .pth files in them are not read: no editable install is seen.
    libraries = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (site,) = (environment / "lib").glob("python*/site-packages")
    (site / "libraries.pth").write_text("\n".join(libraries) + "\n")
    return environment / "bin"


def test_what_is_inside(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"sjft_tf"}
    assert not [name for name in names if "test" in name]
    recipes = {f"sjft_tf/flags/{path.name}" for path in (ROOT / "flags").glob("*.cfg")}
    assert len(recipes) >= 2
    assert recipes <= set(names)
    templates = {f"sjft_tf/report/templates/{p.name}" for p in (ROOT / "sjft_tf" / "report" / "templates").iterdir()}
    assert len(templates) >= 4
    assert templates <= set(names)
    modules = {f"sjft_tf/{path.relative_to(ROOT / 'sjft_tf')}" for path in (ROOT / "sjft_tf").rglob("*.py")}
    modules |= {f"sjft_tf/scripts/{path.name}" for path in (ROOT / "scripts").glob("*.py")}
    assert modules == {name for name in names if name.endswith(".py")}


def test_the_commands_are_there_and_come_from_the_wheel(installed, tmp_path):
    code = "import sjft_tf.scripts, sjft_tf; print(sjft_tf.__file__); print(sjft_tf.scripts.__file__)"
    for line in run(installed / "python", "-c", code, cwd=tmp_path).stdout.split():
        assert Path(line).is_relative_to(installed.parent)
    for name in COMMANDS:
        done = run(installed / f"sjft-{name}", "--help", cwd=tmp_path, check=False)
        assert done.returncode in (0, 1)
        assert "--workdir" in done.stdout, done.stderr


def test_a_small_run_with_a_recipe_outside_the_checkout(installed, world, tmp_path):
    done = run(
        *(installed / "sjft-train", "--flagfile=flags/demo.cfg", "--workdir=run", f"--target=folder:{world}/target"),
        *(f"--source=folder:{world}/source", "--rounds=1", "--steps_per_round=2", "--steps_per_execution=1"),
        *("--batch_size=6", "--width=4", "--bins=8", "--selector=none"),
        cwd=tmp_path,
    )
    assert "test: top-1" in done.stdout
    settings = read_json(tmp_path / "run" / "config.json")
    assert (settings["config"]["model"]["trunk"], settings["config"]["model"]["width"]) == ("preact_resnet", 4)
    assert settings["config"]["view"]["image_size"] == 16  # the recipe's
    assert settings["revision"] is None
    done = run(installed / "sjft-predict", "--workdir=run", f"--images={world}/target/test", cwd=tmp_path)
    assert len(done.stdout.splitlines()) == 1 + 9  # header, answers: the devices are on standard error
    run(installed / "sjft-report", "--workdir=run", cwd=tmp_path)
    assert "<h2>Summary</h2>" in (tmp_path / "run" / "report.html").read_text()
