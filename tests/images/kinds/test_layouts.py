"""Public layouts in miniature: what the opening line says of them, and what is refused with what is expected."""

import unicodedata
import warnings

import pytest
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.images import check_disjoint, default_splits, open_image_set
from sjft_tf.images.kinds.layout import likely_role


@pytest.fixture
def lay(tmp_path):
    """Lays files down: images with a color of their own, empty files for other endings."""
    made = []

    def put(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            made.append(path)
            if path.suffix in (".jpg", ".png"):
                Image.new("RGB", (3, 2), (len(made), 0, 0)).save(path)
            else:
                path.touch()
        return tmp_path

    return put


def lines(spec):
    """The opening lines of the sets a target of this spec brings along, by role."""
    told = []
    for role, split in (default_splits(spec) or {"all": spec}).items():
        open_image_set(split, tell=lambda line, role=role: told.append(f"{role}: {line}"))
    return told


def refusal(spec):
    with pytest.raises(InputError) as caught:
        lines(spec)
    return str(caught.value)


def test_kaggle_flat(lay):
    root = lay("k/train/cat.0.jpg", "k/train/cat.1.jpg", "k/train/dog.0.jpg", "k/train/dog.1.jpg", "k/test/1.jpg") / "k"
    said = refusal(f"folder:{root}")
    assert "images lie directly in test/ (1) and train/ (4)" in said
    assert f"Expected one folder a class, as in {root}/train/CLASS/IMAGE" in said
    assert rf"'folder:{root}?label=^([A-Za-z]+)\.' (2 classes: cat, dog)" in said
    assert lines(rf"folder:{root}?label=^([a-z]+)\.") == [
        r"train: k#train: 4 images of 2 classes (cat, dog); labels from file names by ^([a-z]+)\.; "
        "splits there: train; without labels: test/ (1)"
    ]
    assert "lie directly" in refusal(f"folder:{root}/train")
    assert "is found in none of the 5 file names, e.g. '1.jpg'" in refusal(rf"folder:{root}?label=^([A-Z]+)\.")


def test_intel(lay):
    names = [f"i/seg_{s}/seg_{s}/{c}/{n}.jpg" for s in ("train", "test") for c in ("forest", "sea") for n in "12"]
    root = lay(*names, "i/seg_pred/seg_pred/10.jpg", "i/seg_pred/seg_pred/11.jpg") / "i"
    rest = "splits there: seg_test, seg_train; without labels: seg_pred/ (2)"
    assert lines(f"folder:{root}") == [
        f"{role}: i#{split}: 4 images of 2 classes (forest, sea); found in {split}/{split}/; {rest}"
        for role, split in (("train", "seg_train"), ("test", "seg_test"))
    ]
    train = open_image_set(f"folder:{root}#train")
    assert train.ids[0] == "seg_train/seg_train/forest/1.jpg"
    check_disjoint(train, open_image_set(f"folder:{root}#test"))
    with pytest.raises(InputError, match="are in both"):
        check_disjoint(train, open_image_set(f"folder:{root}/seg_train/seg_train"))
    assert "have no labels" in refusal(f"folder:{root}#seg_pred")
    assert "Splits there: #seg_test, #seg_train" in refusal(f"folder:{root}#validation")


def test_caltech(lay):
    classes = ("BACKGROUND_Google", "accordion", "ant", "anchor")
    names = [f"c/101_ObjectCategories/{c}/image_0001.jpg" for c in classes]
    notes = [f"c/Annotations/{c}/annotation_0001.mat" for c in classes]
    root = lay(*names, *notes, "c/101_ObjectCategories/BACKGROUND_Google/tmp", "c/show.m") / "c"
    assert lines(f"folder:{root}") == [
        "all: c: 4 images of 4 classes (BACKGROUND_Google, accordion, anchor and 1 more); found in "
        "101_ObjectCategories/; passed over 2 other files (1 without extension, 1 .m), folder Annotations/"
    ]


def test_oxford_pets(lay):
    pets = [f"{name}_{n}" for name in ("Abyssinian", "great_pyrenees") for n in (1, 2, 101)]
    root = lay(
        *(f"p/images/{pet}.jpg" for pet in pets),
        *(f"p/annotations/trimaps/{pet}.png" for pet in pets),
        "p/images/Abyssinian_1.mat",
    )
    assert lines(rf"folder:{root}/p/images?label=^(.+)_\d+\.jpg$") == [
        r"all: images: 6 images of 2 classes (Abyssinian, great_pyrenees); labels from file names by ^(.+)_\d+\.jpg$; "
        "passed over 1 other file (1 .mat)"
    ]
    said = refusal(f"folder:{root}/p")
    assert "annotations, images, which are hardly classes" in said
    assert rf"folder:{root}/p/images?label=^(.+)_\d+\." in said
    assert "in the names of 6 of 12 images" in refusal(rf"folder:{root}/p?label=^(.+)_\d+\.jpg$")
    for split in ("train", "test"):
        lay(f"q/{split}/rose_1.jpg", f"q/{split}/aster_2.jpg")
    assert [line.split(";")[0] for line in lines(rf"folder:{root}/q?label=^(.+)_")] == [
        "train: q#train: 2 images of 2 classes (aster, rose)",
        "test: q#test: 2 images of 2 classes (aster, rose)",
    ]


def test_image_folder(lay):
    names = [f"f/{split}/{c}/1.jpg" for split in ("train", "val") for c in ("ant", "bee")]
    root = lay(*names, "f/train/ant/a.svg", "f/train/stray.png", "f/README.md", "f/.DS_Store", "f/val/bee/b.PSD") / "f"
    start = "images of 2 classes (ant, bee); splits there: train, val; passed over"
    assert lines(f"folder:{root}") == [
        f"train: f#train: 2 {start} 1 image outside the folders of classes, 2 other files (1 .svg, 1 .md)",
        f"validation: f#val: 2 {start} 2 other files (1 .psd, 1 .md)",
    ]


def test_a_copy_inside_itself(lay):
    names = [f"{at}{split}/{c}/{split}.jpg" for at in ("x/", "x/x/") for split in ("train", "test") for c in "ab"]
    root = lay(*names) / "x"
    assert [line.split(": ", 2)[1] for line in lines(f"folder:{root}")] == ["x#train", "x#test"]
    assert "passed over folder x/" in lines(f"folder:{root}")[0]
    assert "needs a split" in _refused_alone(f"folder:{root}")


def _refused_alone(spec):
    with pytest.raises(InputError) as caught:
        open_image_set(spec)
    return str(caught.value)


def test_links_back_and_workdirs_are_no_classes(lay):
    root = lay(*(f"s/images/{c}/{n}.jpg" for c in "ab" for n in "12")) / "s"
    (root / "up").symlink_to("..")
    (root / "images" / "back").symlink_to("../..")
    (root / "images" / "a" / "other").symlink_to("../b")
    (root / "images" / "runs" / "mine").mkdir(parents=True)
    (root / "images" / "runs" / "mine" / ".sjft-workdir").touch()
    Image.new("RGB", (4, 4)).save(root / "images" / "runs" / "mine" / "neighbors.png")
    assert lines(f"folder:{root}") == [
        "all: s: 4 images of 2 classes (a, b); found in images/; passed over link back images/back/, "
        "images/a/other/, up/, workdir images/runs/mine/"
    ]


def test_one_class_in_two_forms_of_unicode(lay):
    composed = "caf\u00e9"
    apart = unicodedata.normalize("NFD", composed)
    root = (
        lay(f"n/train/{composed}/1.jpg", f"n/train/{apart}/2.jpg", "n/train/tea/1.jpg", f"n/test/{apart}/3.jpg") / "n"
    )
    train, test = (open_image_set(spec) for spec in default_splits(f"folder:{root}").values())
    assert train.class_names == (composed, "tea")
    assert (train.labels.tolist(), test.class_names) == ([0, 0, 1], (composed,))


def test_numbers_in_their_order(lay):
    root = lay(*(f"m/{c}/1.jpg" for c in ("10", "9", "1", "-2"))) / "m"
    assert open_image_set(f"folder:{root}").class_names == ("-2", "1", "9", "10")
    lay("m/x/1.jpg")
    assert open_image_set(f"folder:{root}").class_names == ("-2", "1", "10", "9", "x")


def test_signs_in_the_name_of_a_folder(lay):
    lay("a#b/x/1.jpg", "a#b/y/2.jpg", "c?d=1/x/1.jpg", "c?d=1/y/2.jpg", "e%23/x/1.jpg", "e%23/y/1.jpg")
    root = lay()
    assert f"is written folder:{root}/a%23b" in refusal(f"folder:{root}/a#b")
    for name, written in (("a#b", "a%23b"), ("c?d=1", "c%3fd=1"), ("e%23", "e%2523")):
        images = open_image_set(f"folder:{root}/{written}")
        assert (images.name, len(images)) == (name, 2)


def test_one_line_whatever_folders_are_called(lay):
    root = lay("l/a\nb/1.jpg", "l/\x1b[31m/1.jpg") / "l"
    assert lines(f"folder:{root}") == ["all: l: 2 images of 2 classes (?[31m, a?b)"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("(", "is no regular expression"), ("^a", "has no group"), ("^(x)", "is found in none|no label is found")],
)
def test_patterns_that_cannot_be_meant(lay, pattern, message):
    root = lay("r/cat.1.jpg", "r/dog.2.jpg") / "r"
    with pytest.raises(InputError, match=message):
        open_image_set(f"folder:{root}?label={pattern}")


