"""A refused start leaves the records of a finished run as they were."""

import shutil
from dataclasses import replace

import pytest

from sjft_tf.artifacts import ArtifactMismatch
from sjft_tf.pipeline import commands
from sjft_tf.workdir import Workdir


def kept(workdir):
    """What export and evaluate read of a run."""
    paths = [p for p in workdir.root.rglob("*") if p.is_file() and p.is_relative_to(workdir.rounds)]
    paths += [workdir.config, workdir.classes, workdir.metrics, workdir.trunk]
    return {p: p.read_bytes() for p in paths}


def test_a_refused_start_leaves_a_finished_run_as_it_was(config, world, tmp_path):
    workdir = Workdir(tmp_path / "run")
    config = replace(
        config,
        data=replace(config.data, source=[]),
        selection=replace(config.selection, selector="none"),
        training=replace(config.training, rounds=1, steps_per_round=1),
    )
    commands.run(config, workdir, saved_model=False)
    workdir.trunk.write_bytes(b"")
    before = kept(workdir)
    # One class more; other names for the same classes; another test set; other settings.
    more, named, tested = (tmp_path / name for name in ("more", "named", "tested"))
    for folder in (more, named, tested):
        shutil.copytree(world / "target", folder)
    for split in ("train", "val", "test"):
        shutil.copytree(world / "source" / "class 0", more / split / "d")
        (named / split / "a").rename(named / split / "x")
    for path in more.rglob("d/*.png"):
        path.write_bytes(path.read_bytes() + str(path.parent.parent).encode())
    (tested / "test" / "a" / "0.png").unlink()
    others = [replace(config, data=replace(config.data, target=f"folder:{folder}")) for folder in (more, named, tested)]
    others.append(replace(config, training=replace(config.training, learning_rate=0.5)))
    for other in others:
        with pytest.raises(ArtifactMismatch):
            commands.run(other, workdir, saved_model=False)
        assert kept(workdir) == before
    assert commands.restore(workdir, 0)[2] == ["a", "b", "c"]
