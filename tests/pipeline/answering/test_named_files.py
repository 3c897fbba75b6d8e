"""What --images names, by the rules of training: tables, lists, folders, patterns, standard input."""

import io
import logging
import os
from pathlib import Path

import pytest
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.images import PassedOver, open_image_set, told_passed_over
from sjft_tf.pipeline.answering.image_files import find_files


@pytest.fixture(autouse=True)
def birds(tmp_path, monkeypatch):
    """birds/owl/a.png, birds/tit/b c.png, two hidden ones, and the folder they lie in as the working folder."""
    for name in ("birds/owl/a.png", "birds/tit/b c.png", "birds/.hidden/x.png", "birds/owl/.y.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (2, 2), len(name)).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "birds"


BOTH = ["birds/owl/a.png", "birds/tit/b c.png"]


def test_what_is_passed_over_is_counted(birds):
    for name in ("notes.txt", "owl/a.svg", "owl/b.svg", "owl/.hidden.svg"):
        (birds / name).touch()
    passed = PassedOver()
    assert len(list(find_files(["birds/o*", "birds/tit", "folder:birds/tit"], passed=passed))) == 2
    assert told_passed_over(passed) == ", passed over 2 other files (2 .svg)"
    assert len(list(find_files(["birds"], passed=(passed := PassedOver())))) == 2
    assert told_passed_over(passed) == ", passed over 3 other files (2 .svg, 1 .txt)"
    assert told_passed_over(PassedOver()) == ""


def found(*images, lines=None):
    return [file.path for file in find_files(images, lines)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", 'path,label\nowl/a.png,x\n"tit/b c.png",y\n'),
        ("t.csv", "kind;File_Name;note\nx;owl/a.png;1,5\ny;tit/b c.png;\n"),
        ("t.tsv", "id\timage\n1\towl/a.png\n2\ttit/b c.png\n"),
        ("t.txt", "owl/a.png\ntit/b c.png\n"),
        ("t.csv", "owl/a.png,7\nowl/../owl/a.png,7\ntit/b c.png,8\n"),
    ],
)
def test_tables_and_lists_are_read_as_in_training(birds, name, text, encoding):
    (birds / name).write_bytes(text.encode(encoding))
    assert found(f"birds/{name}") == BOTH
    assert found(str(birds / name)) == [f"{birds.parent}/{path}" for path in BOTH]
    trained = open_image_set(f"csv:birds/{name}?label=folder")
    assert [f"birds/{row}" for row in trained.ids] == found(f"csv:birds/{name}")


def test_a_list_of_files_without_extension(birds):
    for path in BOTH:
        Path(path).rename(Path(path).with_suffix(""))
    (birds / "t.txt").write_text("owl/a\ntit/b c\n")
    assert found("birds/t.txt") == ["birds/owl/a", "birds/tit/b c"]
    assert open_image_set("csv:birds/t.txt").class_names == ("owl", "tit")
    (birds / "t.txt").write_text("kind\nowl\n")
    with pytest.raises(
        InputError, match=r"a column for the image \(path, .*\)\. Name others: \?image=COLUMN\. Received"
    ):
        found("birds/t.txt")


def test_options_and_splits_of_a_table(birds):
    (birds.parent / "t.csv").write_text("name,what,set\na,x,train\nb c,y,test\n")
    (birds.parent / "flat").mkdir()
    for path in BOTH:
        os.link(path, f"flat/{Path(path).name}")
    assert found("csv:t.csv?image=name&root=flat&suffix=.png") == ["flat/a.png", "flat/b c.png"]
    assert found("csv:t.csv#test?image=name&root=flat&suffix=.png") == ["flat/b c.png"]
    with pytest.raises(InputError, match=r"t.csv, line 2: there is no file .* found with \?root=flat&suffix=.png"):
        found("csv:t.csv?image=name")
    with pytest.raises(InputError, match=r"t.csv, line 2: expected 2 fields. Received: 1"):
        (birds / "t.csv").write_text("path,label\nowl/a.png\n")
        found("birds/t.csv")


def test_a_missing_file_is_named_with_its_line(birds):
    (birds / "t.csv").write_text("path,label\nowl/a.png,x\ngone.png,y\n")
    files = list(find_files(["birds/t.csv"]))
    assert (files[1].path, files[1].place) == ("birds/gone.png", f"{birds}/t.csv, line 3")


def test_folders_and_patterns(birds):
    (birds / "owl" / "up").symlink_to("..")
    (birds / "tit" / "self").symlink_to(".")
    (birds / "owl" / "notes.txt").write_text("x")
    assert found("birds") == found("birds/") == found("folder:birds") == BOTH
    assert found("./birds", "birds") == BOTH
    assert found("folder:birds#owl") == BOTH[:1]
    for pattern in ("birds/**/*.png", "**/*.png", "birds/**", "b*/**/*.png", "birds/**/t*/*.png", "birds/*"):
        assert found(pattern) == (BOTH[1:] if "/t*" in pattern else BOTH), pattern
    assert found("birds/*/*.png") == BOTH
    with pytest.raises(InputError, match="names no image file"):
        found("birds/**/*.jpg")


class Piped:
    def __init__(self, content):
        self.buffer = io.BytesIO(content)


@pytest.mark.parametrize("mark", ["utf-8", "utf-8-sig", "utf-16"])
def test_standard_input(mark):
    text = 'birds/owl/a.png\r\n\r\n"birds/tit/b c.png"\r\nbirds/owl/../owl/a.png\r\n'
    files = list(find_files(["-"], Piped(text.encode(mark))))
    assert [(file.path, file.place) for file in files] == [
        (BOTH[0], "standard input, line 1"),
        (BOTH[1], "standard input, line 3"),
    ]


def test_what_was_understood_is_said_once(birds, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("sjft_tf"), "propagate", True)
    caplog.set_level(logging.INFO, "sjft_tf")
    (birds / "t.csv").write_text("file,is_test\nowl/a.png,1\n")
    found("birds/t.csv")
    assert [record.getMessage() for record in caplog.records] == ["t.csv: images from column 'file'"]
