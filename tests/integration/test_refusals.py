"""A refused command leaves the whole workdir of a finished run as it was, names and bytes."""

import shutil
from dataclasses import replace

import pytest

from sjft_tf.artifacts import read_json, write_json
from sjft_tf.errors import InputError
from sjft_tf.pipeline.finished_run import restore
from sjft_tf.pipeline.programs.audit import audit
from sjft_tf.pipeline.programs.evaluate import EvaluationRequest, evaluate
from sjft_tf.pipeline.programs.export import ExportRequest, export
from sjft_tf.pipeline.programs.extract import extract
from sjft_tf.pipeline.programs.prune import prune
from sjft_tf.pipeline.programs.retrieve import retrieve
from sjft_tf.pipeline.programs.train import train
from sjft_tf.workdir import Workdir


def everything(root):
    """Every file below `root` but the lock, and what is in it."""
    return {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file() and p.name != ".lock"}


@pytest.fixture(scope="module")
def finished(config, world, tmp_path_factory):
    """Settings and workdir of a run that pruned, audited, borrowed and trained; folders of other images."""
    root = tmp_path_factory.mktemp("refusals")
    config = replace(
        config.replace("data", prune_target=True, source=[f"folder:{world / 'source'}"]),
        training=replace(config.training, rounds=1, steps_per_round=1),
    )
    workdir = Workdir(root / "run")
    with workdir.locked():
        train(config, workdir)
    more, named, tested, source = (root / name for name in ("more", "named", "tested", "source"))
    for folder in (more, named, tested):
        shutil.copytree(world / "target", folder)
    shutil.copytree(world / "source", source)
    for split in ("train", "val", "test"):
        shutil.copytree(world / "source" / "class 0", more / split / "d")
        (named / split / "a").rename(named / split / "x")
    for path in more.rglob("d/*.png"):
        path.write_bytes(path.read_bytes() + str(path.parent.parent).encode())
    (tested / "test" / "a" / "0.png").unlink()
    (source / "class 0" / "0.png").unlink()
    return config, workdir, root


def others(config, root):
    """Settings of which a run is another one, by what differs."""
    return {
        "one class more": config.replace("data", target=f"folder:{root / 'more'}"),
        "renamed classes": config.replace("data", target=f"folder:{root / 'named'}"),
        "other test set": config.replace("data", target=f"folder:{root / 'tested'}"),
        "other source": config.replace("data", source=[f"folder:{root / 'source'}"]),
        "other settings": config.replace("training", learning_rate=0.5),
        "other table": config.replace("retrieval", bins=9),
        "other pruning": config.replace("prune", drop_share=0.4),
        "no audit": config.replace("data", target=f"folder:{root / 'more'}", audit=False),
    }


PROGRAMS = {
    "train": lambda config, workdir: train(config, workdir),
    "retrieve": lambda config, workdir: retrieve(config, workdir),
    "audit": lambda config, workdir: audit(config, workdir),
    "prune": lambda config, workdir: list(prune(config, workdir)),
    "extract": lambda config, workdir: extract(config, workdir),
}
REFUSED = {
    "train": [
        *("one class more", "renamed classes", "other test set", "other source", "other settings", "other table"),
        *("other pruning", "no audit"),
    ],
    "retrieve": ["one class more", "renamed classes", "other test set", "other source", "other table"],
    "audit": ["one class more", "other test set", "other source"],
    "prune": ["one class more", "renamed classes", "other pruning"],
    "extract": ["one class more", "renamed classes", "other table"],
}


@pytest.mark.parametrize(("program", "change"), [(p, change) for p, changes in REFUSED.items() for change in changes])
def test_a_refused_program_changes_nothing(finished, program, change):
    config, workdir, root = finished
    before = everything(workdir.root)
    with workdir.locked(), pytest.raises(InputError) as error:
        PROGRAMS[program](others(config, root)[change], workdir)
    assert everything(workdir.root) == before
    assert "--workdir" in str(error.value)
    assert "sjft-tmp" not in str(error.value)
    assert "remove the file" not in str(error.value) or "rounds" not in str(error.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda run, root: list(export(run, ExportRequest(7))),
        lambda run, root: list(export(run, ExportRequest(0, str(root / "source")))),
        lambda run, root: list(evaluate(run, EvaluationRequest(number=7))),
        lambda run, root: list(evaluate(run, EvaluationRequest(images=f"folder:{root / 'more'}#test"))),
        lambda run, root: list(evaluate(run, EvaluationRequest(fuse_with=[str(root / "source")]))),
    ],
)
def test_programs_that_read_a_run_change_nothing_when_they_refuse(finished, call):
    _, workdir, root = finished
    before, beside = everything(workdir.root), everything(root / "source")
    with pytest.raises(InputError):
        call(workdir, root)
    assert everything(workdir.root) == before
    assert everything(root / "source") == beside


def test_the_same_command_after_all_refusals_changes_nothing_that_counts(finished):
    config, workdir, _ = finished
    before = everything(workdir.root)
    with workdir.locked():
        train(config, workdir)
    after = everything(workdir.root)
    changed = {str(path) for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert not {name for name in changed if not name.startswith(("logs/", "times.json"))}


@pytest.mark.parametrize(
    ("folder", "message"),
    [("more", "classes added: d"), ("named", "classes added: x; classes removed: a"), ("tested", "test images ('")],
)
def test_evaluate_says_which_images_changed_and_removes_nothing(finished, tmp_path, folder, message):
    config, workdir, root = finished
    # The run as it would be if its images had been changed where they lie.
    run = Workdir(shutil.copytree(workdir.root, tmp_path / "run"))
    run.write_config(config.replace("data", target=f"folder:{root / folder}"))
    before = everything(run.root)
    with pytest.raises(InputError) as error:
        list(evaluate(run, EvaluationRequest()))
    assert message in str(error.value)
    assert "emove" not in str(error.value).replace("removed: a", "")
    assert everything(run.root) == before


def test_evaluate_scores_unchanged_test_images_and_tells_of_the_others(finished, tmp_path, world, caplog):
    config, workdir, _ = finished
    shutil.copytree(world / "target", tmp_path / "target")
    (tmp_path / "target" / "val" / "a" / "0.png").unlink()
    run = Workdir(shutil.copytree(workdir.root, tmp_path / "run"))
    run.write_config(config.replace("data", target=f"folder:{tmp_path / 'target'}"))
    before = everything(run.root)
    (line, *_) = evaluate(run, EvaluationRequest())
    assert line.startswith("round 1 on ")
    assert "validation images ('" in caplog.text
    assert "test images ('" not in caplog.text
    assert everything(run.root) == before


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_whole_rounds_are_never_to_be_removed(finished, tmp_path):
    _, workdir, _ = finished
    run = Workdir(shutil.copytree(workdir.root, tmp_path / "run"))
    classes = read_json(run.classes)
    write_json(run.classes, classes | {"target": [*classes["target"], "d"]})
    with pytest.raises(InputError, match="are whole.*Keep them"):
        restore(run, 0)


def test_a_run_of_other_classes_is_refused_by_their_names(finished):
    config, workdir, root = finished
    with workdir.locked(), pytest.raises(InputError, match="classes added: d"):
        train(others(config, root)["one class more"], workdir)
