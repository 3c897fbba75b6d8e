"""The audit in a run: the program, the warning of training and retrieval, leaving leaks out, and reuse."""

import csv
import json
import logging
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from sjft_tf.artifacts import ArtifactMismatch, read_json
from sjft_tf.comparison import ARMS, ComparisonSpec, Point, Trial
from sjft_tf.errors import InputError
from sjft_tf.pipeline.programs.audit import audit
from sjft_tf.pipeline.programs.retrieve import retrieve
from sjft_tf.pipeline.programs.train import train
from sjft_tf.pipeline.stages import audit as stage
from sjft_tf.pipeline.studying.job_types import LookJob
from sjft_tf.pipeline.studying.jobs import look
from sjft_tf.retrieval import NeighborTable
from sjft_tf.run_sets import open_sets
from sjft_tf.study import SetsSummary
from sjft_tf.workdir import Workdir


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Folders target/{train,val,test}/{a,b} and source/{x,y} of 32 px; three source images are the target's."""
    root, rng = tmp_path_factory.mktemp("leaky"), np.random.default_rng(0)
    waves = ndimage.gaussian_filter(rng.normal(size=(26, 32, 32, 3)), (0, 2, 2, 0))
    images = [Image.fromarray(i) for i in np.clip(128 + 400 * waves, 0, 255).astype(np.uint8)]
    names = [f"target/{split}/{c}/{i}.png" for split in ("train", "val", "test") for c in "ab" for i in range(2)]
    names += [f"source/{c}/{i}.png" for c in "xy" for i in range(7)]
    for image, name in zip(images, names, strict=True):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        image.save(root / name)
    shutil.copy(root / "target/test/a/0.png", root / "source/x/equal.png")
    Image.open(root / "target/test/b/1.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(
        root / "source/y/mirrored.jpg", quality=90
    )
    Image.open(root / "target/train/a/1.png").save(root / "source/y/again.jpg", quality=70)
    return root


LEAKS = {
    ("x/equal.png", "test", "test/a/0.png", "identical"),
    ("y/again.jpg", "training", "train/a/1.png", "near"),
    ("y/mirrored.jpg", "test", "test/b/1.png", "near"),
}


@pytest.fixture
def leaky(pictures, config):
    folders = {"target": f"folder:{pictures}/target", "source": [f"folder:{pictures}/source"]}
    return config.replace("data", **folders).validate()


@pytest.fixture
def workdir(tmp_path):
    return Workdir(tmp_path / "run")


