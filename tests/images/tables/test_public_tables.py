"""Tables of the layouts of public sets, in miniature: understood by themselves or by options, which refusals name."""

import csv
import io
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.images import check_disjoint, default_splits, open_image_set, refuse_changed
from sjft_tf.images.places.class_names import in_class_order
from sjft_tf.images.places.spec import parse
from sjft_tf.images.tables.table_reading import read_table
from sjft_tf.images.tables.table_text import decode


@pytest.fixture
def told(monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger("sjft_tf"), "propagate", True)
    caplog.set_level(logging.INFO, "sjft_tf")
    return caplog


@pytest.fixture
def write(tmp_path):
    """Writes a table and the images it names, and returns its spec."""

    def written(content, *images, name="labels.csv"):
        for image in images:
            (tmp_path / image).parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (2, 2), len(image)).save(tmp_path / image)
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return f"csv:{tmp_path / name}"

    return written


def labels(images):
    return {name: images.class_names[c] for name, c in zip(images.ids.tolist(), images.labels, strict=True)}


def test_kaggle_ids_without_folder_and_suffix(write, told, tmp_path):
    names = ("train/00a.jpg", "train/00b.jpg", "train/copy of 00b.jpg", "test/00c.jpg")
    spec = write("id,breed\n00a,boxer\n00b,beagle\n", *names)
    for name in ("train/read me.txt", "train/.DS_Store", "sample.csv"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"labels.csv, line 2: there is no file .*/00a \(2 such line\(s\) among 2\)"):
        open_image_set(spec)
    with pytest.raises(InputError, match=r"It is found with \?root=train&suffix=.jpg"):
        open_image_set(spec, bad_images="skip")
    images = open_image_set(f"{spec}?root=train&suffix=.jpg")
    assert labels(images) == {"00a.jpg": "boxer", "00b.jpg": "beagle"}
    assert told.messages[-1] == (
        "labels: 2 images of 2 classes (beagle, boxer); images from column 'id'; classes from column 'breed'; "
        "files below train with .jpg; passed over 1 other image, 1 other file (1 .txt)"
    )
    with pytest.raises(InputError, match="2 image.s. are in both"):  # known by their place, however they were listed
        check_disjoint(images, open_image_set(write("path,label\n00a.jpg,x\n00b.jpg,x\n", name="train/other.csv")))


CUB = "1 001.Black_footed_Albatross/a_1.jpg\n2 001.Black_footed_Albatross/a_2.jpg\n3 002.Laysan_Albatross/b_3.jpg\n"


def test_cub(write, told):
    files = [f"images/{line.split()[1]}" for line in CUB.splitlines()]
    images = open_image_set(write(CUB, *files, name="images.txt") + "?root=images")
    assert labels(images)["002.Laysan_Albatross/b_3.jpg"] == "002.Laysan_Albatross"
    assert images.class_names == ("001.Black_footed_Albatross", "002.Laysan_Albatross")
    assert "images from column '2'; classes from the folders' names; files below images" in told.text
    by_number = open_image_set(write(CUB, name="images.txt") + "?root=images&image=2&label=1&delimiter=space")
    assert by_number.class_names == ("1", "2", "3")


def test_the_split_of_cub(write, told, tmp_path):
    (tmp_path / "train_test_split.txt").write_text("1 1\n2 0\n3 1\n")
    files = [f"images/{line.split()[1]}" for line in CUB.splitlines()]
    spec = write(CUB, *files, name="images.txt")
    options = "?root=images&split=train_test_split.txt"
    assert default_splits(spec + options) == {role: f"{spec}#{role}{options}" for role in ("train", "test")}
    assert open_image_set(f"{spec}#train{options}").ids.tolist() == [
        "001.Black_footed_Albatross/a_1.jpg",
        "002.Laysan_Albatross/b_3.jpg",
    ]
    assert told.messages[-1] == (
        "images#train: 2 images of 2 classes (001.Black_footed_Albatross, 002.Laysan_Albatross); images from column "
        "'2'; classes from the folders' names; splits from train_test_split.txt; files below images; delimiter space; "
        "splits there: train, test"
    )
    names = {"001.Black_footed_Albatross/a_1.jpg": "val", "2": "train", "3": "val"}
    (tmp_path / "by_name.csv").write_text("".join(f"{name},{split}\n" for name, split in names.items()))
    assert len(open_image_set(f"{spec}#val?root=images&split=by_name.csv")) == 2
    for content, message in (
        ("1 1\n2 0\n", "images.txt, line 3: the list of splits has neither '3' nor '002.Laysan"),
        ("1 1\n2\n", "train_test_split.txt, line 2: expected the number or name"),
    ):
        (tmp_path / "train_test_split.txt").write_text(content)
        with pytest.raises(InputError, match=message):
            open_image_set(spec + options)


