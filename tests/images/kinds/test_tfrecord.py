"""TFRecord shards in the layouts people have, opened as image sets."""

import gzip
import io
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.images import check_disjoint, default_splits, open_image_set, open_source
from sjft_tf.images.kinds import shards as shards_module
from sjft_tf.images.kinds.tfrecord import open_tfrecord
from sjft_tf.images.sets.scan import inspect_image


def picture(gray, kind="PNG", size=4):
    stream = io.BytesIO()
    Image.new("L", (size, size), gray).save(stream, kind)
    return stream.getvalue()


def feature(value):
    if isinstance(value, bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    if isinstance(value, float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
    values = [value] if isinstance(value, int) else value
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def write(path, examples, compression=""):
    """Examples are dicts of features, or bytes as they are."""
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for one in examples:
            if isinstance(one, bytes):
                writer.write(one)
                continue
            features = tf.train.Features(feature={name: feature(value) for name, value in one.items()})
            writer.write(tf.train.Example(features=features).SerializeToString())


def slim(gray, label, text=b"", synset=b"", **options):
    return {
        "image/encoded": picture(gray, **options),
        "image/class/label": label,
        "image/class/text": text,
        "image/class/synset": synset,
        "image/height": 4,
        "image/filename": b"%d.png" % gray,
        "image/object/bbox/xmin": [],
    }


def grays(images, rows=None):
    return [int(e["image"][0, 0, 0]) for e in images.dataset(rows).as_numpy_iterator()]


@pytest.fixture
def imagenet(tmp_path):
    """Two shards of five images: grays 10, 20, 30 and 40, 50; two classes with the same text."""
    crane = (b"crane", b"n01"), (b"crane", b"n02"), (b"owl, bird", b"n03")
    write(tmp_path / "train-00000-of-00002", [slim(10 * i, i, *crane[i - 1]) for i in (1, 2, 3)])
    write(tmp_path / "train-00001-of-00002", [slim(40, 2, *crane[1]), slim(50, 1, *crane[0])])
    return f"tfrecord:{tmp_path}/train-*-of-00002"


def test_slim_layout(imagenet, tmp_path):
    for name in ("validation-00000-of-00001", "extra-00000-of-00001", "imagenet.txt", "more.txt", ".crc"):
        (tmp_path / name).touch()
    told, passed_over = [], "passed over 3 other files (2 .txt, 1 without extension)"
    images = open_image_set(imagenet, tell=told.append)
    assert images.name == "train"
    assert told == ["train: 5 images of 3 classes (n01, n02, n03); splits there: train, validation; " + passed_over]
    assert images.ids.tolist() == [
        f"train-0000{s}-of-00002/00000{i}" for s, i in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1))
    ]
    assert images.class_names == ("n01", "n02", "n03")
    assert images.labels.tolist() == [0, 1, 2, 1, 0]
    assert images.origin == str(tmp_path)
    assert grays(images) == [10, 20, 30, 40, 50]
    assert default_splits(imagenet) == {}


def test_rows_go_to_their_images_under_random_access(imagenet):
    images = open_image_set(imagenet)
    rows = np.random.default_rng(0).integers(0, 5, 60)
    assert grays(images, rows) == [10 * (row + 1) for row in rows]
    assert images.load(3).numpy()[0, 0, 0] == 40
    assert images.load(tf.constant(4)).shape == (4, 4, 3)
    assert grays(images.subset([4, 1])) == [50, 20]


def test_tensorflow_datasets_layout(tmp_path):
    told = []
    for i in range(2):
        shard = tmp_path / f"toy-train.tfrecord-0000{i}-of-00002"
        write(shard, [{"image": picture(10 * i + j, "JPEG"), "label": j, "file_name": b"x"} for j in range(2)])
    spec = f"tfrecord:{tmp_path}/toy-train.tfrecord-*"
    images = open_image_set(spec)
    assert images.name == "toy-train"
    assert images.class_names == ("0", "1")
    assert grays(images) == pytest.approx([0, 1, 10, 11], abs=1)
    (tmp_path / "label.labels.txt").write_text("cat\ndog\nowl\n")
    shutil.copy(shard, tmp_path / "toy-test.tfrecord-00000-of-00001")
    named = open_image_set(spec, tell=told.append)
    assert told == ["toy-train: 4 images of 3 classes (cat, dog, owl); splits there: toy-test, toy-train"]
    assert named.class_names == ("cat", "dog", "owl")
    assert named.labels.tolist() == [0, 1, 0, 1]


