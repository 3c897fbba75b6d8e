"""The search of the source by workers: the table of one process, bit by bit.

What of Dask is about processes has tests of its own; here an engine in this process takes its place, but once.
"""

import dataclasses
import itertools
import shutil

import numpy as np
import pytest
from PIL import Image

from sjft_tf.config import RunConfig
from sjft_tf.descriptors import DescriptorStore
from sjft_tf.engine import divided
from sjft_tf.errors import InputError
from sjft_tf.pipeline.networks import build_run_trunk
from sjft_tf.pipeline.sharding import searching
from sjft_tf.pipeline.sharding.shared import SharedImages
from sjft_tf.pipeline.stages.neighbors import neighbor_table
from sjft_tf.run_sets import Sets, open_sets
from sjft_tf.workdir import Workdir


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """A run with a folder of 24 images as its source."""
    folder, rng = tmp_path_factory.mktemp("source"), np.random.default_rng(5)
    for row in range(24):
        path = folder / f"class {row % 2}" / f"{row:02d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.clip(rng.normal(128, 20 + row, (16, 16, 3)), 0, 255).astype(np.uint8)).save(path)
    return (
        RunConfig()
        .replace("data", target="digits?per_class=1", source=[f"folder:{folder}"], validation="none", test="none")
        .replace("retrieval", bins=6, descriptor_resize=16, descriptor_crop=16, max_neighbors=7)
        .replace("view", image_size=16, resize=16, pad=2)
        .replace("model", trunk="preact_resnet", weights="none", depth=8, width=4)
        .replace("engine", shard_images=5)
    )


def by_workers(config):
    return config.replace("engine", engine="dask", workers=2)


def table(config, folder, sets=None):
    workdir = Workdir(folder)
    return neighbor_table(config, open_sets(config, workdir, lambda line: None) if sets is None else sets, workdir)


def same(ours, theirs):
    np.testing.assert_array_equal(ours.rows, theirs.rows)
    np.testing.assert_array_equal(ours.distances, theirs.distances)
    assert ours.made_from == theirs.made_from


@pytest.fixture(scope="module")
def wanted(settings, tmp_path_factory):
    return table(settings, tmp_path_factory.mktemp("local"))


def test_two_workers_give_the_table_of_one_process(settings, wanted, tmp_path, caplog):
    with caplog.at_level("INFO", "sjft_tf"):
        same(table(by_workers(settings), tmp_path), wanted)
    assert "5 shards done by workers" in caplog.text
    assert not (tmp_path / "shards").exists()


def test_shards_in_any_order_with_limits_that_tighten(settings, wanted, tmp_path, here):
    engine = here()
    same(table(by_workers(settings), tmp_path), wanted)
    assert engine.done == [rows.tolist() for rows in reversed(divided(np.arange(24, dtype=np.int32), 5))]
    assert (np.diff(np.stack(engine.hints), axis=0) <= 0).all()


@pytest.mark.parametrize("checkpoint_images", [1, 11, 1000])
def test_what_was_broken_off_loses_only_what_was_in_flight(settings, wanted, tmp_path, here, checkpoint_images):
    asked = by_workers(settings).replace("retrieval", checkpoint_images=checkpoint_images)
    broken = here(most=3)
    with pytest.raises(KeyboardInterrupt):
        table(asked, tmp_path)
    rest = here()
    same(table(asked, tmp_path), wanted)
    assert sorted(itertools.chain(*broken.done, *rest.done)) == list(range(24))


def test_one_process_goes_on_with_what_workers_began(settings, wanted, tmp_path, here):
    here(most=3)
    asked = settings.replace("retrieval", checkpoint_images=1)
    with pytest.raises(KeyboardInterrupt):
        table(by_workers(asked), tmp_path)
    same(table(asked, tmp_path), wanted)


def test_kept_descriptors_are_written_by_the_workers(settings, wanted, tmp_path, here):
    here()
    asked = settings.replace("retrieval", keep_descriptors=True)
    same(table(by_workers(asked), tmp_path / "workers"), wanted)
    table(asked, tmp_path / "local")
    kept = [DescriptorStore.open(tmp_path / where / "descriptors-source") for where in ("workers", "local")]
    np.testing.assert_array_equal(*(store.counts(np.arange(24)) for store in kept))
    (tmp_path / "workers" / "neighbors.npz").unlink()
    here(most=0)  # nobody is needed to describe them again
    longer = asked.replace("retrieval", max_neighbors=9)
    assert table(longer, tmp_path / "workers").k_max == 9


def test_features(settings, tmp_path, here):
    here()
    build_run_trunk(settings, "none").save_weights(tmp_path / "some.weights.h5")
    asked = settings.replace("retrieval", bank="features").replace("model", weights=str(tmp_path / "some.weights.h5"))
    same(table(by_workers(asked), tmp_path / "workers"), table(asked, tmp_path / "local"))


def test_a_part_of_the_source(settings, tmp_path, here):
    here()
    sets = open_sets(settings, Workdir(tmp_path / "any"), lambda line: None)
    part = Sets(sets.target, source=sets.source.subset([20, 3, 5, 9, 11, 12, 17, 1]))
    same(table(by_workers(settings), tmp_path / "workers", part), table(settings, tmp_path / "local", part))


def test_a_worker_that_sees_other_images(settings, tmp_path):
    sets, workdir = open_sets(settings, Workdir(tmp_path), lambda line: None), Workdir(tmp_path)
    shared = SharedImages.of(settings, sets.source, workdir, tmp_path)
    assert shared.open().fingerprint == sets.source.fingerprint
    with pytest.raises(InputError, match="differ from the launcher's: 24 images"):
        dataclasses.replace(shared, fingerprint="another").open()
    with pytest.raises(InputError, match="The folder /nowhere, in which the command was started, is not to be seen"):
        dataclasses.replace(shared, folder="/nowhere").open()
    listed = SharedImages.of(settings, sets.source.subset([4, 2]), workdir, tmp_path)
    assert listed.open().ids.tolist() == sets.source.ids[[4, 2]].tolist()
    (tmp_path / "ids").write_text("class 0/99.png")
    with pytest.raises(InputError, match=r"1 images are not to be seen, such as class 0/99\.png"):
        listed.open()


def test_a_worker_that_rounds_otherwise(settings, tmp_path, here, monkeypatch):
    here()
    monkeypatch.setattr(searching, "probed", lambda search, blocks: "another")
    with pytest.raises(InputError, match="its arithmetic rounds otherwise than the launcher's"):
        table(by_workers(settings), tmp_path)


def test_a_folder_that_is_not_the_launchers(settings, tmp_path, here):
    class Elsewhere(here.base):
        def each(self, work, shards, hint, named):
            yield from super().each(dataclasses.replace(work, target="another"), shards, hint, named)

    here(Elsewhere)
    with pytest.raises(InputError, match="--workdir is another folder here"):
        table(by_workers(settings), tmp_path)


def test_an_image_that_a_worker_cannot_read(settings, tmp_path, here):
    """It is named, not as a fault of ours: another worker may see it."""

    class Losing(here.base):
        def each(self, work, shards, hint, named):
            doing = work.open()
            for rows in shards:
                path.rename(path.with_suffix(".away"))
                yield rows, doing(rows, hint())

    folder = tmp_path / "images"
    shutil.copytree(settings.data.source[0].removeprefix("folder:"), folder)
    path = folder / "class 0" / "02.png"
    here(Losing)
    with pytest.raises(InputError, match=r"02\.png"):
        table(by_workers(settings).replace("data", source=[f"folder:{folder}"]), tmp_path / "run")
