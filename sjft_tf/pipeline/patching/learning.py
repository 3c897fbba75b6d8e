"""From training images to the two new layers: features of the patches drawn, kept on disk, and the head's training."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import numpy as np

from sjft_tf import artifacts
from sjft_tf.config import PatchConfig, RunConfig
from sjft_tf.errors import InputError
from sjft_tf.images import ObjectSet, refuse_changed
from sjft_tf.patches import HeadTraining, LabelRule, PatchHead, PatchNetwork, drawn
from sjft_tf.pipeline.networks import starting_stamp
from sjft_tf.pipeline.patching.blocks import Arrays, blocks
from sjft_tf.schema import Array, Schema
from sjft_tf.workdir import Workdir

_DRAWN = Schema(
    {
        "features": Array("float32", ("patches", "width")),
        "targets": Array("bool", ("patches", "targets")),
        "whole": Array("float32", ("images", "views", "width")),
    },
    {"made_from": dict},
)
_HEAD = Schema(
    {
        "hidden_kernel": Array("float32", ("width", "units")),
        "hidden_bias": Array("float32", ("units",)),
        "kernel": Array("float32", ("units", "targets")),
        "bias": Array("float32", ("targets",)),
    },
    {"made_from": dict},
)


@dataclasses.dataclass(frozen=True)
class Learned:
    """What training gave.

    Attributes:
        head: the two layers.
        stamp: what it was made from.
        whole: float32 [N, V, F], features of the whole training images.
        patches: how many were trained on; `background` of them show none of the objects.
    """

    head: PatchHead
    stamp: artifacts.Stamp
    whole: np.ndarray
    patches: int
    background: int


class PatchLearning:
    """The training half of a run.

    Args:
        config: all settings of a run, of which the network's and the seed count.
        settings: those of patches.
        workdir: where features and head are kept.
        network: what gives features.
        objects: the training images.
    """

    def __init__(
        self, config: RunConfig, settings: PatchConfig, workdir: Workdir, network: PatchNetwork, objects: ObjectSet
    ) -> None:
        self.config, self.settings, self.objects, self.network = config, settings, objects, network
        self._workdir, self._rule = workdir, LabelRule(settings.object_in_patch, settings.object_seen)
        self.network_stamp = {**starting_stamp(config), "tiling": _plain(network), "dense": network.dense}
        self.stamp = {
            **self.network_stamp,
            "training images": objects.fingerprint,
            "drawn": [settings.background_share, settings.patches_per_image, config.training.seed],
            "rule": [settings.object_in_patch, settings.object_seen],
        }

    def learn(self) -> Learned:
        """Features and head, found or made.

        Raises:
            InputError: no patch shows an object of some class; the workdir has features of something else.
        """
        settings = self.settings
        training = HeadTraining(
            settings.hidden_units,
            settings.head_steps,
            settings.head_batch,
            settings.head_rate,
            settings.head_dropout,
            self.config.training.seed,
        )
        stamp = {**self.stamp, "head": [*dataclasses.astuple(training)]}
        path, folder = self._workdir.patches / "head.npz", self._workdir.patches / "training"
        make = blocks(folder, self.stamp, _DRAWN, len(self.objects), self._block, "Features of training patches")
        with tempfile.TemporaryFile(dir=_made(self._workdir.patches)) as file:
            targets, whole = [], []
            for arrays in make:
                arrays["features"].tofile(file)
                targets.append(arrays["targets"])
                whole.append(arrays["whole"])
            refuse_changed(self.objects.images)
            file.flush()
            wanted, views = np.concatenate(targets), np.concatenate(whole)
            self._check(wanted)
            features = np.memmap(file, np.float32, "r", shape=(len(wanted), self.network.width))
            head = artifacts.Artifact(path, stamp, _load_head, _save_head, replaceable=True).get(
                lambda: training.fit(features, wanted)
            )
        return Learned(head, stamp, views, len(wanted), int(wanted[:, -1].sum()))

    def _block(self, rows: np.ndarray) -> Arrays:
        features, targets, whole = [], [], []
        for row in rows:
            image = self.objects.images.load(int(row)).numpy()
            chosen, wanted = self.chosen(int(row), *image.shape[:2])
            features.append(self.network(image, chosen))
            targets.append(wanted)
            whole.append(self.network.whole_image(image))
        return {
            "features": np.concatenate(features),
            "targets": np.concatenate(targets),
            "whole": np.stack(whole),
        }

    def chosen(self, row: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Of an image: which patches are trained on, bool [P], and their targets, bool [M, C + 1]."""
        classes, boxes = self.objects.objects(row)
        patches, background = self.network.patches(height, width), self.objects.num_classes
        rng = np.random.default_rng([self.config.training.seed, row])
        if boxes is not None:
            labels = self._rule.labels(patches, boxes, classes, background)
        else:  # every patch is taken for all that the image is said to show
            labels = np.full(len(patches), classes[0] if len(classes) else background, np.int32)
        chosen = drawn(labels, background, self.settings.background_share, rng)
        places, most = np.flatnonzero(chosen), self.settings.patches_per_image
        if most and len(places) > most:
            chosen = np.zeros(len(patches), bool)
            chosen[rng.permutation(places)[:most]] = True
        targets = np.zeros((int(chosen.sum()), background + 1), bool)
        if boxes is None and len(classes):
            targets[:, classes] = True
        else:
            targets[np.arange(len(targets)), labels[chosen]] = True
        return chosen, targets

    def _check(self, targets: np.ndarray) -> None:
        missing = [self.objects.class_names[c] for c in np.flatnonzero(~targets[:, :-1].any(axis=0))]
        if missing:
            raise InputError(
                f"No patch shows enough of an object of {len(missing)} class(es), e.g. '{missing[0]}': a patch must "
                f"touch that object alone, be {self.settings.object_in_patch:g} of it and hold "
                f"{self.settings.object_seen:g} of its box. Lower --object_in_patch or --object_seen, or take smaller "
                "patches (--smallest_patch)"
            )


def _load_head(path: Path) -> tuple[PatchHead, artifacts.Stamp]:
    arrays, meta = artifacts.load_npz(path, _HEAD)
    return PatchHead(**arrays), meta["made_from"]


def _save_head(path: Path, head: PatchHead, made_from: artifacts.Stamp) -> None:
    artifacts.save_npz(path, dataclasses.asdict(head), {"made_from": made_from})


def _plain(network: PatchNetwork) -> list[float]:
    return [float(value) for value in dataclasses.astuple(network.tiling)]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