def test_a_pattern_over_folders(lay):
    root = lay("r/cat/day/1.jpg", "r/dog/day/2.jpg", "r/dog/night/3.jpg") / "r"
    images = open_image_set(f"folder:{root}?label=^[^/]+/([^/]+)/")
    assert (images.class_names, images.labels.tolist()) == (("day", "night"), [0, 0, 1])


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("train", "train"),
        ("Training_Set", "train"),
        ("seg_test", "test"),
        ("train2017", "train"),
        ("testset", "test"),
        ("valid-images", "validation"),
        ("seg_pred", "unlabeled"),
        ("trainers", None),
        ("train_test", None),
        ("rose", None),
    ],
)
def test_likely_roles(name, role):
    assert likely_role(name) == role


def test_classes_with_words_of_splits(lay):
    root = lay("w/bullet_train/1.jpg", "w/test_tube/1.jpg", "w/owl/1.jpg") / "w"
    assert open_image_set(f"folder:{root}").class_names == ("bullet_train", "owl", "test_tube")


def test_extensions_of_plug_ins():
    from sjft_tf.images.places.walking import IMAGE_EXTENSIONS, image_extensions

    with warnings.catch_warnings(action="error"):
        assert set(IMAGE_EXTENSIONS) <= set(image_extensions())
    assert {".webp", ".tiff", ".jfif", ".jpe"} <= set(IMAGE_EXTENSIONS)
