"""What a probe looks at: image sets, a trunk with its places, kept features, and who learns and who judges."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import keras
import numpy as np

from sjft_tf import artifacts
from sjft_tf.config import ProbeConfig, RunConfig
from sjft_tf.errors import InputError
from sjft_tf.features import FeatureStore, LayerFeatures, Place, keep_features, places
from sjft_tf.images import ImageSet, SixteenViews, View, few_of_each, refuse_changed
from sjft_tf.pipeline.inputs import network_view
from sjft_tf.pipeline.networks import in_float32, starting_stamp, starting_trunk
from sjft_tf.pipeline.sharding.featuring import Looking, features_elsewhere
from sjft_tf.probing import folds_of
from sjft_tf.run_sets import Sets
from sjft_tf.workdir import ProbeFiles, Workdir

log = logging.getLogger(__name__)

_ROWS = 1024  # images that are scored together


@dataclasses.dataclass(frozen=True)
class Subject:
    """A target seen by the layers of a trunk.

    Attributes:
        config: data, view and model.
        probe: what is tried.
        sets: the image sets.
        trunk: with its starting weights, float32.
        places: that are probed, from the input on.
        stores: kept features of "training", "validation" and "test".
        stamp: what they depend on beside the images.
    """

    config: RunConfig
    probe: ProbeConfig
    sets: Sets
    trunk: keras.Model
    places: tuple[Place, ...]
    stores: Mapping[str, FeatureStore]
    stamp: artifacts.Stamp

    @property
    def images(self) -> dict[str, ImageSet]:
        """The target's sets, by name."""
        return {"training": self.sets.target, **self.sets.scored()}

    def view(self, views: str) -> View:
        """What a classifier of these views sees of an image."""
        plain = network_view(self.config)
        return plain if views == "center" else SixteenViews(plain.resize, plain.crop)

    def learned(self, seed: int) -> np.ndarray:
        """The training images of one seed, int [n]: a draw of so many a class, or all but a fold."""
        target, seeds = self.sets.target, self.probe.draws()
        if self.config.data.per_class:
            drawn = few_of_each(target, self.config.data.per_class, seed)
            return np.flatnonzero(np.isin(target.ids, drawn.ids))
        if len(seeds) == 1:
            return np.arange(len(target))
        folds = folds_of(target.labels, len(seeds), 0)
        if len(folds) < len(seeds):
            raise InputError(
                f"--seeds names {len(seeds)} folds of the training images, and a class has only {len(folds)} images. "
                "Name fewer, or give --per_class for draws"
            )
        return folds[seeds.index(seed)].learned

    def features(self, name: str, layer: str, views: str, rows: np.ndarray | None = None) -> np.ndarray:
        """float32 [n, V, F] of one set."""
        return self.stores[name].layer(layer, rows, 1 if views == "center" else None)

    def blocks(self, name: str, layer: str, views: str) -> Iterator[np.ndarray]:
        """The same, a thousand images at a time."""
        for start in range(0, len(self.images[name]), _ROWS):
            rows = np.arange(start, min(start + _ROWS, len(self.images[name])))
            yield self.features(name, layer, views, rows)


def open_subject(config: RunConfig, probe: ProbeConfig, sets: Sets, workdir: Workdir) -> Subject:
    """Builds the trunk, and finds or keeps the features of all the target's images.

    Raises:
        InputError: no test images, no such layer, a pooling that does not fit; see `keep_features`.
    """
    if sets.test is None:
        raise InputError("There are no test images: give --test, or a --holdout_test above 0")
    keras.utils.set_random_seed(config.training.seed)  # --weights=none: what is gone on with is the same network
    trunk = starting_trunk(config)
    found = tuple(places(trunk, probe.names("layers")))
    log.info("layers: %s", ", ".join(f"{one.name} {_size(one)}" for one in found))
    stamp = {**starting_stamp(config), "layers": [one.name for one in found], "pooling": probe.pooling}
    subject = Subject(config, probe, sets, trunk, found, {}, stamp)
    with workdir.timed("features"):
        stores = {name: subject_features(subject, images, name, workdir) for name, images in subject.images.items()}
    return dataclasses.replace(subject, stores=stores)


def subject_features(
    subject: Subject, images: ImageSet, name: str, workdir: Workdir, plain: bool = False
) -> FeatureStore:
    """The features of an image set, found or kept.

    Args:
        subject: its trunk, places and views.
        images: the set.
        name: of the folder.
        workdir: where to.
        plain: one view, whatever is probed.
    """
    views = "center" if plain else subject.probe.views()[-1]
    view, pooling = subject.view(views), subject.probe.pooling
    looking = Looking(in_float32(subject.config), view, subject.probe.names("layers"), pooling)
    stream = LayerFeatures(
        *(subject.trunk, subject.places, pooling, view, subject.config.training.eval_batch_size),
        features_elsewhere(subject.trunk, looking, workdir),
    )
    # Other layers or views get another folder, and what is there already stays.
    kind = artifacts.fingerprint(subject.stamp["layers"], subject.probe.pooling, views)[:8]
    folder = workdir.root / ProbeFiles.FEATURES
    folder.mkdir(exist_ok=True)
    path = Path(folder / f"{name}-{kind}")
    store = keep_features(path, stream, images, {**subject.stamp, "images": images.fingerprint, "pictures": views})
    refuse_changed(images)
    return store


def _size(place: Place) -> str:
    return "x".join(map(str, place.output.shape[1:]))
