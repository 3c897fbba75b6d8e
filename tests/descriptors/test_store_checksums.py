"""A store is too large for one digest: each row has its own, compared whenever it is read."""

import random
import shutil

import numpy as np
import pytest

from sjft_tf.descriptors import DescriptorStore
from sjft_tf.errors import InputError

ROWS, CHANNELS, POSITIONS, BINS = 40, 3, 35, 4
BYTES = ROWS * CHANNELS * BINS * 2


def create(path):
    return DescriptorStore.create(path, ROWS, [CHANNELS], [POSITIONS], BINS, {"source": "abc"})


@pytest.fixture
def counts(rng):
    return rng.multinomial(POSITIONS, np.full(BINS, 1 / BINS), (ROWS, CHANNELS)).reshape(ROWS, -1)


@pytest.fixture
def store(tmp_path, counts):
    writer = create(tmp_path / "store")
    writer.write(np.arange(ROWS), counts)
    return writer.finish().path


def test_every_flipped_bit_is_found_by_every_way_of_reading(store):
    file, chance = store / "counts.npy", random.Random(0)
    whole = file.read_bytes()
    for _ in range(60):
        damaged, at = bytearray(whole), chance.randrange(BYTES)
        damaged[len(whole) - BYTES + at] ^= 1 << chance.randrange(8)
        file.write_bytes(damaged)
        opened, row = DescriptorStore.open(store), at * ROWS // BYTES
        others = [one for one in range(ROWS) if one != row]
        for read in (opened.counts, opened.histograms, lambda rows, o=opened: list(o.blocks(rows, 7))):
            for rows in ([row], range(ROWS), [(row + 1) % ROWS, row]):
                with pytest.raises(InputError, match=rf"counts\.npy is damaged.*row {row} first.*Remove .*store"):
                    read(np.array(rows, np.int32))
            read(np.array(others, np.int32))


def test_a_store_that_was_gone_on_with_is_verified_too(tmp_path, counts):
    writer = create(tmp_path / "store")
    writer.write([5, 1, 2, 1], counts[[5, 1, 2, 1]])
    writer.close()
    writer = create(tmp_path / "store")
    assert writer.continued
    writer.write(writer.missing(), counts[writer.missing()])
    opened = writer.finish()
    np.testing.assert_array_equal(opened.counts(np.arange(ROWS)), counts)
    file = opened.path / "counts.npy"
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) - BYTES + 2 * BYTES // ROWS] ^= 1  # of row 2, by the first writer
    file.write_bytes(damaged)
    with pytest.raises(InputError, match="row 2 first"):
        DescriptorStore.open(opened.path).counts(np.arange(ROWS))


def test_checksums_that_are_missing_or_of_another_store_say_what_to_do(store, tmp_path, counts):
    writer = create(tmp_path / "other")
    writer.write(np.arange(ROWS), counts[::-1])
    shutil.copy(writer.finish().path / "checksums.npz", store)
    with pytest.raises(InputError, match="damaged.*Remove"):
        DescriptorStore.open(store).histograms([3])
    (store / "checksums.npz").unlink()
    with pytest.raises(InputError, match=r"checksums\.npz is missing.*Remove .*store to have"):
        DescriptorStore.open(store)
