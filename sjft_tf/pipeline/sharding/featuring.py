"""Features by workers: each makes those of a shard's images; here they are given in the order of rows."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import keras
import numpy as np

from sjft_tf.artifacts import fingerprint, load_npz, save_npz
from sjft_tf.config import RunConfig
from sjft_tf.engine import divided
from sjft_tf.errors import InputError
from sjft_tf.features import LayerFeatures, places
from sjft_tf.images import ImageSet, View, refuse_changed
from sjft_tf.models import Elsewhere, FeatureBlocks, FeatureStream, ImageDataset
from sjft_tf.pipeline.inputs import network_view
from sjft_tf.pipeline.networks import build_run_trunk, in_float32, starting_trunk
from sjft_tf.pipeline.sharding.shared import OTHER_ARITHMETIC, ShardJob, SharedImages, naming_images
from sjft_tf.retrieval import probed_rows
from sjft_tf.schema import Array, Schema
from sjft_tf.workdir import Workdir

# Bits, since a file that holds what is no number counts as damaged, and a network may give that.
_FOUND = Schema(
    {"rows": Array("int32", ("images",), low=0), "bits": Array("uint32", ("images", "numbers"))},
    {"kind": str, "made_from": str},
)
_WEIGHTS = "trunk.npz"
_SHARD_BYTES = 64 << 20  # at most, of features that are in memory at once, here and there


@dataclass(frozen=True)
class Looking:
    """How a network looks at images.

    Attributes:
        config: which trunk, of which precision; what is in it is handed over.
        view: what it sees of an image.
        layers: positions in the trunk, see `features.places`; None for its own output.
        pooling: of the layers.
    """

    config: RunConfig
    view: View
    layers: tuple[str, ...] | None = None
    pooling: str = ""

    def stream(self, weights: list[np.ndarray]) -> FeatureBlocks | LayerFeatures:
        """The stream of the launcher, built anew."""
        # Weights of Keras are built with layers that scale pixels as they want it: they are asked for as well.
        trunk = build_run_trunk(self.config, "imagenet" if self.config.model.weights == "imagenet" else "none")
        trunk.set_weights(weights)
        batch = self.config.training.eval_batch_size
        if self.layers is None:
            return FeatureStream(trunk, self.view, batch)
        return LayerFeatures(trunk, places(trunk, self.layers), self.pooling, self.view, batch)


@dataclass(frozen=True)
class FeatureWork:
    """Features of shards of images, see `engine.Work`.

    Attributes:
        looking: what makes them.
        images: the images.
        folder: where the weights and the results lie.
        weights: digest of the trunk's.
        made_from: digest of images, weights and settings.
        probe: what the launcher has of `_probed`.
    """

    looking: Looking
    images: SharedImages
    folder: str
    weights: str
    made_from: str
    probe: str

    def open(self) -> Callable[[np.ndarray, object], str]:
        """Takes rows int32 [n], gives the name of the file with their features."""
        images, folder = self.images.open(), Path(self.folder)
        arrays = load_npz(folder / _WEIGHTS)[0]
        weights = [arrays[name] for name in sorted(arrays)]
        if fingerprint(*weights) != self.weights:
            raise InputError(f"{folder / _WEIGHTS} is not the launcher's: --workdir is another folder here")
        stream = self.looking.stream(weights)
        files = ShardJob.files(folder, {"features": self.made_from}, _FOUND)
        if _probed(stream, images) != self.probe:
            raise InputError(OTHER_ARITHMETIC)

        def look(rows: np.ndarray, _: object) -> str:
            with naming_images():
                features = _of(stream, images, rows)
            refuse_changed(images)
            return files.write({"rows": rows, "bits": features.view(np.uint32)})

        return look


def _of(stream: FeatureBlocks | LayerFeatures, images: ImageSet, rows: np.ndarray) -> np.ndarray:
    """float32 [n, V * F]."""
    return np.concatenate([features.reshape(len(block), -1) for block, features in stream.blocks(images, rows)])


def _probed(stream: FeatureBlocks | LayerFeatures, images: ImageSet) -> str:
    return fingerprint(_of(stream, images, probed_rows(len(images))))


def features_elsewhere(trunk: keras.Model, looking: Looking, workdir: Workdir) -> Elsewhere | None:
    """Who makes features in place of this process, for `LayerFeatures` and `trunk_features`; None for nobody.

    Args:
        trunk: whose weights are handed to the workers, whatever they come from.
        looking: what they build.
        workdir: results lie in it until they are safe.
    """
    if looking.config.engine.engine != "dask":
        return None
    return lambda stream: DaskFeatures(stream, trunk, looking, workdir)


def looking_for(config: RunConfig) -> Looking:
    """The trunk's own output, as for evaluation."""
    return Looking(config, network_view(config))


