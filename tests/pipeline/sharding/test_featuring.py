"""Features by workers: those of one process, bit by bit and in order, whatever they are for."""

import dataclasses
import itertools

import numpy as np
import pytest

from sjft_tf.config import ProbeConfig, RunConfig
from sjft_tf.errors import InputError
from sjft_tf.images import View
from sjft_tf.pipeline.networks import build_run_trunk
from sjft_tf.pipeline.probing.subject import open_subject
from sjft_tf.pipeline.pruning.head import InfluenceProblem
from sjft_tf.pipeline.sharding import featuring
from sjft_tf.pipeline.sharding.featuring import DaskFeatures, Looking
from sjft_tf.pipeline.sharding.shared import SharedImages
from sjft_tf.pipeline.stages.heads import features_of
from sjft_tf.pipeline.stages.learning import build_model
from sjft_tf.pipeline.stages.source_features import starting_features_of
from sjft_tf.pipeline.stages.transport import CLASS_TRANSPORT
from sjft_tf.run_sets import open_sets
from sjft_tf.workdir import Workdir


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """40 target images of ten classes and 52 to borrow, seen by a tiny network."""
    config = (
        RunConfig()
        .replace("data", target="digits#train?per_class=4", source=["glyphs?n=52&size=16"], test="none")
        .replace("view", image_size=16, resize=16, pad=2)
        .replace("model", trunk="preact_resnet", weights="none", depth=8, width=4)
        .replace("training", eval_batch_size=4)
        .replace("engine", shard_images=15)
    )
    weights = tmp_path_factory.mktemp("weights") / "some.weights.h5"
    build_run_trunk(config, "none").save_weights(weights)
    return config.replace("model", weights=str(weights))


def by_workers(config):
    return config.replace("engine", engine="dask")


def opened(config, folder):
    workdir = Workdir(folder)
    workdir.root.mkdir(exist_ok=True)
    return open_sets(config, workdir, lambda line: None), workdir


@pytest.fixture(scope="module")
def sets(settings, tmp_path_factory):
    return opened(settings, tmp_path_factory.mktemp("sets"))[0]


def both(settings, tmp_path, make):
    """What workers make, and what is made here."""
    return [make(config, Workdir(tmp_path / config.engine.engine)) for config in (by_workers(settings), settings)]


# Of the network.


def subject(config, folder, views="center"):
    """Target images seen at every stage by a trunk that a seed draws."""
    config = config.replace("data", test="", holdout_test=0.2, source=[]).replace("model", weights="none")
    config = config.replace("selection", selector="none").validate()
    return open_subject(config, ProbeConfig(probe_views=views), *opened(config, folder))


def same_kept(ours, theirs):
    for name, kept in theirs.stores.items():
        for layer in kept.widths:
            np.testing.assert_array_equal(ours.stores[name].layer(layer), kept.layer(layer))


def test_kept_features_of_a_probe(settings, tmp_path, here):
    engine = here()
    same_kept(subject(by_workers(settings), tmp_path / "dask"), subject(settings, tmp_path / "local"))
    assert [len(rows) for rows in engine.done] == [15, 15]  # the ten test images are looked at here
    assert not (tmp_path / "dask" / "shards").exists()


def test_a_trunk_is_handed_over_as_it_is(settings, sets, tmp_path, here):
    here()
    model = build_model(settings, 10, None)
    for layer in model.layers:
        layer.set_weights([1.25 * one for one in layer.get_weights()])
    ours, theirs = both(settings, tmp_path, lambda *run: features_of(run[0], sets.target, model, run[1])[0])
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_features_that_heads_and_weights_are_fitted_to(settings, sets, tmp_path, here):
    here()
    ours, theirs = both(settings, tmp_path, lambda *run: starting_features_of(run[0], sets.target, sets.source, run[1]))
    np.testing.assert_array_equal(ours.target, theirs.target)
    np.testing.assert_array_equal(ours.source, theirs.source)
    ours, theirs = both(settings, tmp_path, lambda *run: CLASS_TRANSPORT.weights(run[0], sets, run[1]))
    assert repr(ours) == repr(theirs)
    ours, theirs = both(settings, tmp_path, lambda *run: InfluenceProblem(run[0], sets, run[1]).features)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_two_workers(settings, tmp_path):
    config = by_workers(settings).replace("engine", workers=2)
    same_kept(subject(config, tmp_path / "dask", "both"), subject(settings, tmp_path / "local", "both"))


# Of who makes what in which order, with numbers in place of a network's.


class Numbers:
    """Features that tell the row: of three numbers, the last one is none."""

    def __init__(self, views=1):
        self.views, self.width = views, 3

    def blocks(self, images, rows):
        for part in np.split(rows, range(4, len(rows), 4)):
            told = np.stack([part, -part, np.full(len(part), np.nan)], axis=1).astype(np.float32)
            yield part, told if self.views == 1 else np.stack([told, told + 0.5], axis=1)

    def get_weights(self):
        return [np.float32([self.views])]


