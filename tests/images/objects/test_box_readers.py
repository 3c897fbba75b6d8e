"""Boxes from COCO's JSON, Pascal VOC's XML and CSV: the same objects whatever they are written in."""

import json

import numpy as np
import pytest
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.images import object_splits, open_objects

BOXES = [[1, 2, 11, 12], [0, 0, 20, 10], [5, 5, 19, 19]]


@pytest.fixture
def folder(tmp_path, rng):
    """Two images of 20 x 30 pixels (three, one without objects): a cat and a dog in the first, a dog in the second."""
    for name in ("a", "b", "c"):
        Image.fromarray(rng.integers(0, 255, (30, 20, 3), np.uint8)).save(tmp_path / f"{name}.png")
    return tmp_path


def coco(folder, **changes):
    content = {
        "images": [{"id": i, "file_name": f"{name}.png", "width": 20, "height": 30} for i, name in enumerate("abc")],
        "annotations": [
            {"image_id": image, "category_id": category, "bbox": [x0, y0, x1 - x0, y1 - y0], "iscrowd": 0}
            for image, category, (x0, y0, x1, y1) in zip((0, 0, 1), (7, 3, 3), BOXES, strict=True)
        ],
        "categories": [{"id": 3, "name": "dog"}, {"id": 7, "name": "cat"}],
    }
    (folder / "instances.json").write_text(json.dumps(content | changes))
    return f"coco:{folder}/instances.json"


def xml(folder, name, objects, more="<size><width>20</width><height>30</height></size>"):
    parts = [
        f"<object><name>{label}</name><difficult>{difficult}</difficult><bndbox><xmin>{x0 + 1}</xmin>"
        f"<ymin>{y0 + 1}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
        for label, difficult, (x0, y0, x1, y1) in objects
    ]
    text = f"<annotation><filename>{name}.png</filename>{more}{''.join(parts)}</annotation>"
    (folder / f"{name}.xml").write_text(text)


def voc(folder):
    xml(folder, "a", [("cat", 0, BOXES[0]), ("dog", 0, BOXES[1])])
    xml(folder, "b", [("dog", 0, BOXES[2]), ("cat", 1, BOXES[0])])
    xml(folder, "c", [])
    return f"voc:{folder}"


def table(folder, header="path,label,x0,y0,x1,y1", lines=None):
    given = lines or [
        *(
            f"{name}.png,{label},{','.join(map(str, box))}"
            for name, label, box in zip("aab", ("cat", "dog", "dog"), BOXES, strict=True)
        ),
        "c.png,,,,,",
    ]
    (folder / "boxes.csv").write_text("\n".join([header, *given, ""]))
    return f"boxes:{folder}/boxes.csv"


@pytest.mark.parametrize("write", [coco, voc, table])
def test_all_formats_give_the_same_objects(folder, write):
    told = []
    objects = open_objects(write(folder), tell=told.append)
    assert list(objects.images.ids) == ["a.png", "b.png", "c.png"]
    assert objects.class_names == ("cat", "dog")
    np.testing.assert_array_equal(objects.rows, [0, 0, 1])
    np.testing.assert_array_equal(objects.classes, [0, 1, 1])
    np.testing.assert_array_equal(objects.boxes, BOXES)
    assert "3 images, 3 objects with boxes of 2 classes (cat, dog)" in told[0]
    assert ("1 difficult object(s) left out" in told[0]) == (write is voc)
    assert objects.images.load(0).shape == (30, 20, 3)


@pytest.mark.parametrize(
    "header",
    ["filename,class,xmin,ymin,xmax,ymax", "image,category,left,top,right,bottom", "Path,Label,X0,Y0,X1,Y1"],
)
def test_other_names_of_columns(folder, header):
    np.testing.assert_array_equal(open_objects(table(folder, header)).boxes, BOXES)


def test_labels_without_boxes_count_for_the_image(folder):
    spec = table(
        folder, "path,label,split", ["a.png,cat,train", "a.png,dog,train", "b.png,dog,train", "c.png,cat,test"]
    )
    objects = open_objects(f"{spec}#train")
    assert objects.boxes is None
    np.testing.assert_array_equal(objects.present, [[True, True], [False, True]])
    assert object_splits(spec) == {"train": f"{spec}#train", "test": f"{spec}#test"}


def test_splits_of_voc(folder):
    (folder / "ImageSets" / "Main").mkdir(parents=True)
    for split, names in (("train", "a 1\nb"), ("val", "c"), ("cat_train", "a")):
        (folder / "ImageSets" / "Main" / f"{split}.txt").write_text(names)
    spec = voc(folder)
    assert object_splits(spec) == {"train": f"{spec}#train", "validation": f"{spec}#val"}
    assert list(open_objects(f"{spec}#train").images.ids) == ["a.png", "b.png"]
    assert open_objects(f"{spec}#train?difficult=true").boxes.shape == (4, 4)


