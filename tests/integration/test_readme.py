"""README and guides are true: their commands run, and every target, program, flag and link they name exists."""

import re
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DOCUMENTS = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
# Guides whose commands are run after the README's, in the folder it leaves: some use its runs.
GUIDES = [
    ROOT / "docs" / f"{name}.md"
    for name in (
        *("recipes", "devices", "serving", "reports", "comparing", "studies", "factors", "retrieval", "influence"),
        *("image-sets", "probing", "patches", "cluster"),
    )
]
PROGRAMS = sorted(p.stem for p in (ROOT / "scripts").glob("*.py") if p.stem not in ("__init__", "program", "recipes"))
# Flags of absl, of our own pytest options and of benchmarks, which the text may name too.
BENCHMARK_FLAGS = {
    name for path in (ROOT / "benchmarks").glob("*.py") for name in re.findall(r"\"--(\w+)\"", path.read_text())
}
OTHER_FLAGS = {"flagfile", "help", "helpfull"}
DASK_FLAGS = {"scheduler", "nthreads", "nworkers", "memory"}
PROSE_FLAGS = {*OTHER_FLAGS, *BENCHMARK_FLAGS, *DASK_FLAGS, "slow", "large", "fuzz"}
# Appended to every command as far as the program knows them, so that it ends in seconds.
TINY = {
    **{"image_size": 16, "resize": 16, "resize_max": 0, "pad": 2, "descriptor_resize": 16, "descriptor_crop": 16},
    **{"bank": "gabor", "bins": 8, "k0": 3, "max_neighbors": 20, "trunk": "preact_resnet", "weights": "none"},
    **{"depth": 8, "width": 4, "rounds": 2, "steps_per_round": 2, "batch_size": 6, "eval_batch_size": 64},
    **{"steps_per_execution": 1, "warmup_steps": 0, "seeds": 1},
    **{"patch_scales": 6, "hidden_units": 8, "head_steps": 5, "heat_pictures": 1},
    **{"arms": "fine-tune,rounds", "rates": 0.01, "source_weights": 0.5},
}


def without_blocks(text: str) -> str:
    """The text outside of ``` blocks."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def command_lines(text: str) -> list[str]:
    """The lines of all ```bash blocks, continued lines joined, without prompts, comments and blank lines."""
    lines = []
    for block in re.findall(r"^```(?:bash|sh|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words:
                lines.append(shlex.join(words))
    return lines


def program_of(line: str) -> tuple[str, list[str]] | None:
    """`(program, arguments)` of `python scripts/X.py ...` or `sjft-X ...`; None for other commands."""
    words = shlex.split(line)
    if words[0] in ("python", "python3") and len(words) > 1 and words[1].startswith("scripts/"):
        return words[1].removeprefix("scripts/").removesuffix(".py"), words[2:]
    if words[0].startswith("sjft-"):
        return words[0].removeprefix("sjft-"), words[1:]
    return None


def program_commands(text: str) -> list[tuple[str, list[str]]]:
    """All commands that start one of our programs; a README without any is useless."""
    commands = [command for line in command_lines(text) if (command := program_of(line))]
    assert commands, "the text has no ```bash block with a line that starts `python scripts/` or `sjft-`"
    return commands


@cache
def flags_of(program: str) -> frozenset[str]:
    """The flags a program lists in its help; boolean ones with and without `no`."""
    command = [sys.executable, "-m", f"sjft_tf.scripts.{program}", "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.findall(r"^\s+-(?:-|\w,--)(\[no\])?(\w+):", text, re.MULTILINE)
    return frozenset(prefix + name for no, name in found for prefix in ({"", "no"} if no else {""}))


def wrong_programs(text: str) -> set[str]:
    """Scripts and installed commands the text names that do not exist."""
    named = set(re.findall(r"\bscripts/(\w+)\.py\b", text)) | set(re.findall(r"(?<!\.)\bsjft-(\w+)", text))
    return {name for name in named if not (ROOT / "scripts" / f"{name}.py").is_file()}


def wrong_targets(text: str) -> set[str]:
    """Words after `make` (in code) that are no target of the Makefile."""
    words = set()
    for line in [*command_lines(text), *re.findall(r"`([^`\n]+)`", without_blocks(text))]:
        for after in re.findall(r"\bmake ([^;&|]+)", line):
            words |= {word for word in after.split() if "=" not in word and not word.startswith("-")}
    makefile = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    return words - set(phony.split())


def wrong_flags(text: str) -> set[str]:
    """`PROGRAM --flag` for flags on a command line the program has not, `--flag` for others that none has."""
    wrong = set()
    for line in command_lines(text):
        if (command := program_of(line)) and command[0] in PROGRAMS:
            names = {re.split("=", word.lstrip("-"))[0] for word in command[1] if word.startswith("-")}
            wrong |= {f"{command[0]} --{name}" for name in names - flags_of(command[0]) - OTHER_FLAGS}
    # In running text a flag may be of any of them; the commands of other tools stand in blocks.
    prose = re.findall(r"`([^`]+)`", without_blocks(text))
    spans = [span for span in prose if not span.startswith(("pip ", "git ", "tensorboard"))]
    named = {name for span in spans for name in re.findall(r"(?<![\w-])--(\w+)", span)}
    every = frozenset().union(*(flags_of(program) for program in PROGRAMS), PROSE_FLAGS)
    return wrong | {f"--{name}" for name in named - every}


def dead_links(path: Path, text: str) -> set[str]:
    """Relative links and picture sources that lead nowhere."""
    text = re.sub(r"`[^`\n]*`", "", without_blocks(text))
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"(?:src|href)=\"([^\"]+)\"", text)
    targets = {link.split("#")[0] for link in links if not re.match(r"[a-z]+:", link)}
    return {target for target in targets if target and not (path.parent / target).exists()}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_names_exists(path):
    text = path.read_text()
    assert dead_links(path, text) == set()
    assert wrong_targets(text) == set()
    assert wrong_programs(text) == set()
    assert wrong_flags(text) == set()


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.name)
def test_a_guide_has_commands(path):
    assert program_commands(path.read_text())