def starting_blocks(config: RunConfig, workdir: Workdir) -> FeatureBlocks:
    """As `starting_features`, by workers where the run has some."""
    trunk, looking = starting_trunk(config), looking_for(in_float32(config))
    stream = FeatureStream(trunk, looking.view, config.training.eval_batch_size)
    elsewhere = features_elsewhere(trunk, looking, workdir)
    return stream if elsewhere is None else elsewhere(stream)


class DaskFeatures:
    """Features made by Dask's workers, see `models.FeatureBlocks`: those of `stream`, bit by bit.

    Sets of no more images than a shard has are looked at by `stream` itself. Results that come before it is their turn
    wait in files; so do those that are not saved yet, for the next start of the same command.

    Args:
        stream: makes them here.
        trunk, looking, workdir: see `features_elsewhere`.

    Attributes:
        width, views: of `stream`.
    """

    def __init__(self, stream: FeatureStream, trunk: keras.Model, looking: Looking, workdir: Workdir) -> None:
        self._stream, self._trunk, self._looking, self._workdir = stream, trunk, looking, workdir
        self.width, self.views = stream.width, stream.views
        self._jobs: dict[ShardJob, bool] = {}  # whether all of it was given

    def blocks(
        self, image_set: ImageDataset, rows: np.ndarray | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """See `FeatureBlocks`; `image_set` is an `ImageSet` of the run, `rows` ascend."""
        images = cast(ImageSet, image_set)
        wanted = np.arange(len(images), dtype=np.int32) if rows is None else np.asarray(rows, np.int32)
        if (np.diff(wanted) <= 0).any():
            raise ValueError("`rows` must ascend")
        size = min(self._looking.config.engine.shard_images, max(1, _SHARD_BYTES // (4 * self.views * self.width)))
        if len(wanted) <= size:
            yield from self._stream.blocks(images, wanted)
            return
        weights = self._trunk.get_weights()
        made_from = self._made_from(images, weights)
        folder = self._workdir.shards / f"features-{images.fingerprint[:8]}"
        job = ShardJob(self._looking.config, images, folder, {"features": made_from}, _FOUND)
        self._jobs[job] = False
        ready, left = job.waiting_for(wanted)
        at = 0

        def in_turn() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            nonlocal at
            while at in ready:
                found = job.take(ready.pop(at))
                at += len(found["rows"])
                shape = (len(found["rows"]), *([self.views] if self.views > 1 else []), self.width)
                yield found["rows"], found["bits"].view(np.float32).reshape(shape)

        yield from in_turn()
        if len(left):
            arrays = {f"{number:05d}": one for number, one in enumerate(weights)}
            save_npz(folder / _WEIGHTS, arrays, {"kind": "weights of a trunk"})
            shared = SharedImages.of(self._looking.config, images, self._workdir, folder)
            probe = _probed(self._stream, images)
            work = FeatureWork(self._looking, shared, str(folder.absolute()), fingerprint(*weights), made_from, probe)
            stretches = np.split(left, np.flatnonzero(np.diff(left) > 1) + 1)
            shards = [shard for one in stretches for shard in divided(wanted[one], size)]
            with contextlib.closing(job.named(work, shards)) as done:
                for some, name in done:
                    ready[int(np.searchsorted(wanted, some[0]))] = name
                    yield from in_turn()
        self._jobs[job] = True

    def saved(self) -> None:
        """See `FeatureBlocks`."""
        for job, finished in list(self._jobs.items()):
            if finished:
                job.remove()
                del self._jobs[job]
            else:
                job.taken()

    def _made_from(self, images: ImageSet, weights: list[np.ndarray]) -> str:
        looking = self._looking
        settings = looking.config.stamp("model", "view") | {"batch": looking.config.training.eval_batch_size}
        how = [repr(looking.view), list(looking.layers or ()), looking.layers is None, looking.pooling]
        return fingerprint(images.fingerprint, settings, how, *weights)