def listed(workdir):
    with open(workdir.leaks_csv, newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert all(0.75 <= float(row["score"]) <= 1 for row in rows)
    return {(row["source_id"], row["role"], row["target_id"], row["kind"]) for row in rows}


def times(workdir):
    return [p.stat().st_mtime_ns for p in (workdir.leaks, workdir.leaks_csv, workdir.leaks_picture)]


def test_the_program_lists_and_shows_what_it_found(forked, pictures, tmp_path):
    sets = [f"--target=folder:{pictures}/target", f"--source=folder:{pictures}/source"]
    run = Workdir(tmp_path / "run")
    done = forked("audit", *sets, f"--workdir={run.root}")
    lines = [line.strip() for line in done.stdout.splitlines()[1:]]
    assert [line.partition(":")[0] for line in lines[:4]] == ["target", "validation", "test", "source"]  # when opened
    assert lines[4:] == [
        "test: 2 of 17 source images show one of the 4 test images, 1 of them byte-identical",
        "validation: 0 of 17 source images show one of the 4 validation images, 0 of them byte-identical",
        "training: 1 of 17 source images show one of the 4 training images, 0 of them byte-identical",
        f"list: {run.leaks_csv}",
        f"picture: {run.leaks_picture}",
        "validation: 0 of 4 training images show one of the 4 validation images, 0 of them byte-identical",
        "test: 0 of 4 training images show one of the 4 test images, 0 of them byte-identical",
        "training: 0 of 4 training images are in another class too, 0 of them byte-identical",
        f"list: {run.repeats_csv}",
    ]
    assert listed(run) == LEAKS
    with Image.open(run.leaks_picture) as picture:
        assert picture.size[0] > picture.size[1] > 150  # one line of three pairs


def test_an_audit_is_made_once_for_the_same_images(leaky, workdir, monkeypatch):
    first = audit(leaky, workdir)
    before = times(workdir)

    def no_second(*_):
        raise AssertionError("audited again")

    with monkeypatch.context() as patch:
        patch.setattr(stage, "find_leaks", no_second)
        patch.setattr("sjft_tf.pipeline.programs.audit.repeats_of", lambda *_: ())  # looked for each time
        assert audit(leaky, workdir) == first
        assert times(workdir) == before
        workdir.leaks_csv.unlink()  # a list that was deleted comes back
        audit(leaky, workdir)
        assert listed(workdir) == LEAKS
        with pytest.raises(AssertionError, match="audited again"):
            audit(leaky.replace("data", source=[*leaky.data.source, "glyphs?n=52"]).validate(), workdir)


def test_other_images_replace_the_audit(leaky, workdir, pictures, tmp_path):
    audit(leaky, workdir)
    clean = tmp_path / "clean"
    shutil.copytree(pictures / "source", clean)
    for name in ("x/equal.png", "y/again.jpg", "y/mirrored.jpg"):
        (clean / name).unlink()
    lines = audit(leaky.replace("data", source=[f"folder:{clean}"]).validate(), workdir)
    assert listed(workdir) == set()
    assert not workdir.leaks_picture.exists()
    assert not [line for line in lines if "picture" in line]


def test_a_killed_audit_is_made_again(leaky, workdir, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(stage, "_save", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            audit(leaky, workdir)
    assert not workdir.leaks.exists()
    audit(leaky, workdir)
    assert workdir.leaks.exists()
    assert listed(workdir) == LEAKS


def test_retrieval_warns_and_keeps_the_source_whole(leaky, workdir, caplog):
    with caplog.at_level(logging.WARNING, "sjft_tf"):
        retrieve(leaky, workdir)
    (record,) = [r for r in caplog.records if r.name == "sjft_tf.pipeline.stages.audit"]
    text = record.getMessage()
    assert text.startswith("LEAKAGE: 3 of 17 source images are images of the target: ")
    assert "2 show test images (1 byte-identical); 1 show training images (0 byte-identical)." in text
    assert str(workdir.leaks_csv) in text
    assert "--exclude_leaks" in text
    assert NeighborTable.load(workdir.neighbors).made_from["source_size"] == 17


def test_leaks_are_left_out_of_everything(leaky, workdir):
    retrieve(leaky.replace("data", exclude_leaks=True).validate(), workdir)
    table = NeighborTable.load(workdir.neighbors)
    assert table.made_from["source_size"] == 14
    assert table.rows.max() < 14
    leaked = {source_id for source_id, *_ in LEAKS}
    with open(workdir.borrowed, newline="") as stream:
        borrowed = {row["source_id"] for row in csv.DictReader(stream)}
    assert borrowed
    assert not borrowed & leaked
    # The list names rows of the whole source, and serves both.
    assert listed(workdir) == LEAKS
    with pytest.raises(ArtifactMismatch, match="source: "):
        retrieve(leaky, workdir)


def test_without_the_audit_nothing_is_looked_for(leaky, workdir, caplog):
    with caplog.at_level(logging.INFO, "sjft_tf"):
        retrieve(leaky.replace("data", audit=False).validate(), workdir)
    assert not [r for r in caplog.records if r.name == "sjft_tf.pipeline.stages.audit"]
    assert not workdir.leaks_csv.exists()
    with pytest.raises(InputError, match="--exclude_leaks needs the audit that --noaudit turns off"):
        leaky.replace("data", audit=False, exclude_leaks=True).validate()


def test_a_source_of_nothing_but_leaks(leaky, workdir, pictures, tmp_path):
    for name in ("test/a/0.png", "test/b/0.png"):
        (tmp_path / "s" / name).parent.mkdir(parents=True)
        shutil.copy(pictures / "target" / name, tmp_path / "s" / name)
    config = leaky.replace("data", source=[f"folder:{tmp_path}/s/test"], exclude_leaks=True).validate()
    config = config.replace("selection", k0="1")  # as many as there are
    with pytest.raises(InputError, match="leaves nothing of the source: all 2 images"):
        retrieve(config, workdir)


def test_tiny_images_are_said_to_be_compared_by_bytes_only(config, workdir, caplog):
    with caplog.at_level(logging.INFO, "sjft_tf"):
        retrieve(config, workdir)
    (text,) = [r.getMessage() for r in caplog.records if r.name == "sjft_tf.pipeline.stages.audit"]
    assert re.search(r"below 24 pixels \(9 test, 6 validation, 12 training\) .* 40 source images byte by byte", text)
    caplog.clear()
    with caplog.at_level(logging.INFO, "sjft_tf"):
        retrieve(config, workdir)
    assert not [r for r in caplog.records if r.name == "sjft_tf.pipeline.stages.audit"]  # said once


@pytest.mark.slow
def test_a_training_without_leaks_goes_on_and_is_evaluated(leaky, workdir, forked):
    config = leaky.replace("data", exclude_leaks=True).validate()
    report = train(config, workdir)
    assert any(str(workdir.leaks_picture) in line for line in report.lines())
    files = [workdir.neighbors, *workdir.rounds.rglob("*.npz"), workdir.leaks]
    before = [p.stat().st_mtime_ns for p in files]
    train(config, workdir)
    assert [p.stat().st_mtime_ns for p in files] == before
    classes = json.loads(workdir.classes.read_text())
    assert classes["source"] == ["x", "y"]
    assert "top-1" in forked("evaluate", f"--workdir={workdir.root}").stdout
    forked("export", f"--workdir={workdir.root}", "--round=1", f"--output={workdir.root / 'first'}")
    with pytest.raises(ArtifactMismatch, match="source images: "):
        train(leaky, workdir)


@pytest.mark.slow
def test_plain_fine_tuning_has_nothing_to_audit(leaky, workdir):
    plain = leaky.replace("selection", selector="none")
    train(plain, workdir)
    assert not workdir.leaks.exists()


@pytest.fixture
def repeating(pictures, tmp_path, config):
    """The target with a training image that is a test image, one in two classes, and a turned copy of a test image."""
    root = shutil.copytree(pictures / "target", tmp_path / "t")
    shutil.copy(root / "test/a/1.png", root / "train/a/test.png")
    for name in ("a/two.png", "b/too.png"):
        shutil.copy(pictures / "source/x/0.png", root / "train" / name)
    turned = Image.open(root / "test/b/0.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    turned.save(root / "train/b/turned.jpg", quality=90)
    return config.replace("data", target=f"folder:{root}", source=[]).replace("selection", selector="none").validate()


TOLD = (
    "REPEATED: Of the 8 training images 1 are test images too, e.g. 'train/a/test.png' is 'test/a/1.png'; 1 picture(s) "
    "are in several classes, e.g. 'train/a/two.png' is 'train/b/too.png' (byte by byte). "
)


def test_repeats_within_the_target_are_told_and_left_out(repeating, workdir, caplog):
    assert len(open_sets(repeating, workdir).target) == 8
    sets = open_sets(repeating.replace("data", exclude_leaks=True), workdir)
    told = [record.getMessage() for record in caplog.records if record.getMessage().startswith("REPEATED")]
    assert told == [
        TOLD + "--exclude_leaks leaves them out of the training",
        TOLD + "They are left out of the training",
    ]
    names = ["train/a/0.png", "train/a/1.png", "train/b/0.png", "train/b/1.png", "train/b/turned.jpg"]
    assert sets.target.ids.tolist() == names


def test_changed_copies_are_listed_without_a_source_and_can_be_left_out(repeating, workdir):
    root = Path(repeating.data.target.removeprefix("folder:"))
    Image.open(root / "train/b/0.png").save(root / "train/a/other.jpg", quality=80)
    repeating.validate()
    lines = audit(repeating, workdir)
    assert "2 of 9 training images show one of the 4 test images, 1 of them byte-identical" in lines[1]
    assert "4 of 9 training images are in another class too, 2 of them byte-identical" in lines[2]
    assert lines[-1].endswith(f"{workdir.not_repeated} (for --target_rows)")
    with open(workdir.repeats_csv, newline="") as stream:
        rows = {(row["training_id"], row["role"], row["target_id"], row["kind"]) for row in csv.DictReader(stream)}
    assert rows == {
        ("train/a/test.png", "test", "test/a/1.png", "identical"),
        ("train/b/turned.jpg", "test", "test/b/0.png", "near"),
        ("train/a/two.png", "training", "train/b/too.png", "identical"),
        ("train/b/too.png", "training", "train/a/two.png", "identical"),
        ("train/a/other.jpg", "training", "train/b/0.png", "near"),
        ("train/b/0.png", "training", "train/a/other.jpg", "near"),
    }
    kept = open_sets(repeating.replace("data", target_rows=str(workdir.not_repeated)), workdir).target
    assert kept.ids.tolist() == ["train/a/0.png", "train/a/1.png", "train/b/1.png"]


@pytest.mark.parametrize("exclude", [False, True])
def test_a_comparison_leaves_repeats_out_of_all_its_runs(repeating, tmp_path, exclude):
    asked = repeating.replace("data", exclude_leaks=exclude)
    shared = str(tmp_path / "shared")
    look(LookJob(asked, shared, "", shared, str(tmp_path / "sets.json"), 0.3, None))
    sets = SetsSummary.from_json(read_json(tmp_path / "sets.json", SetsSummary.FORM))
    assert sets.warnings == (
        TOLD + ("They are left out of the training" if exclude else "--exclude_leaks leaves them out of the training"),
    )
    for final in (False, True):  # the same images whether the run opens the test images or not
        arm, trial = ARMS["fine-tune"], Trial("fine-tune", Point(0.01), 0)
        run = ComparisonSpec(asked, (arm,)).config(arm, trial, sets, final)
        images = open_sets(run, Workdir(tmp_path / "run")).target
        assert (len(images), images.fingerprint) == (5 if exclude else 8, sets.fingerprints["target"])