def test_the_readme_has_the_commands_and_they_have_their_flags():
    text = README.read_text()
    commands = program_commands(text)
    assert "train" in {name for name, _ in commands}
    assert {"make demo", "make test"} <= set(command_lines(text))
    assert wrong_flags(text) == set()


def test_help_is_understood():
    assert {"target", "source", "mirror", "nomirror", "k0", "workdir"} <= flags_of("train")
    assert "trunk" not in flags_of("extract")
    assert {"images", "output"} <= flags_of("evaluate")


SMALL_README = """
# A small README

Run `make demo` or `make tset`, see [here](README.md), [nowhere](no/such.md#part), [far](https://example.org/x.md).

```bash
make test STACK=addons      # a comment
sjft-train --target=folder:MY_IMAGES --source=folder:LARGE_SET --workdir=runs/small \\
    --nomirror
python scripts/predict.py --workdir=runs/small --images=NEW_IMAGES --output=answers.csv
pip install --no-deps .
```

`scripts/trian.py` and `sjft-demo` know `--k_zero=3` and `--k0=3 --nomirror`.

```python
make nothing
```
"""


def test_the_checks_find_what_is_wrong(tmp_path):
    text = SMALL_README
    path = tmp_path / "README.md"
    path.write_text(text)
    assert [name for name, _ in program_commands(text)] == ["train", "predict"]
    assert program_commands(text)[0][1][-1] == "--nomirror"
    assert dead_links(path, text) == {"no/such.md"}
    assert wrong_targets(text) == {"tset"}
    assert wrong_programs(text) == {"trian"}
    assert wrong_flags(text) == {"--k_zero"}
    assert wrong_flags(text.replace("--output=", "--bins=")) == {"--k_zero", "predict --bins"}
    for empty in ("", "# Title\n", "```bash\nmake demo\n```\n", "python scripts/train.py\n"):
        with pytest.raises(AssertionError, match="has no ```bash block"):
            program_commands(empty)


def _several_labels(images: Path, folder: Path) -> None:
    """The images of folders of classes in one, with a table: every second one is of class `a` too."""
    folder.mkdir()
    lines = ["path,label"]
    for number, path in enumerate(sorted(images.rglob("*.png"))):
        shutil.copy(path, folder / f"{number}.png")
        also = "|a" if number % 2 else ""
        lines.append(f"{number}.png,{path.parent.name}{also}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")


def run_commands(text: str, world: Path, folder: Path, forked) -> list[str]:
    """Runs all program commands of `text` in `folder`, with small images under the names it uses; their outputs."""
    shutil.copytree(world / "target", folder / "MY_IMAGES")
    shutil.copytree(world / "target" / "test", folder / "NEW_IMAGES")
    shutil.copytree(world / "source", folder / "LARGE_SET")
    _several_labels(world / "target" / "train", folder / "MY_SCENES")
    outputs = []
    # What README and guides both show is run once.
    for line in dict.fromkeys(shlex.join((name, *arguments)) for name, arguments in program_commands(text)):
        name, *arguments = shlex.split(line)
        kept = [word for word in arguments if not word.startswith("--bank")]
        tiny = [f"--{flag}={value}" for flag, value in TINY.items() if flag in flags_of(name)]
        # With these few images auto would take nothing, and there would be nothing of what the text goes on with.
        if "selector" in flags_of(name) and not any(word.startswith("--selector=") for word in arguments):
            tiny.append("--selector=nearest")
        done = forked(name, *kept, *tiny, check=False, cwd=folder)
        assert done.returncode == 0, f"{name} {shlex.join(arguments)}\n{done.stdout}{done.stderr}"
        outputs.append(done.stdout)
    return outputs


@pytest.mark.slow
def test_a_small_readmes_commands_run(world, tmp_path, forked):
    trained, predicted = run_commands(SMALL_README, world, tmp_path, forked)
    assert "model: runs/small/saved_model" in trained
    assert "9 images answered" in predicted
    broken = "```bash\nsjft-predict --workdir=runs/none --images=NEW_IMAGES\n```"
    with pytest.raises(
        AssertionError, match=r"^predict --workdir=runs/none --images=NEW_IMAGES\n(.*\n)*  error: There is no"
    ):
        run_commands(broken, world, tmp_path / "again", forked)


@pytest.mark.slow
def test_the_readmes_and_the_guides_commands_run(world, tmp_path, forked):
    run_commands("\n".join(path.read_text() for path in (README, *GUIDES)), world, tmp_path, forked)