def test_own_features_text_labels_and_ids(tmp_path):
    examples = [{"jpg": picture(i), "kind": name, "key": b"k%d" % i} for i, name in enumerate((b"owl", "é".encode()))]
    write(tmp_path / "toy.tfrecord", examples)
    images = open_image_set(f"tfrecord:{tmp_path}/toy.tfrecord?image=jpg&label=kind&id=key")
    assert images.name == "toy"
    assert images.ids.tolist() == ["k0", "k1"]
    assert images.class_names == ("owl", "é")
    assert grays(images) == [0, 1]


def test_the_same_record_is_known_under_other_ids_and_patterns(imagenet, tmp_path):
    images = open_image_set(imagenet)
    named = open_image_set(f"tfrecord:{tmp_path}/train-00001*?id=image/filename")
    assert named.ids.tolist() == ["40.png", "50.png"]
    with pytest.raises(InputError, match=r"2 image\(s\) are in both"):
        check_disjoint(images, named)
    shutil.copy(tmp_path / "train-00001-of-00002", tmp_path / "val-00000-of-00001")
    # Equal ids in other shards are other images.
    check_disjoint(named, open_image_set(f"tfrecord:{tmp_path}/val-*?id=image/filename"))


@pytest.mark.parametrize(("options", "first"), [("", 1), ("&first_label=1", 1)])
def test_class_names_from_a_file(imagenet, tmp_path, options, first):
    (tmp_path / "names.txt").write_text("a\nb\nc\n\n")
    images = open_image_set(f"{imagenet}?classes={tmp_path}/names.txt{options}")
    assert images.class_names == ("a", "b", "c")
    assert images.labels.tolist() == [0, 1, 2, 1, 0]
    assert images.labels.min() == 0


def test_class_names_with_a_background_class(imagenet, tmp_path):
    (tmp_path / "names.txt").write_text("background\na\nb\nc\n")
    with pytest.raises(InputError, match=r"labels from 1 to 3 fit the 4 names of `classes` from 0 on and from 1 on"):
        open_image_set(f"{imagenet}?classes={tmp_path}/names.txt")
    images = open_image_set(f"{imagenet}?classes={tmp_path}/names.txt&first_label=0")
    assert images.labels.tolist() == [1, 2, 3, 2, 1]


def test_a_remote_pattern(imagenet, tmp_path):
    for shard in ("train-00000-of-00002", "train-00001-of-00002"):
        tf.io.gfile.makedirs("ram://tfrecord_test/deep")
        tf.io.gfile.copy(str(tmp_path / shard), f"ram://tfrecord_test/deep/{shard}", overwrite=True)
    images = open_image_set("tfrecord:ram://tfrecord_test/deep/train-*")
    assert images.fingerprint == open_image_set(imagenet).fingerprint
    assert grays(images, [4, 0, 2]) == [50, 10, 30]
    assert images.origin == "ram://tfrecord_test/deep"
    tf.io.gfile.rmtree("ram://tfrecord_test")


@pytest.mark.parametrize("where", ["disk", "ram"])
def test_compressed_shards_are_spooled_and_that_is_said(imagenet, tmp_path, caplog, where):
    folder = str(tmp_path / "packed") if where == "disk" else "ram://packed_test"
    tf.io.gfile.makedirs(folder)
    for shard in ("train-00000-of-00002", "train-00001-of-00002"):
        with tf.io.gfile.GFile(f"{folder}/{shard}", "wb") as stream:
            stream.write(gzip.compress((tmp_path / shard).read_bytes()))
    with pytest.raises(InputError, match=r"record 0 .* is corrupt.*compressed with gzip: add \?compression=GZIP"):
        open_image_set(f"tfrecord:{folder}/train-*")
    cache = tmp_path / "cache"
    for _ in range(2):  # the second time from the cache
        images = open_image_set(f"tfrecord:{folder}/train-*?compression=GZIP", cache=cache)
        assert images.fingerprint == open_image_set(imagenet).fingerprint
        assert grays(images, [4, 0, 2, 3]) == [50, 10, 30, 40]
    assert "compressed shards cannot be read at random. All 2 are copied" in caplog.text
    with pytest.raises(InputError, match=r"record 0 .* is corrupt.*is this one compressed with gzip\?"):
        open_image_set(f"{imagenet}?compression=gzip")
    path = f"{folder}/train-00001-of-00002"
    content = tf.io.gfile.GFile(path, "rb").read()
    with tf.io.gfile.GFile(path, "wb") as stream:
        stream.write(content[:-9])
    with pytest.raises(InputError, match=r"train-00001-of-00002 cannot be decompressed with gzip"):
        open_image_set(f"tfrecord:{folder}/train-*?compression=GZIP")


