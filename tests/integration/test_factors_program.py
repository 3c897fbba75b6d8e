"""Factors by its real command on digits: drawn source classes, what changed inside, nothing twice, what is refused."""

import pytest

from sjft_tf import artifacts
from sjft_tf.study import StudyRecord

pytestmark = pytest.mark.slow

ASKED = (
    "--target=digits",
    "--trunk=plain5_bn",
    "--weights=none",
    "--width=2",
    "--image_size=8",
    "--resize=8",
    "--pad=1",
)
ASKED += ("--rounds=1", "--steps_per_round=2", "--batch_size=8", "--seeds=0", "--noaudit")
CLASSES = ("--factor=source_classes", "--source=glyphs?n=104", "--selector=all", "--values=2,4")


def test_classes_are_drawn_and_what_changed_inside_is_on_the_page(forked, tmp_path):
    root = tmp_path / "study"
    command = (*ASKED, *CLASSES, "--source_images=1", "--drift", "--drift_images=9", f"--workdir={root}")
    done = forked("factors", *command)
    record = StudyRecord.from_json(artifacts.read_json(root / "study.json", StudyRecord.FORM))
    assert [cell.name for cell in record.cells] == ["no-source", "classes-2", "classes-4"]
    for count in (2, 4):
        run = root / f"runs/classes-{count}/seed0"
        assert len(artifacts.read_json(run / "classes.json", {"source": [str]})["source"]) == count
        assert (run / "drift.json").is_file()
    assert "best: number of source classes" in done.stdout
    page = (root / "report.html").read_text()
    assert "What changed inside" in page
    again = forked("factors", *command)
    assert " left" not in again.stdout
    assert (root / "report.html").read_text() == page
    assert "classes-4/seed0  (finished)" in forked("factors", *command, "--plan").stdout


def test_what_is_refused(forked, tmp_path):
    def said(*more):
        done = forked("factors", *ASKED, f"--workdir={tmp_path / 'study'}", *more, check=False)
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr

    assert "--factor is missing: say what is to be varied, one of rate" in said()
    assert "Received: 100 classes to be drawn" in said(*CLASSES, "--values=100")
    assert "two or more different numbers" in said("--factor=rate", "--values=0.1")
    assert "for the MobileNets (--alpha) and for preact_resnet" in said("--factor=width", "--trunk=VGG16")
    assert "gone" in said("--factor=per_class", "--target=folder:gone")
