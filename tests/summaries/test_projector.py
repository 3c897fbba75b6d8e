"""The projector's files, answered for by TensorBoard's own plugin."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.summaries.projector import (
    LARGEST_SPRITE,
    THUMBNAIL,
    projector_made_from,
    remove_projector,
    sprite,
    thumbnail_side,
    write_projector,
)


@pytest.fixture
def points(rng):
    return {
        "features": rng.normal(size=(5, 3)).astype(np.float32),
        "columns": {"id": ["a/1\t.png", "b\n", "c", "d", ""], "class": list("xyxyx"), "entropy": [0.5, 1, 2, 3, 4]},
        "thumbnails": rng.integers(0, 256, (5, 4, 4, 3), dtype=np.uint8),
        "made_from": {"weights": "abc"},
    }


def ask(logdir, route, **query):
    """What the plugin of a TensorBoard at `logdir` answers."""
    from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
    from tensorboard.plugins import base_plugin
    from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin
    from werkzeug import test, wrappers

    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(logdir))
    multiplexer.Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, str(logdir))
    plugin = ProjectorPlugin(base_plugin.TBContext(logdir=str(logdir), data_provider=provider))
    answer = test.Client(plugin.get_plugin_apps()[route], wrappers.Response).get(query_string=query)
    assert answer.status_code == 200, answer.get_data()
    return answer.get_data()


def test_tensorboard_finds_points_metadata_and_sprite(tmp_path, points):
    write_projector(tmp_path, **points)
    assert json.loads(ask(tmp_path, "/runs")) == ["."]
    [embedding] = json.loads(ask(tmp_path, "/info", run="."))["embeddings"]
    assert embedding["tensorShape"] == [5, 3]
    assert embedding["sprite"]["singleImageDim"] == [4, 4]
    tensor = np.frombuffer(ask(tmp_path, "/tensor", run=".", name="features"), np.float32).reshape(5, 3)
    np.testing.assert_allclose(tensor, points["features"], rtol=1e-4)
    lines = ask(tmp_path, "/metadata", run=".", name="features").decode().splitlines()
    assert [line.split("\t") for line in lines] == [
        ["id", "class", "entropy"],
        ["a/1 .png", "x", "0.5"],
        ["b", "y", "1"],
        ["c", "x", "2"],
        ["d", "y", "3"],
        [" ", "x", "4"],
    ]
    picture = np.asarray(Image.open(io.BytesIO(ask(tmp_path, "/sprite_image", run=".", name="features"))))
    np.testing.assert_array_equal(picture, sprite(points["thumbnails"]))


def test_written_again_replaces_all_and_what_it_was_made_from(tmp_path, points):
    assert projector_made_from(tmp_path) is None
    write_projector(tmp_path, **points)
    assert projector_made_from(tmp_path) == {"weights": "abc"}
    (tmp_path / "projector" / "more.txt").touch()
    write_projector(tmp_path, **points | {"made_from": {"weights": "def"}})
    assert projector_made_from(tmp_path) == {"weights": "def"}
    assert sorted(path.name for path in (tmp_path / "projector").iterdir()) == [
        "features.tsv",
        "made_from.json",
        "metadata.tsv",
        "sprite.png",
    ]
    remove_projector(tmp_path)
    remove_projector(tmp_path)
    assert not list(tmp_path.iterdir())


def test_points_without_their_config_are_not_there(tmp_path, points):
    write_projector(tmp_path, **points)
    (tmp_path / "projector_config.pbtxt").unlink()
    assert projector_made_from(tmp_path) is None


def test_points_with_a_damaged_stamp_are_not_there_and_it_is_told(tmp_path, points, caplog):
    stamp = write_projector(tmp_path, **points) / "made_from.json"
    stamp.write_bytes(stamp.read_bytes().replace(b"abc", b"abd"))
    assert projector_made_from(tmp_path) is None
    assert "made_from.json" in caplog.text
    assert "The points are made again" in caplog.text


def test_sprite_goes_row_by_row():
    thumbnails = np.arange(3, dtype=np.uint8)[:, None, None, None] * np.ones((3, 2, 2, 3), np.uint8)
    want = [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 255, 255], [2, 2, 255, 255]]
    assert sprite(thumbnails)[..., 0].tolist() == want


@given(st.integers(1, 8192))
def test_sprites_fit_into_a_texture(count):
    side = thumbnail_side(count)
    across = int(np.ceil(np.sqrt(count)))
    assert 1 <= side <= THUMBNAIL
    assert across * side <= LARGEST_SPRITE
    assert side == THUMBNAIL or across * (side + 1) > LARGEST_SPRITE


@pytest.mark.parametrize(
    "wrong",
    [
        {"features": np.zeros((0, 3))},
        {"features": np.zeros((5, 1))},
        {"features": np.zeros((4, 3))},
        {"columns": {"id": list("abcde")}},
        {"thumbnails": np.zeros((4, 4, 4, 3), np.uint8)},
    ],
)
def test_refuses_what_does_not_fit(tmp_path, points, wrong):
    with pytest.raises(InputError, match=r"features \[N, F\]"):
        write_projector(tmp_path, **points | wrong)
    assert not list(tmp_path.iterdir())
