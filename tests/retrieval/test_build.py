"""From two image sets to a neighbor table."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.artifacts import ArtifactMismatch
from sjft_tf.descriptors import BinEdges, GaborBank
from sjft_tf.descriptors import target_descriptors as describe
from sjft_tf.errors import InputError
from sjft_tf.retrieval import build, build_neighbor_table


class Memory:
    """An ImageSet of arrays in memory."""

    def __init__(self, images, name):
        self.images, self.name, self.fingerprint = images, name, f"{name}-print"

    def __len__(self):
        return len(self.images)

    def dataset(self, rows=None):
        rows = np.arange(len(self), dtype=np.int32) if rows is None else np.asarray(rows, np.int32)
        return tf.data.Dataset.from_tensor_slices({"row": rows, "image": self.images[rows]})


@dataclasses.dataclass
class Whole:
    """A View that takes images as they are."""

    resize: int = 16
    crop: int = 16

    def __call__(self, image):
        return tf.cast(image, tf.float32)


def stripes(rng, images, period, down):
    """Noisy stripes of one period, along rows or columns."""
    wave = 127 + 90 * np.sin(2 * np.pi * np.arange(16) / period + rng.uniform(0, 6, (images, 1)))
    image = np.repeat(wave[:, :, None], 16, axis=2) if down else np.repeat(wave[:, None, :], 16, axis=1)
    return np.repeat((image + rng.normal(0, 5, image.shape)).clip(0, 255)[..., None], 3, axis=-1).astype(np.uint8)


@pytest.fixture
def sets(rng):
    target = Memory(stripes(rng, 6, 4, True), "target")
    return target, Memory(np.concatenate([stripes(rng, 10, 4, False), stripes(rng, 10, 4, True)]), "source")


def test_texture_finds_its_like(sets):
    table = build_neighbor_table(*sets, GaborBank(), Whole(), bins=10, k=5)
    # Rows 10 to 19 have stripes in the target's direction.
    assert (table.rows >= 10).all()
    assert table.made_from["source_size"] == 20
    assert table.made_from["target"] == "target-print"
    # An image set against itself: everything is its own nearest.
    own = build_neighbor_table(sets[0], sets[0], GaborBank(), Whole(), bins=10, k=6)
    np.testing.assert_array_equal(own.rows[:, 0], np.arange(6))


def test_edges_are_kept_and_used_again(sets, tmp_path, monkeypatch):
    path = tmp_path / "edges.npz"
    first = build_neighbor_table(*sets, GaborBank(), Whole(), bins=10, k=8, edges_path=path, batch_size=6)
    assert BinEdges.load(path).made_from["target"] == "target-print"
    written = path.stat().st_mtime_ns, path.read_bytes()
    given = []
    monkeypatch.setattr(build, "target_descriptors", lambda *a, **k: given.append(k["edges"]) or describe(*a, **k))
    again = build_neighbor_table(*sets, GaborBank(), Whole(), bins=10, k=8, edges_path=path, batch_size=6)
    assert given[0].fingerprint == BinEdges.load(path).fingerprint
    assert (path.stat().st_mtime_ns, path.read_bytes()) == written
    np.testing.assert_array_equal(first.rows, again.rows)
    np.testing.assert_array_equal(first.distances, again.distances)
    assert first.made_from == again.made_from
    with pytest.raises(ArtifactMismatch, match="bins: 10 there, 12 asked for"):
        build_neighbor_table(*sets, GaborBank(), Whole(), bins=12, k=8, edges_path=path)


def test_k_is_checked_before_any_work(sets):
    for k in (0, 21):
        with pytest.raises(InputError, match=rf"`k` must be between 1 and 20.*k={k}"):
            build_neighbor_table(*sets, None, None, k=k)
