"""A comparison that is refused leaves its whole folder as it was, names and bytes: the real look, in this process."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from sjft_tf.comparison import ComparisonSpec, pick_arms
from sjft_tf.errors import InputError
from sjft_tf.pipeline.comparing.comparison import Comparison
from sjft_tf.pipeline.studying.job_types import job_from_json
from sjft_tf.pipeline.studying.jobs import work
from sjft_tf.workdir import Workdir


def everything(root):
    """Every file below `root` but the lock, and what is in it."""
    return {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file() and p.name != ".lock"}


def launch(job, log):
    """A job in this process, with a log and an error as of a process of its own."""
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("opening\n")
    try:
        work(job_from_json(json.loads(json.dumps(job.to_json()))))
    except InputError as error:
        return f"{error} (status 2; all of its output: {log})"
    return ""


def plan(asked, workdir):
    with workdir.locked():
        return list(Comparison(asked, workdir, launch).plan())


@pytest.fixture(scope="module")
def begun(config, world, tmp_path_factory):
    """What was asked, the workdir of the comparison begun with it, and a folder for other images."""
    root = tmp_path_factory.mktemp("compare")
    for name in ("target", "source"):
        shutil.copytree(world / name, root / name)
    shutil.copy(world / "target/train/a/0.png", root / "source/class 0/leak.png")
    config = config.replace(
        "data", target=f"folder:{root / 'target'}", source=[f"folder:{root / 'source'}"], exclude_leaks=True
    )
    asked = ComparisonSpec(
        config, tuple(pick_arms(["fine-tune", "selective"])), seeds=(0,), rates=(0.01,), weights=(0.5,)
    )
    workdir = Workdir(root / "run")
    plan(asked, workdir)
    assert {"sets.json", "source-kept.json", "leaks.csv", "log.txt"} <= {
        p.name for p in (root / "run/shared").iterdir()
    }
    return asked, workdir, root


def others(asked, root):
    """What else may be asked for in the same folder, by what differs, with a word of what is said."""
    base = asked.base
    return {
        "target": (replace(asked, base=base.replace("data", target=f"folder:{root / 'other'}")), "target: "),
        "source": (replace(asked, base=base.replace("data", source=[f"folder:{root / 'more'}"])), "source: "),
        "no images": (replace(asked, base=base.replace("data", target=f"folder:{root / 'none'}")), "none"),
        "settings": (replace(asked, base=base.replace("training", batch_size=5)), "batch_size: "),
    }


@pytest.mark.parametrize("change", ["target", "source", "no images", "settings"])
def test_a_refused_comparison_changes_nothing(begun, change, tmp_path, monkeypatch):
    asked, workdir, root = begun
    for name, there, less in (("other", "target", "train/a/1.png"), ("more", "source", "class 1/0.png")):
        if not (root / name).exists():
            shutil.copytree(root / there, root / name)
            (root / name / less).unlink()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    other, told = others(asked, root)[change]
    before = everything(workdir.root)
    with pytest.raises(InputError) as error:
        plan(other, workdir)
    assert everything(workdir.root) == before
    assert told in str(error.value)
    assert ("is in this one stays as it is" in str(error.value)) == (change != "no images")
    if change != "settings":  # its log is where the message says
        assert Path(str(error.value).rpartition("output: ")[2].rstrip(")")).read_text() == "opening\n"


def test_the_same_comparison_goes_on_and_leaves_nothing_elsewhere(begun, tmp_path, monkeypatch):
    asked, workdir, _ = begun
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = everything(workdir.root)
    plan(asked, workdir)
    after = everything(workdir.root)
    assert {str(p) for p in before.keys() | after.keys() if before.get(p) != after.get(p)} <= {"shared/times.json"}
    assert not list(tmp_path.iterdir())