def test_boxes_are_cut_at_the_border_and_told(folder):
    told = []
    objects = open_objects(table(folder, lines=["a.png,cat,-3,5,25,31"]), tell=told.append)
    np.testing.assert_array_equal(objects.boxes, [[0, 5, 20, 30]])
    assert "1 box(es) cut at the border" in told[0]


WRONG = [
    (["a.png,cat,1,2,x,4"], "a box must be x0, y0, x1, y1"),
    (["a.png,cat,5,2,5,4"], "x0 < x1"),
    (["a.png,cat,1,2,nan,4"], "a box must be"),
    (["a.png,cat,40,2,45,4"], "lies outside of its image of 20 x 30"),
    (["a.png,,1,2,3,4"], "a box without a label"),
]


@pytest.mark.parametrize(("lines", "said"), WRONG)
def test_a_wrong_box_is_refused_or_left_out(folder, lines, said):
    spec, told = table(folder, lines=[*lines, "b.png,dog,1,2,3,4"]), []
    with pytest.raises(InputError, match=rf"boxes\.csv, line 2.*{said}.*--bad_images=skip"):
        open_objects(spec)
    assert len(open_objects(spec, bad_images="skip", tell=told.append).rows) == 1
    assert "left out" in told[0]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["z.png,cat,1,2,3,4"], "there is no file .*z.png"),
        (["a.png,cat,1,2,3"], "expected 6 fields"),
        (["a.png,,,,,"], "has no objects"),
        (["a.png,cat,,,,", "b.png,cat,1,2,3,4"], "an object without a box, where others have one"),
    ],
)
def test_wrong_tables(folder, lines, said):
    with pytest.raises(InputError, match=said):
        open_objects(table(folder, lines=lines))


def test_a_table_needs_its_columns(folder):
    with pytest.raises(InputError, match="the header must name the image and its class"):
        open_objects(table(folder, "a,b,c,d,e,f"))


def test_coco_in_another_folder(folder):
    (folder / "annotations").mkdir()
    spec = coco(folder)
    (folder / "instances.json").rename(folder / "annotations" / "i.json")
    assert len(open_objects(f"coco:{folder}/annotations/i.json?images=..")) == 3
    with pytest.raises(InputError, match=r"there is no file .*\?images=DIR"):
        open_objects(f"coco:{folder}/annotations/i.json")
    with pytest.raises(InputError, match="cannot be read"):
        open_objects(spec)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"images": 3}, "not as COCO's instances are"),
        ({"annotations": [{"image_id": 9, "category_id": 3, "bbox": [1, 2, 3, 4]}]}, "no image or no category"),
        ({"annotations": [{"image_id": 0, "category_id": 3, "bbox": [1, 2, "3", 4]}]}, "`bbox` must be"),
        ({"annotations": [{"image_id": 0, "category_id": 3, "bbox": [1, 2, 0, 4]}]}, "x0 < x1"),
        ({"images": [{"id": 0, "file_name": "a.png", "width": 2000, "height": 3000}]}, "2000 x 3000 pixels, and"),
        ({"images": [{"id": 0, "file_name": "a.png"}, {"id": 0, "file_name": "b.png"}]}, "is there twice"),
    ],
)
def test_wrong_annotations_of_coco(folder, changes, said):
    if "images" in changes and changes["images"] != 3:
        changes = {"annotations": [{"image_id": 0, "category_id": 3, "bbox": [1, 2, 3, 4]}], **changes}
    with pytest.raises(InputError, match=said):
        open_objects(coco(folder, **changes))


def test_crowds_are_left_out(folder):
    told = []
    crowd = {"image_id": 0, "category_id": 3, "bbox": [1, 2, 3, 4], "iscrowd": 1}
    annotations = [crowd, crowd | {"iscrowd": 0}]
    assert len(open_objects(coco(folder, annotations=annotations), tell=told.append).rows) == 1
    assert "1 crowd(s) left out" in told[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('<!DOCTYPE a [<!ENTITY x "y">]><annotation>&x;</annotation>', "DTD or entities, which are not read"),
        ("<annotation><object>", "is no XML"),
        ("<annotation><filename>a.png</filename><object/></annotation>", "has no name"),
        ("", "is no XML"),
    ],
)
def test_wrong_annotations_of_voc(folder, content, said):
    (folder / "a.xml").write_text(content)
    with pytest.raises(InputError, match=said):
        open_objects(f"voc:{folder}")


def test_test_classes_must_be_known(folder):
    objects = open_objects(table(folder))
    assert objects.aligned(["dog", "x", "cat"]).classes.tolist() == [2, 0, 0]
    with pytest.raises(InputError, match=r"1 class\(es\) of 'boxes' are not in the training set, e.g. 'cat'"):
        objects.aligned(["dog"])
