"""A selector that weighs the source: its weights as an artifact, the pool that follows from them, both as a list."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from sjft_tf import artifacts
from sjft_tf.config import RunConfig
from sjft_tf.csv_files import Writer
from sjft_tf.images import ImageSet, refuse_changed
from sjft_tf.pipeline.networks import starting_stamp
from sjft_tf.run_sets import Sets
from sjft_tf.schema import Array, Schema
from sjft_tf.selection import ClassWeights, ImageWeights, pool_of_class_weights, pool_of_image_weights
from sjft_tf.workdir import Workdir

Weights = TypeVar("Weights", bound=NamedTuple)

_SHOWN = 10  # lines of scripts/retrieve.py
_CLASSES = Schema(
    {
        "target": Array("float64", ("classes",), low=0, high=1.001),
        "source": Array("float64", ("classes",), low=0, high=1.001),
        "weight": Array("float64", ("classes",), low=0),
    },
    {"made_from": dict},
)

_IMAGES = Schema(
    {"weight": Array("float64", ("images",)), "target_class": Array("int32", ("images",), low=0)}, {"made_from": dict}
)


@dataclass(frozen=True)
class WeightRule(ABC, Generic[Weights]):
    """How a selector weighs the source, and what is done with the weights of its kind.

    Attributes:
        selector: one of `WEIGHT_SELECTORS`.
        stage: what its time is called in times.json.
        make: the weights of these sets, made now.
        how: what they depend on beside images, trunk, starting weights and view.
        schema: of the artifact.
    """

    selector: str
    stage: str
    make: Callable[[RunConfig, Sets, Workdir], Weights]
    how: Callable[[RunConfig], artifacts.Stamp]
    schema: Schema

    def weights(self, config: RunConfig, sets: Sets, workdir: Workdir) -> Weights:
        """The weights, from the workdir or made now.

        Raises:
            ArtifactMismatch: there are some, but of other images, trunk, weights or view.
        """

        def make() -> Weights:
            with workdir.timed(self.stage):
                weights = self.make(config, sets, workdir)
                refuse_changed(sets.target, sets.source_images())
                return weights

        return self._artifact(config, sets, workdir).get(make)

    def check(self, config: RunConfig, sets: Sets, workdir: Workdir) -> None:
        """Raises ArtifactMismatch if there are weights, but of other images, trunk, starting weights or view."""
        if workdir.source_weights(self.selector).exists():  # else the trunk's weights need not be read
            self._artifact(config, sets, workdir).stored()

    @abstractmethod
    def pool(self, weights: Weights, source: ImageSet, size: int, seed: int) -> np.ndarray:
        """Source rows with repeats, int32 [M], of which all target images draw uniformly; M is `size` at most."""

    @abstractmethod
    def write_csv(self, weights: Weights, sets: Sets, pool: np.ndarray, path: Path) -> None:
        """The weights as a list, the largest first, with what of them is in the pool."""

    @abstractmethod
    def lines(self, weights: Weights, source: ImageSet, pool: np.ndarray) -> list[str]:
        """The largest of them, in words and numbers."""

    @abstractmethod
    def unfit(self, weights: Weights, sets: Sets) -> str | None:
        """What is wrong with weights for these sets; None if nothing is."""

    @abstractmethod
    def from_arrays(self, arrays: dict[str, np.ndarray]) -> Weights:
        """The weights that these arrays of an artifact hold."""

    def _artifact(self, config: RunConfig, sets: Sets, workdir: Workdir) -> artifacts.Artifact[Weights]:
        source = sets.source_images()
        stamp = {
            "target": sets.target.fingerprint,
            "source": source.fingerprint,
            **self.how(config),
            **starting_stamp(config),
        }

        def load(path: Path) -> tuple[Weights, artifacts.Stamp]:
            arrays, meta = artifacts.load_npz(path, self.schema)
            return self.from_arrays(arrays), meta["made_from"]

        def save(path: Path, weights: Weights, made_from: artifacts.Stamp) -> None:
            artifacts.save_npz(path, weights._asdict(), {"made_from": made_from})

        path = workdir.source_weights(self.selector)
        return artifacts.Artifact(path, stamp, load, save, unfit=lambda weights: self.unfit(weights, sets))


@dataclass(frozen=True)
class ClassRule(WeightRule[ClassWeights]):
    """Weights of classes.

    Attributes:
        columns: what `target`, `source` and `weight` are called in the list.
        symbols: what they are called in lines.
    """

    schema: Schema = _CLASSES
    columns: tuple[str, str, str] = ("target_probability", "source_frequency", "importance")
    symbols: tuple[str, str, str] = ("P_t", "P_s", "importance")

    def pool(self, weights: ClassWeights, source: ImageSet, size: int, seed: int) -> np.ndarray:
        return pool_of_class_weights(weights, source.labels, size, seed)

    def write_csv(self, weights: ClassWeights, sets: Sets, pool: np.ndarray, path: Path) -> None:
        source = sets.source_images()
        drawn = np.bincount(source.labels[pool], minlength=source.num_classes)
        different = np.bincount(source.labels[np.unique(pool)], minlength=source.num_classes)
        with artifacts.atomic_write(path, "w") as stream:
            writer = Writer(stream)
            writer.writerow(["class", *self.columns, "places", "images"])
            for y in np.argsort(-weights.weight, kind="stable"):
                numbers = (f"{values[y]:.8g}" for values in weights)
                writer.writerow([source.class_names[y], *numbers, drawn[y], different[y]])

    def lines(self, weights: ClassWeights, source: ImageSet, pool: np.ndarray) -> list[str]:
        target, frequency, weight = self.symbols
        lines = [f"  {weight:>10}  {target:>7}  {frequency:>7}  source class"]
        for y in np.argsort(-weights.weight, kind="stable")[:_SHOWN]:
            numbers = f"{weights.weight[y]:10.3f}  {weights.target[y]:7.4f}  {weights.source[y]:7.4f}"
            lines.append(f"  {numbers}  {source.class_names[y]}")
        return lines

    def unfit(self, weights: ClassWeights, sets: Sets) -> str | None:
        count, classes = len(weights.weight), sets.source_images().num_classes
        return None if count == classes else f"it is of {count} source classes, there are {classes}"

    def from_arrays(self, arrays: dict[str, np.ndarray]) -> ClassWeights:
        return ClassWeights(**arrays)


@dataclass(frozen=True)
class ImageRule(WeightRule[ImageWeights]):
    """Weights of images."""

    schema: Schema = _IMAGES

    def pool(self, weights: ImageWeights, source: ImageSet, size: int, seed: int) -> np.ndarray:
        return pool_of_image_weights(weights, size)

    def write_csv(self, weights: ImageWeights, sets: Sets, pool: np.ndarray, path: Path) -> None:
        source = sets.source_images()
        with artifacts.atomic_write(path, "w") as stream:
            writer = Writer(stream)
            writer.writerow(["source", "class", "weight", "target_class"])
            for row in pool[np.argsort(-weights.weight[pool], kind="stable")]:
                own, likened = source.class_names[source.labels[row]], weights.target_class[row]
                number = f"{weights.weight[row]:.8g}"
                writer.writerow([source.ids[row], own, number, sets.target.class_names[likened]])

    def lines(self, weights: ImageWeights, source: ImageSet, pool: np.ndarray) -> list[str]:
        total, counts = np.zeros(source.num_classes), np.maximum(source.class_counts, 1)
        np.add.at(total, source.labels, weights.weight)
        places = np.bincount(source.labels[pool], minlength=source.num_classes)
        lines = [f"  {'places':>10}  {'images':>7}  {'weight':>7}  source class (weight: mean of its images)"]
        for y in np.argsort(-places, kind="stable")[:_SHOWN]:
            numbers = f"{places[y]:10d}  {source.class_counts[y]:7d}  {total[y] / counts[y]:7.4f}"
            lines.append(f"  {numbers}  {source.class_names[y]}")
        return lines

    def unfit(self, weights: ImageWeights, sets: Sets) -> str | None:
        images, classes = len(sets.source_images()), sets.target.num_classes
        if len(weights.weight) != images:
            return f"it is of {len(weights.weight)} source images, there are {images}"
        return None if weights.target_class.max() < classes else f"it names a class where the target has {classes}"

    def from_arrays(self, arrays: dict[str, np.ndarray]) -> ImageWeights:
        return ImageWeights(**arrays)