COCO = (
    "image_id,file_name,width,category_id,area\n7,a.jpg,2,18,3.5\n7,a.jpg,2,18,9.0\n8,b.jpg,2,3,1.0\n8,b.jpg,2,18,2.0\n"
)


def test_coco_like(write, told):
    spec = write(COCO, "val2017/a.jpg", "val2017/b.jpg") + "?root=val2017"
    with pytest.raises(InputError, match=r"line 5: 'b.jpg' is listed before, in line 4, as '3', here as '18'"):
        open_image_set(spec)
    assert labels(open_image_set(f"{spec}&repeated=first")) == {"a.jpg": "18", "b.jpg": "3"}
    assert open_image_set(f"{spec}&repeated=first").class_names == ("3", "18")
    assert labels(open_image_set(f"{spec}&repeated=skip")) == {"a.jpg": "18"}
    assert told.messages[-1] == (
        "labels: 1 image of 1 class (18); images from column 'file_name'; classes from column 'category_id'; "
        "files below val2017; 3 line(s) left out, of images listed twice; passed over 1 other image"
    )


def test_lists_with_the_class_behind(write):
    images = open_image_set(write("abbey/x.jpg 0\nzoo/y.jpg 1\n", "abbey/x.jpg", "zoo/y.jpg", name="train.txt"))
    assert labels(images) == {"abbey/x.jpg": "0", "zoo/y.jpg": "1"}
    images = open_image_set(write("abbey/a b.jpg\nzoo/y,z.jpg\n", "abbey/a b.jpg", "zoo/y,z.jpg", name="paths.txt"))
    assert labels(images) == {"abbey/a b.jpg": "abbey", "zoo/y,z.jpg": "zoo"}
    with pytest.raises(InputError, match="lies in no folder"):
        open_image_set(write("x.jpg\n", "x.jpg", name="flat.txt"))
    with pytest.raises(InputError, match=r"no header and 3 columns. Say which has the classes: \?label=NUMBER"):
        open_image_set(write("a.jpg,x,y\n", "a.jpg"))
    assert labels(open_image_set(write("a,7\n", name="bare.csv") + "?header=false&image=1&label=2&suffix=.jpg")) == {
        "a.jpg": "7"
    }


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_delimiters_and_encodings_are_found(write, delimiter, encoding):
    rows = [("File Name", "Note", "Species"), ("a.jpg", "1,5" if delimiter == ";" else "x", "Blåvinge")]
    content = "\r\n".join(delimiter.join(row) for row in rows).encode(encoding)
    assert labels(open_image_set(write(content, "a.jpg"))) == {"a.jpg": "Blåvinge"}


def test_paths_from_windows(write):
    write("", "cats/a.jpg", "b\\c.jpg")
    images = open_image_set(write("path,label\r\ncats\\a.jpg,cat\r\nb\\c.jpg,bee\r\n"))
    assert labels(images) == {"cats/a.jpg": "cat", "b\\c.jpg": "bee"}
    with pytest.raises(InputError, match=r"there is no file .*/cats\\gone.jpg"):
        open_image_set(write("path,label\ncats\\gone.jpg,cat\n"))


def test_one_table_below_two_roots(write):
    spec = write("path,label\na.jpg,x\n", "one/a.jpg", "two/a.jpg")
    first, second = (open_image_set(f"{spec}?root={root}") for root in ("one", "two"))
    check_disjoint(first, second)
    refuse_changed(first, second)


def test_encodings_are_named(write, told):
    spec = write("sep=;\npath;label\na.jpg;é\n".encode("latin-1"), "a.jpg")
    with pytest.raises(InputError, match=r"is not UTF-8 text .*\?encoding=latin-1"):
        open_image_set(spec)
    assert labels(open_image_set(f"{spec}?encoding=latin-1")) == {"a.jpg": "é"}
    assert "classes from column 'label'; delimiter semicolon; encoding latin-1" in told.text
    with pytest.raises(InputError, match=r"is not text in ascii"):
        open_image_set(f"{spec}?encoding=ascii")
    for wrong in ("no-such", "zip"):
        with pytest.raises(InputError, match=f"there is no encoding '{wrong}'"):
            open_image_set(f"{spec}?encoding={wrong}")
    with pytest.raises(InputError, match=r"line 3: expected 2 fields. Received: 1"):
        open_image_set(write("sep=;\npath;label\na.jpg\n"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("image=none", r"the column none \(image=none\) is not there. Received: 'path,label'"),
        ("image=%23&label=-", r"the column # .* is not there"),
        ("split=" + "n" * 300, r"the column n+ \(split=n+\) is not there"),
        ("root=a\0b", "there is no file"),
        ("root=" + "n" * 300, "there is no file"),
        ("label=3", r"the column 3 \(label=3\) is not there"),
        ("delimiter=ab", "`delimiter` must be one character or comma, semicolon, tab, bar, space. Received: 'ab'"),
        ("header=perhaps", "'header' must be true or false"),
        ("repeated=last", "`repeated` must be one of error, first, skip"),
        ("colour=x", "unknown option 'colour'. Options of csv: image, label, split, root"),
    ],
)
def test_options_that_cannot_be(write, options, message):
    with pytest.raises(InputError, match=message):
        open_image_set(f"{write('path,label' + chr(10) + 'a.jpg,x', 'a.jpg')}?{options}")


