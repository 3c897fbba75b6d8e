"""Which patches of an image are trained on, and as what."""

import types

import numpy as np
import pytest

from sjft_tf.config import PatchConfig, RunConfig
from sjft_tf.images import ImageSet, ObjectSet
from sjft_tf.patches import Tiling
from sjft_tf.pipeline.patching.learning import PatchLearning
from sjft_tf.workdir import Workdir

CONFIG = RunConfig().with_settings(target="unused", trunk="preact_resnet", weights="none", image_size=16, resize=16)
TILING = Tiling(16, 1, scales=5)


def learning(tmp_path, boxes, rows=(0, 0), **settings):
    images = ImageSet.from_arrays("x", np.zeros((2, 40, 40, 3), np.uint8), [0, 0], ["image"])
    given = None if boxes is None else np.array(boxes, np.float32)
    objects = ObjectSet(images, ("a", "b", "c"), np.array(rows, np.int32), np.array([2, 0], np.int32), given)
    network = types.SimpleNamespace(tiling=TILING, dense=False, patches=lambda h, w: TILING.patches(h, w).numpy())
    return PatchLearning(CONFIG, PatchConfig(**settings), Workdir(tmp_path), network, objects)


def test_boxes_give_classes_and_a_share_of_the_background(tmp_path):
    made = learning(tmp_path, [[0, 0, 10, 10], [28, 28, 40, 40]], background_share=1.0)
    chosen, targets = made.chosen(0, 40, 40)
    patches = TILING.patches(40, 40).numpy()[chosen]
    assert (targets.sum(axis=1) == 1).all()
    first, second = patches[targets[:, 2]], patches[targets[:, 0]]
    assert (first[:, :2] < 10).all()
    assert (second[:, 2:] > 28).all()
    assert not targets[:, 1].any()
    background = patches[targets[:, 3]]
    assert len(background) > 20
    assert not ((background[:, 0] < 10) & (background[:, 1] < 10)).any()
    fewer = learning(tmp_path, [[0, 0, 10, 10], [28, 28, 40, 40]], background_share=0.1).chosen(0, 40, 40)[1]
    assert 0 < fewer[:, 3].sum() < len(background) / 3
    np.testing.assert_array_equal(fewer[:, :3].sum(axis=0), targets[:, :3].sum(axis=0))


def test_an_image_without_objects_is_background_alone(tmp_path):
    targets = learning(tmp_path, [[0, 0, 10, 10], [28, 28, 40, 40]], background_share=1.0).chosen(1, 40, 40)[1]
    assert targets[:, 3].all()
    assert targets.sum() == len(TILING.patches(40, 40))


def test_without_boxes_patches_take_all_that_the_image_shows(tmp_path):
    chosen, targets = learning(tmp_path, None).chosen(0, 40, 40)
    assert chosen.all()
    assert (targets == [True, False, True, False]).all()


@pytest.mark.parametrize("boxes", [None, [[0, 0, 10, 10], [28, 28, 40, 40]]])
def test_at_most_so_many_of_an_image(tmp_path, boxes):
    made = learning(tmp_path, boxes, patches_per_image=7)
    chosen, targets = made.chosen(0, 40, 40)
    assert chosen.sum() == len(targets) == 7
    np.testing.assert_array_equal(made.chosen(0, 40, 40)[0], chosen)