def test_images_that_do_not_decode(imagenet, tmp_path):
    broken = slim(60, 1, b"crane", b"n01")
    broken["image/encoded"] = broken["image/encoded"][:-30]
    write(tmp_path / "train-00002-of-00002", [broken, slim(70, 3, b"owl, bird", b"n03")])
    spec = imagenet.replace("-of-00002", "*")
    with pytest.raises(
        InputError, match=r"train-00002-of-00002, record 0 cannot be decoded: .*\(1 such image\(s\) among 7\)"
    ):
        open_image_set(spec)
    report = tmp_path / "bad.csv"
    for _ in range(2):
        images = open_image_set(spec, bad_images="skip", report=report, cache=tmp_path / "cache")
        assert grays(images) == [10, 20, 30, 40, 50, 70]
        assert images.ids[-1] == "train-00002-of-00002/000001"
        assert f"{tmp_path}/train-00002-of-00002, record 0" in report.read_text()
    with pytest.raises(InputError, match=r"none of its 1 images can be decoded"):
        write(tmp_path / "alone", [broken])
        open_image_set(f"tfrecord:{tmp_path}/alone", bad_images="skip")


def test_images_for_pillow(tmp_path):
    write(tmp_path / "a.tfrecord", [{"image": picture(9, "GIF"), "label": 0}, {"image": picture(7), "label": 1}])
    assert grays(open_image_set(f"tfrecord:{tmp_path}/a.tfrecord")) == [9, 7]


@pytest.fixture
def inspected(monkeypatch):
    seen = []

    def counted(encoded, *limits):
        seen.append(encoded)
        return inspect_image(encoded, *limits)

    monkeypatch.setattr(shards_module, "inspect_image", counted)
    return seen


def test_only_changed_shards_are_read_again(imagenet, tmp_path, inspected):
    cache = tmp_path / "cache"
    first = open_image_set(imagenet, cache=cache)
    assert len(inspected) == 5
    again = open_image_set(imagenet, cache=cache)
    assert len(inspected) == 5
    assert (again.fingerprint, again.name) == (first.fingerprint, first.name)
    assert grays(again, [3, 1]) == [40, 20]
    write(tmp_path / "train-00001-of-00002", [slim(90, 3, b"owl, bird", b"n03", size=9)])
    changed = open_image_set(imagenet, cache=cache)
    assert len(inspected) == 6
    assert grays(changed) == [10, 20, 30, 90]
    open_image_set(f"{imagenet}?label=image/class/text", cache=cache)  # other features, another result
    assert len(inspected) == 10


def test_a_damaged_cache_is_made_again(imagenet, tmp_path, inspected):
    cache = tmp_path / "cache"
    open_image_set(imagenet, cache=cache)
    for path in cache.iterdir():
        path.write_bytes(b"damaged")
    assert grays(open_image_set(imagenet, cache=cache)) == [10, 20, 30, 40, 50]
    assert len(inspected) == 10


def test_a_shard_that_shrank_after_it_was_checked_is_named(imagenet, tmp_path):
    images = open_image_set(imagenet)
    (tmp_path / "train-00001-of-00002").write_bytes(b"")
    assert grays(images, [0, 2]) == [10, 30]
    for error, read in ((OSError, lambda: images.load(4)), (tf.errors.OpError, lambda: grays(images, [4]))):
        with pytest.raises(error, match=r"train-00001-of-00002 is shorter than when it was checked"):
            read()


@pytest.mark.parametrize(
    ("examples", "options", "message"),
    [
        ([{"picture": b"x", "label": 1}], "", r"record 0 has no feature 'image/encoded'. Its features: label, picture"),
        ([{"image": b"x", "class": 1}], "", r"no feature 'image/class/label'. Its features: class, image. .*\?label="),
        ([{"image": b"x", "label": 1}], "?id=name", r"no feature 'name'.*\?id=FEATURE"),
        ([{"image": picture(0), "label": -1}], "", r"record 0 has no label \(label = -1\)"),
        ([{"image": picture(0), "label": b""}], "", r"record 0 has no label"),
        (
            [{"image": picture(0), "label": 1.0}],
            "",
            r"'label' must be one byte string or one integer.*Received: 0 of float_list",
        ),
        ([{"image": picture(0), "label": [1, 2]}], "", r"Received: 2 of int64_list"),
        ([{"image": 3, "label": 1}], "", r"'image' must be an encoded image. Received: a number"),
        ([{"image": picture(0), "label": 1}, {"image": picture(0)}], "", r"record 1 has no feature 'label'"),
        ([{"image": picture(0), "label": 1}, {"image": picture(0), "label": b"x"}], "", r"all integers or all text"),
        ([{"image": picture(0), "label": b"\xff"}], "", r"is not UTF-8"),
        ([b"\xff\xff no example"], "", r"record 0 is no tf.train.Example"),
        ([], "", r"its 1 shard\(s\) hold no records"),
        ([{"image": picture(0), "label": 1}], "?compression=LZ4", r"'compression' must be GZIP or NONE"),
        ([{"image": picture(0), "label": 1}], "?first_label=2", r"'first_label' must be 0, 1 or auto"),
        ([{"image": picture(0), "label": 1}], "?first_label=1", r"'first_label' needs 'classes'"),
        ([{"image": picture(0), "label": 1}], "?classes=/none/x.txt", r"class names cannot be read from /none/x.txt"),
        ([{"image": picture(0), "label": 1}], "#train", r"shards have no splits. Name those of one in the pattern"),
        (
            [{"image": picture(0), "label": 1}],
            "?lable=x",
            r"unknown option 'lable'. Options of tfrecord: image, label, id",
        ),
    ],
)
def test_errors_name_the_record_and_what_to_do(tmp_path, examples, options, message):
    write(tmp_path / "a", examples)
    with pytest.raises(InputError, match=message):
        open_image_set(f"tfrecord:{tmp_path}/a{options}")