def test_splits_by_other_names(write, told):
    spec = write("file,class,subset\na.jpg,x,Train\nb.jpg,y,Test\n", "a.jpg", "b.jpg")
    assert default_splits(f"{spec}?suffix=.jpg") == {
        "train": f"{spec}#Train?suffix=.jpg",
        "test": f"{spec}#Test?suffix=.jpg",
    }
    assert "splits from column 'subset'" not in told.text  # nothing is opened yet
    assert open_image_set(f"{spec}#train").ids.tolist() == ["a.jpg"]
    assert "; images from column 'file'; classes from column 'class'; splits from column 'subset'; " in told.text
    spec = write("file,class,fold\na.jpg,x,0\nb.jpg,y,1\n")
    assert len(open_image_set(spec)) == 2
    assert "the column 'fold' looks like a division into splits and is not read; ?split=fold reads it" in told.text
    assert open_image_set(f"{spec}#1?split=fold").ids.tolist() == ["b.jpg"]
    assert open_image_set(f"{spec}?label=fold").class_names == ("0", "1")


@pytest.mark.parametrize(
    ("column", "cells", "splits"),
    [
        ("is_test", "01", {"train": "train", "test": "test"}),
        ("is_valid", ("False", "True"), {"train": "train", "validation": "validation"}),
        ("is_training_image", "10", {"train": "train", "test": "test"}),
    ],
)
def test_columns_of_yes_and_no(write, told, column, cells, splits):
    spec = write(f"name,fname,labels,{column}\n1,a.jpg,x,{cells[0]}\n2,b.jpg,y,{cells[1]}\n", "a.jpg", "b.jpg")
    assert len(open_image_set(spec)) == 2
    assert f"the column '{column}' looks like a division" in told.text
    spec += f"?split={column}"
    assert {role: text.replace(spec.partition("?")[0], "") for role, text in default_splits(spec).items()} == {
        role: f"#{name}?split={column}" for role, name in splits.items()
    }
    assert open_image_set(default_splits(spec)["train"]).ids.tolist() == ["a.jpg"]


def test_missing_files_are_left_out_and_listed(write, tmp_path):
    spec = write("path,label\na.jpg,x\ngone.jpg,y\nb.jpg,y\n", "a.jpg", "b.jpg")
    images = open_image_set(spec, bad_images="skip", report=tmp_path / "bad.csv")
    assert labels(images) == {"a.jpg": "x", "b.jpg": "y"}
    assert (tmp_path / "bad.csv").read_text() == (
        f'path,reason\n{tmp_path}/gone.jpg,"no such file ({tmp_path}/labels.csv, line 3)"\n'
    )


@given(st.lists(st.integers(-50, 200).map(str), max_size=6, unique=True))
def test_integers_are_in_their_order(names):
    assert in_class_order(names) == [str(number) for number in sorted(map(int, names))]


@given(st.lists(st.text("0123456789-ab", min_size=1, max_size=3), max_size=6, unique=True))
def test_in_class_order_is_one_order(names):
    assert in_class_order(names) == in_class_order(reversed(names))
    assert sorted(in_class_order(names)) == sorted(names)
    if any(character in "ab" for name in names for character in name):
        assert in_class_order(names) == sorted(names)


def test_long_numbers_are_text():
    assert in_class_order(["9" * 5000, "10"]) == ["10", "9" * 5000]


@given(st.text(st.characters(blacklist_categories=("Cs",), min_codepoint=32), max_size=30))
def test_text_is_what_was_encoded(text):
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        assert decode(text.encode(encoding), "x") == text.removeprefix("\ufeff") or text.startswith("\ufeff")
    assert decode(text.encode(), "x") == text or text.startswith("\ufeff")


CELL = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=6).map(
    lambda text: f"_{text}_"  # not empty, no blanks around it, and no name of a column
)


@given(
    rows=st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=4, unique_by=lambda row: row[0]),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    order=st.permutations(["Image ID", "breed", "note"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_a_spreadsheet_writes_reads_back(tmp_path_factory, rows, delimiter, encoding, order, end):
    stream = io.StringIO(newline="")
    table = csv.DictWriter(stream, order, delimiter=delimiter, lineterminator=end)
    table.writeheader()
    table.writerows({"Image ID": image, "breed": breed, "note": note} for image, breed, note in rows)
    path = tmp_path_factory.getbasetemp() / "written.csv"
    path.write_bytes(stream.getvalue().encode(encoding))
    read = read_table(parse(f"csv:{path}?suffix=.png"))
    assert [(row.path, row.label) for row in read.rows] == [(f"{image}.png", breed) for image, breed, _ in rows]
