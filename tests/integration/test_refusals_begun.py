"""A refused command leaves a run or a search that was broken off as it is, names and bytes."""

import shutil
from dataclasses import replace

import pytest

from sjft_tf.artifacts import ArtifactMismatch, partial_folder
from sjft_tf.errors import InputError, Stopped
from sjft_tf.pipeline.programs.retrieve import retrieve
from sjft_tf.pipeline.programs.train import train
from sjft_tf.retrieval import NeighborTable, SearchCheckpoint
from sjft_tf.training import StopRequest, finished_rounds
from sjft_tf.workdir import Workdir


def everything(root):
    """Every file below `root` but the lock, and what is in it."""
    return {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file() and p.name != ".lock"}


def refused(call, config, workdir, error=ArtifactMismatch):
    """What is said; nothing below the workdir changes."""
    before = everything(workdir.root)
    with workdir.locked(), pytest.raises(error) as raised:
        call(config, workdir)
    after = everything(workdir.root)
    assert {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)} == set()
    assert "sjft-tmp" not in str(raised.value)
    return str(raised.value)


@pytest.fixture(scope="module")
def elsewhere(world, tmp_path_factory):
    """Folders of other images: `target`, an image less; `named`, another class name; `source`, an image less."""
    root = tmp_path_factory.mktemp("others")
    for name in ("target", "named"):
        shutil.copytree(world / "target", root / name)
    shutil.copytree(world / "source", root / "source")
    (root / "target" / "train" / "a" / "0.png").unlink()
    for split in ("train", "val", "test"):
        (root / "named" / split / "a").rename(root / "named" / split / "x")
    (root / "source" / "class 0" / "0.png").unlink()
    return root


@pytest.fixture(scope="module")
def begun(config, tmp_path_factory):
    """Settings and workdir of a run that was ended after the first step of its first round, without any table."""
    config = config.replace("selection", selector="all").replace("training", rounds=1, steps_per_round=3)
    workdir = Workdir(tmp_path_factory.mktemp("begun") / "run")
    stop = StopRequest()
    stop.made = True
    with workdir.locked(), pytest.raises(Stopped):
        train(config, workdir, stop)
    assert workdir.checkpoints.is_dir()
    assert not finished_rounds(workdir.rounds)
    return config, workdir


@pytest.mark.parametrize(
    ("name", "message"),
    [("target", "target images: "), ("named", "classes added: x; classes removed: a"), ("source", "source images: ")],
)
def test_a_stopped_run_stays_when_other_images_are_named(begun, elsewhere, name, message):
    config, workdir = begun
    folder = f"folder:{elsewhere / name}"
    other = config.replace("data", source=[folder]) if name == "source" else config.replace("data", target=folder)
    said = refused(train, other, workdir)
    assert message in said
    assert "Choose another --workdir; what is in this one stays as it is." in said


def test_a_stopped_run_stays_when_another_aspect_ratio_is_asked_for(begun):
    config, workdir = begun
    said = refused(train, config.replace("data", aspect_ratio="pad"), workdir)
    assert "aspect_ratio: 'squash' there, 'pad' asked for" in said


def test_a_stopped_run_stays_when_its_checkpoint_is_damaged(begun, elsewhere, tmp_path):
    config, workdir = begun
    run = Workdir(shutil.copytree(workdir.root, tmp_path / "run"))
    (state,) = run.checkpoints.glob("*/state.npz")
    state.write_bytes(state.read_bytes()[:-40])
    other = config.replace("data", source=[f"folder:{elsewhere / 'source'}"])
    assert "is damaged" in refused(train, other, run, InputError)


class PowerCut(BaseException):
    pass


@pytest.fixture(scope="module", params=["lists", "lists alone", "partial store", "whole store", "features"])
def searched(request, config, tmp_path_factory):
    """Settings and workdir of a retrieval that was killed, without an audit: by what it has left."""
    kind, saved = request.param, SearchCheckpoint.save
    retrieval = replace(config.retrieval, checkpoint_images=1, keep_descriptors="store" in kind)
    if kind == "features":
        retrieval = replace(retrieval, bank="features")
    config, workdir = replace(config, retrieval=retrieval), Workdir(tmp_path_factory.mktemp("searched") / "run")

    def cut(*given):
        if isinstance(given[0], SearchCheckpoint):
            saved(*given)
        raise PowerCut

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(*((NeighborTable, "save") if kind == "whole store" else (SearchCheckpoint, "save")), cut)
        with workdir.locked(), pytest.raises(PowerCut):
            retrieve(config.replace("data", audit=False), workdir)
    if "store" in kind:
        workdir.search.unlink()
    if kind == "lists alone":
        workdir.edges.unlink()
    left = {path.name for path in (workdir.search, workdir.descriptors, partial_folder(workdir.descriptors))}
    stays = {"partial store": "descriptors-source.partial", "whole store": "descriptors-source"}.get(kind, "search.npz")
    assert left & {path.name for path in workdir.root.iterdir()} == {stays}
    return config, workdir


@pytest.mark.parametrize("call", [train, retrieve])
def test_a_search_that_was_broken_off_stays(searched, elsewhere, call):
    config, workdir = searched
    assert "source: " in refused(call, config.replace("data", source=[f"folder:{elsewhere / 'source'}"]), workdir)


def test_a_search_that_was_broken_off_goes_on_after_all(searched, tmp_path):
    config, workdir = searched
    run = Workdir(shutil.copytree(workdir.root, tmp_path / "run"))
    with run.locked():
        retrieve(config, run)
    assert run.neighbors.is_file()
