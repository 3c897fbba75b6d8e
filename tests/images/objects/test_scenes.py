import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet, default_splits, object_splits, open_image_set, open_objects
from sjft_tf.images.objects.object_set import by_image_labels
from sjft_tf.images.objects.scenes import CHARACTERS


@pytest.fixture(scope="module")
def scenes():
    return open_objects("scenes?n=30&side=96&objects=4&seed=3")


def test_boxes_lie_on_the_canvas_and_apart(scenes):
    assert scenes.images.load(0).shape == (96, 96, 3)
    assert (len(scenes), scenes.num_classes, scenes.class_names) == (30, 20, CHARACTERS)
    assert set(scenes.rows) == set(range(30))
    for row in range(30):
        classes, boxes = scenes.objects(row)
        assert 1 <= len(classes) <= 4
        assert (boxes[:, :2] >= 0).all()
        assert (boxes[:, 2:] <= 96).all()
        assert (boxes[:, 2:] - boxes[:, :2] >= 5).all()
        cover = np.zeros((96, 96), int)
        for x0, y0, x1, y1 in boxes.astype(int):
            cover[y0:y1, x0:x1] += 1
        assert cover.max() == 1


def test_an_object_differs_from_the_ground_around_it(scenes):
    image = scenes.images.load(0).numpy().astype(float)
    x0, y0, x1, y1 = scenes.objects(0)[1][0].astype(int)
    corner = image[:4, :4].mean((0, 1))
    assert np.abs(image[y0:y1, x0:x1] - corner).mean(2).max() > 60


def test_the_seed_makes_the_set_and_splits_differ(scenes):
    assert open_objects("scenes#train?n=30&side=96&seed=3").fingerprint == scenes.fingerprint
    others = [open_objects(f"scenes#{what}&n=30&side=96") for what in ("test?seed=3", "train?seed=4")]
    assert len({scenes.fingerprint, *(one.fingerprint for one in others)}) == 3
    assert object_splits("scenes?n=30") == {"train": "scenes#train?n=30", "test": "scenes#test?n=30"}


def test_a_subset_keeps_its_objects(scenes):
    part = scenes.subset(np.array([3, 7, 20]), "part")
    assert (part.name, part.class_names) == ("part", scenes.class_names)
    np.testing.assert_array_equal(part.present, scenes.present[[3, 7, 20]])
    np.testing.assert_array_equal(part.objects(1)[1], scenes.objects(7)[1])


@pytest.mark.parametrize("spec", ["scenes?n=1", "scenes?side=20", "scenes?objects=0", "scenes?seed=-1"])
def test_options_out_of_range_are_refused(spec):
    with pytest.raises(InputError, match="must be between"):
        open_objects(spec)


@pytest.mark.parametrize(("spec", "said"), [("scenes:x", "takes no name"), ("scenes#val", "has no split 'val'")])
def test_other_scenes_are_refused(spec, said):
    with pytest.raises(InputError, match=said):
        open_objects(spec)


def test_a_set_of_one_label_an_image_has_no_boxes():
    images = ImageSet.from_arrays("x", np.zeros((3, 4, 4, 3), np.uint8), [2, 0, 2], ["a", "b", "c"])
    from sjft_tf.images.objects.object_set import by_image_labels

    objects = by_image_labels(images)
    assert objects.class_names == ("a", "c")
    np.testing.assert_array_equal(objects.present, [[False, True], [True, False], [False, True]])
    assert objects.boxes is None
    assert objects.objects(0)[1] is None


def test_training_sees_the_classes_of_the_objects():
    scenes, told = open_objects("scenes?n=30"), []
    images = open_image_set("scenes?n=30", tell=told.append)
    np.testing.assert_array_equal(images.truth, scenes.present)
    assert images.class_names == scenes.class_names
    assert "labels an image on average" in told[0]
    assert default_splits("scenes?n=30") == {role: f"scenes#{role}?n=30" for role in ("train", "test")}
    again = by_image_labels(images)  # and patches those of images that may have several
    np.testing.assert_array_equal(again.present, scenes.present[:, scenes.present.any(axis=0)])
