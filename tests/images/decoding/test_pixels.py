"""One picture, one meaning: training, evaluate, predict.py and an exported model see the same pixels of every kind."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.images import decode_bytes, inspect_image, open_image_set
from sjft_tf.images.decoding.decode import decode
from sjft_tf.images.decoding.in_graph import orientation_in_graph
from sjft_tf.images.decoding.orientation import orientation_of
from sjft_tf.pipeline.answering.image_files import readable

MADE = runpy.run_path(str(Path(__file__).with_name("image_kinds.py")), run_name="image_kinds")
KINDS = MADE["all_kinds"]()


in_training = tf.function(decode, input_signature=[tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.bool)])
served = tf.function(decode_bytes, input_signature=[tf.TensorSpec([], tf.string)])


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """All kinds as a folder of two classes; the content tells the format, not the name."""
    root = tmp_path_factory.mktemp("kinds")
    paths = {name: root / "ab"[number % 2] / f"{number}.png" for number, name in enumerate(KINDS)}
    for name, path in paths.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(KINDS[name].content)
    return paths


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow's word to the user, no verdict
def test_four_ways_show_the_same(paths):
    """All in one test: each of its own took longer to be set up than to be run."""
    images = open_image_set(f"folder:{paths['jpeg'].parent.parent}")
    evaluated = dict(zip(images.ids, (one["image"] for one in images.dataset().as_numpy_iterator()), strict=True))
    assert len(KINDS) >= 100
    for name, kind in KINDS.items():
        trained = in_training(kind.content, inspect_image(kind.content).plain).numpy()
        if kind.shown is not None:
            assert trained.shape == kind.shown.shape, name
            assert np.abs(trained.astype(int) - kind.shown).max() <= kind.tolerance, name
        in_a_set = evaluated["/".join(paths[name].parts[-2:])]
        np.testing.assert_array_equal(in_a_set, trained, err_msg=name)
        content, reason = readable(paths[name])
        assert not reason, name
        np.testing.assert_array_equal(served(content), trained, err_msg=name)
        if kind.served:
            np.testing.assert_array_equal(served(kind.content), trained, err_msg=name)
        else:
            refusal = f"must be JPEG or PNG.*{name.split()[0]}.*into PNG"
            with pytest.raises(tf.errors.InvalidArgumentError, match=refusal):
                served(kind.content)


EXIF = [MADE["exif"](orientation, order, kind) for orientation in (0, 1, 6, 8, 9) for order in "<>" for kind in (3, 4)]
found_in_graph = tf.function(orientation_in_graph, input_signature=[tf.TensorSpec([], tf.string)])


@given(st.data())
def test_orientation_is_found_alike(data):
    """In Python and in a graph, of damaged blocks and files too."""
    block = bytearray(data.draw(st.sampled_from(EXIF)))
    for _ in range(data.draw(st.integers(0, 2))):
        block[data.draw(st.integers(0, len(block) - 1))] = data.draw(st.sampled_from([0, 1, 3, 6, 18, 127, 255]))
    if data.draw(st.booleans()):
        content = MADE["png"](np.zeros((2, 2, 1), int), 8, 0, after=MADE["chunk"](b"eXIf", bytes(block)))
    else:
        size = (len(block) + 8).to_bytes(2, "big")
        content = b"\xff\xd8\xff\xff\xfe\0\4ab\xff\x01\xff\xe1" + size + b"Exif\0\0" + bytes(block) + b"\xff\xda"
    content = bytearray(content[: data.draw(st.integers(0, len(content)))])
    if content and data.draw(st.booleans()):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    assert found_in_graph(bytes(content)).numpy() == orientation_of(bytes(content))
