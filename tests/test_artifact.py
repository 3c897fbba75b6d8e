"""Found or made: which of the two, for every state of the file and of its stamp."""

import logging

import numpy as np
import pytest

from sjft_tf.artifacts import Artifact, ArtifactMismatch, load_npz, save_npz
from sjft_tf.errors import InputError
from sjft_tf.schema import Array, Schema

SCHEMA = Schema({"x": Array("int", ("n",))}, {"made_from": dict})


def load(path):
    arrays, meta = load_npz(path, SCHEMA)
    return arrays["x"], meta["made_from"]


def save(path, x, made_from):
    save_npz(path, {"x": x}, {"made_from": made_from})


def never():
    raise AssertionError("made again")


@pytest.fixture
def artifact(tmp_path):
    def build(n=3, images="a", **more):
        return Artifact(tmp_path / "x.npz", {"n": n, "images": images}, load, save, **more)

    return build


@pytest.mark.parametrize("replaceable", [False, True])
def test_made_once_and_found_again(artifact, replaceable):
    assert artifact(replaceable=replaceable).stored() is None
    np.testing.assert_array_equal(artifact(replaceable=replaceable).get(lambda: np.arange(3)), [0, 1, 2])
    np.testing.assert_array_equal(artifact(replaceable=replaceable).get(never), [0, 1, 2])


def test_of_something_else_is_refused_and_stays(artifact):
    artifact().get(lambda: np.arange(3))
    before = artifact().path.read_bytes()
    with pytest.raises(ArtifactMismatch, match=r"x\.npz was made from other inputs \(n: 3 there, 4 asked for\)"):
        artifact(n=4).get(never)
    assert artifact().path.read_bytes() == before


def test_of_something_else_gives_way_where_it_may(artifact):
    artifact().get(lambda: np.arange(3))
    np.testing.assert_array_equal(artifact(n=4, replaceable=True).get(lambda: np.arange(4)), np.arange(4))
    assert artifact(n=4).stored() is not None


def test_what_is_fixed_does_not_give_way(artifact):
    artifact().get(lambda: np.arange(3))
    assert artifact(n=4, replaceable=True, fixed=["images", "not there"]).stored() is None
    with pytest.raises(ArtifactMismatch, match="images: 'a' there, 'b' asked for.*Choose another --workdir"):
        artifact(images="b", replaceable=True, fixed=["images"]).get(never)


def test_damage_is_refused_or_told(artifact, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("sjft_tf"), "propagate", True)
    artifact().path.write_bytes(b"PK no zip")
    with pytest.raises(InputError, match=r"x\.npz is not an artifact of sjft_tf or is damaged"):
        artifact().get(never)
    np.testing.assert_array_equal(artifact(replaceable=True).get(lambda: np.arange(3)), [0, 1, 2])
    assert "Remove it to have it made again. It is made again." in caplog.text


def test_content_that_cannot_be_is_damage(artifact):
    artifact().get(lambda: np.arange(3))

    def unfit(x):
        return "it is too long" if len(x) > 2 else None

    with pytest.raises(InputError, match=r"x\.npz is damaged: it is too long\. Remove it"):
        artifact(unfit=unfit).get(never)
    np.testing.assert_array_equal(artifact(unfit=unfit, replaceable=True).get(lambda: np.arange(2)), [0, 1])


def test_a_value_that_cannot_be_made_leaves_what_was_there(artifact):
    def fails():
        raise InputError("no")

    artifact().get(lambda: np.arange(3))
    with pytest.raises(InputError, match="no"):
        artifact(n=4, replaceable=True).get(fails)
    assert artifact().stored() is not None