def test_patterns_that_name_nothing_or_something_else(tmp_path):
    with pytest.raises(InputError, match=r"no file matches .*none-\*. Expected shards"):
        open_image_set(f"tfrecord:{tmp_path}/none-*")
    with pytest.raises(InputError, match=r"no file matches"):
        open_image_set(f"tfrecord:{tmp_path}")  # a folder
    with pytest.raises(InputError, match=r"cannot be listed \(File system scheme 'nofs' not implemented"):
        open_image_set("tfrecord:nofs://x/*")
    with pytest.raises(InputError, match=r"names no path"):
        open_image_set("tfrecord")
    (tmp_path / "notes.txt").write_text("these are no records, as anybody can see")
    with pytest.raises(InputError, match=r"notes.txt, record 0 .* corrupt.*does the pattern name other files too\?"):
        open_image_set(f"tfrecord:{tmp_path}/*")


def test_names_without_wildcards_or_with_nothing_before_them(tmp_path):
    (tmp_path / "flowers").mkdir()
    write(tmp_path / "flowers/0", [{"image": picture(0), "label": 0}])
    assert open_image_set(f"tfrecord:{tmp_path}/flowers/*").name == "flowers"
    assert open_image_set(f"tfrecord:{tmp_path}/flo*/*").ids.tolist() == ["flowers/0/000000"]
    assert open_image_set(f"tfrecord:{tmp_path}/flowers/0").name == "0"


def test_three_kinds_as_one_source_with_random_access(imagenet, tmp_path):
    for i in range(3):
        path = tmp_path / f"photos/c{i % 2}/{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(100 + i))
    tf.io.gfile.makedirs("ram://one_source")
    for i in range(2):
        with tf.io.gfile.GFile(f"ram://one_source/{i}.jpg", "wb") as stream:
            stream.write(picture(200 + i, "JPEG", size=64))
    (tmp_path / "list.csv").write_text("path,label\nram://one_source/1.jpg,x\nram://one_source/0.jpg,y\n")
    joined = open_source([imagenet, f"csv:{tmp_path}/list.csv", f"folder:{tmp_path}/photos"])
    expected = np.array([10, 20, 30, 40, 50, 201, 200, 100, 102, 101])
    rows = np.random.default_rng(1).integers(0, 10, 100)
    np.testing.assert_array_equal(grays(joined, rows), expected[rows])
    assert joined.class_names == ("train/n01", "train/n02", "train/n03", "list/x", "list/y", "photos/c0", "photos/c1")
    assert joined.labels.tolist() == [0, 1, 2, 1, 0, 3, 4, 5, 5, 6]
    assert joined.ids[[0, 6, 9]].tolist() == [
        "train/train-00000-of-00002/000000",
        "list/ram://one_source/0.jpg",
        "photos/c1/1.png",
    ]
    smaller = joined.subset([6, 0, 9]).relabeled(np.zeros(3, int), ["all"]).reduced(16)
    assert [e["image"].shape[0] for e in smaller.dataset().as_numpy_iterator()] == [16, 4, 4]
    assert grays(smaller) == [200, 10, 101]
    tf.io.gfile.rmtree("ram://one_source")


def test_large_jpegs_of_shards_are_reduced(tmp_path):
    write(tmp_path / "a", [{"image": picture(i, "JPEG", size=64), "label": i} for i in range(2)])
    images = open_image_set(f"tfrecord:{tmp_path}/a")
    assert images.reduced(8).load(1).shape == (8, 8, 3)
    assert images.load(1).shape == (64, 64, 3)


def test_the_opener_says_its_options():
    for option in ("image=", "label=", "id=", "classes=", "first_label=", "compression="):
        assert option in open_tfrecord.__doc__
