"""Pictures of heat maps: what is refused, names of files, the part of the image that is seen."""

from __future__ import annotations

import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.images import View
from sjft_tf.pipeline.answering.heat_maps import HeatMapPictures, HeatMapRequest, shown


def test_what_cannot_be_drawn_is_refused(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.png").write_bytes(b"")
    HeatMapRequest().check("")
    HeatMapRequest(str(tmp_path / "new")).check("runs/mine")
    for request, workdir, told in (
        (HeatMapRequest(str(tmp_path / "new")), "", "SavedModel has neither layers nor gradients"),
        (HeatMapRequest(str(tmp_path / "mine")), "runs/mine", "not an empty folder"),
        (HeatMapRequest(str(tmp_path / "mine" / "a.png")), "runs/mine", "not an empty folder"),
        (HeatMapRequest("", class_name="rose"), "runs/mine", "--heat_maps=FOLDER"),
        (HeatMapRequest("new", "saliency"), "runs/mine", "must be one of auto"),
    ):
        with pytest.raises(InputError, match=told):
            request.check(workdir)


def test_every_image_gets_a_name_of_its_own():
    pictures = HeatMapPictures.__new__(HeatMapPictures)
    pictures._taken = set()
    names = [pictures._free(path) for path in ("a/rose.jpg", "b/Rose.png", "b/rose.gif", "a b.jpg", ".png", "rose-2.x")]
    assert names == ["rose", "Rose-2", "rose-3", "a_b", "png", "rose-2-2"]


def test_the_part_of_the_image_that_the_network_sees():
    image = np.arange(40 * 60 * 3).astype(np.uint8).reshape(40, 60, 3)
    seen = shown(image, View(20, 10))  # the middle half of each side, enlarged by whole numbers
    times = 224 // 30 + 1
    np.testing.assert_array_equal(seen, image[10:30, 15:45].repeat(times, 0).repeat(times, 1))
    assert shown(np.zeros((3000, 1500, 3), np.uint8), View(32, 32)).shape == (1024, 512, 3)
    assert shown(np.zeros((1, 300, 3), np.uint8), View(32, 16)).shape == (2, 300, 3)