@pytest.fixture
def stream(settings, tmp_path, monkeypatch):
    """`stream(views)` makes such features of the target by workers."""
    monkeypatch.setattr(Looking, "stream", lambda looking, weights: Numbers(int(weights[0][0])))
    config = by_workers(settings).replace("engine", shard_images=7)

    def make(views=1):
        return DaskFeatures(Numbers(views), Numbers(views), Looking(config, View(16, 16)), Workdir(tmp_path))

    return make


def given(blocks):
    parts = list(blocks)
    return np.concatenate([rows for rows, _ in parts]).tolist(), np.concatenate([features for _, features in parts])


@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize("rows", [None, [3, 4, 5, 9, 14, 15, 16, 17, 30]])
def test_in_the_order_of_rows(stream, sets, here, views, rows):
    engine, wanted = here(), np.arange(40) if rows is None else np.array(rows)
    found, features = given(stream(views).blocks(sets.target, rows))
    assert found == wanted.tolist()
    np.testing.assert_array_equal(features, given(Numbers(views).blocks(sets.target, wanted))[1])
    assert [rows[0] for rows in engine.done] == sorted((rows[0] for rows in engine.done), reverse=True)


def test_few_images_need_no_workers(stream, sets, here):
    engine = here()
    assert given(stream().blocks(sets.target, np.arange(7)))[0] == list(range(7))
    assert not engine.done
    with pytest.raises(ValueError, match="must ascend"):
        list(stream().blocks(sets.target, [2, 1]))


@pytest.mark.parametrize("saved", [False, True])
def test_what_was_broken_off_is_gone_on_with(stream, sets, here, tmp_path, saved):
    """What is not saved waits in files: it is given again, and not made again."""

    class InOrder(here.base):
        def each(self, work, shards, hint, named):
            yield from super().each(work, shards[::-1], hint, named)

    broken, first = here(InOrder, most=3), stream()
    with pytest.raises(KeyboardInterrupt):
        for _ in first.blocks(sets.target):
            if saved:
                first.saved()
    assert len(list(tmp_path.glob("shards/features-*/results/*"))) == (0 if saved else 3)
    rest, second = here(), stream()
    rows = np.arange(21 if saved else 0, 40)
    assert given(second.blocks(sets.target, rows))[0] == rows.tolist()
    assert sorted(itertools.chain(*broken.done, *rest.done)) == list(range(40))
    second.saved()
    assert not list(tmp_path.glob("shards/features-*"))


def test_what_lies_there_of_another_division(stream, sets, here):
    """It is used where it is wanted as a whole; what is left is divided around it."""
    here(most=2)  # the last ones: rows 28 to 34, and 35 to 39
    with pytest.raises(KeyboardInterrupt):
        list(stream().blocks(sets.target))
    rest, again = here(), stream()
    again._looking = dataclasses.replace(again._looking, config=again._looking.config.replace("engine", shard_images=9))
    wanted = np.arange(37)
    assert given(again.blocks(sets.target, wanted))[0] == wanted.tolist()
    assert [[rows[0], rows[-1]] for rows in reversed(rest.done)] == [
        [0, 8],
        [9, 17],
        [18, 26],
        [27, 27],
        [35, 35],
        [36, 36],
    ]


def test_a_worker_that_rounds_otherwise(stream, sets, here, monkeypatch):
    here()
    answers = iter(["one", "another"])
    monkeypatch.setattr(featuring, "_probed", lambda stream, images: next(answers))
    with pytest.raises(InputError, match="its arithmetic rounds otherwise than the launcher's"):
        list(stream().blocks(sets.target))


def test_weights_that_are_not_the_launchers(stream, sets, here):
    class Elsewhere(here.base):
        def each(self, work, shards, hint, named):
            yield from super().each(dataclasses.replace(work, weights="another"), shards, hint, named)

    here(Elsewhere)
    with pytest.raises(InputError, match=r"trunk\.npz is not the launcher's: --workdir is another folder here"):
        list(stream().blocks(sets.target))


# Of the images.


@pytest.mark.parametrize(
    "values", [{"holdout_test": 0.5, "per_class": 1, "test": ""}, {"validation": "digits#val", "per_class": 2}]
)
def test_sets_as_a_worker_opens_them(settings, tmp_path, values):
    config = settings.replace("data", **values)
    sets, workdir = opened(config, tmp_path)
    for role, images in {"target": sets.target, "source": sets.source, **sets.scored()}.items():
        there = SharedImages.of(config, images, workdir, tmp_path / role).open()
        assert there.ids.tolist() == images.ids.tolist()
        np.testing.assert_array_equal(there.digests, images.digests)


def test_images_of_no_set(settings, sets, tmp_path):
    with pytest.raises(InputError, match="The 52 images of glyphs are in none of the run's image sets"):
        SharedImages.of(settings.replace("data", source=[]), sets.source, Workdir(tmp_path), tmp_path)
