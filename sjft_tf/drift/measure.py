"""What changed between two states of a trunk, stage by stage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import numpy as np

from sjft_tf.drift.similarity import Similarity
from sjft_tf.drift.weights import movement
from sjft_tf.features import LayerFeatures, Place, stages
from sjft_tf.models import ImageDataset, ImageView, layers_up_to
from sjft_tf.schema import Formed


@dataclass(frozen=True)
class StageDrift(Formed):
    """How far a stage is from where it started; None where there is nothing to compare.

    Attributes:
        name: the layer that ends it.
        layers: of its layers, how many have kernels.
        weight_distance: |end - start| / |start| of its kernels, taken as one vector.
        weight_cosine: of these vectors.
        feature_cka: linear CKA of its features before and after.
        feature_cosine: mean cosine of an image's features before and after.
    """

    FORM: ClassVar[dict[str, Any]] = {
        **{"name": str, "layers": int, "weight_distance": (float, None), "weight_cosine": (float, None)},
        **{"feature_cka": (float, None), "feature_cosine": (float, None)},
    }

    name: str
    layers: int
    weight_distance: float | None
    weight_cosine: float | None
    feature_cka: float | None
    feature_cosine: float | None


DRIFT_FORM = {"images": int, "stages": [StageDrift.FORM], "made_from": dict}
"""The form of a run's drift.json."""


def measure(
    start: keras.Model,
    end: keras.Model,
    images: ImageDataset,
    view: ImageView,
    rows: np.ndarray | None = None,
    batch_size: int = 128,
) -> list[StageDrift]:
    """Compares two states of a trunk: kernels, and features averaged over the maps' positions.

    Features go by in blocks; what is kept of them are products, F x F of each stage.

    Args:
        start, end: trunks from `build_trunk` with the same layers.
        images: what features are made of.
        view: image uint8 [H, W, 3] -> float32 [S, S, 3].
        rows: int32 [n], which images; None (default): all.
        batch_size: most images a forward pass.

    Returns:
        One for each of `features.stages`, from the first to the last.
    """
    places, others = stages(start), stages(end)
    before, after = (
        LayerFeatures(trunk, found, "average", view, batch_size) for trunk, found in ((start, places), (end, others))
    )
    alike = [Similarity(width) for width in before.widths.values()]
    ends = np.cumsum([*before.widths.values()])[:-1]
    for (_, first), (_, last) in zip(before.blocks(images, rows), after.blocks(images, rows), strict=True):
        parts = (np.split(features.reshape(len(features), -1), ends, axis=1) for features in (first, last))
        for similarity, x, y in zip(alike, *parts, strict=True):
            similarity.update(x, y)
    drifts = []
    for place, similarity, old, new in zip(places, alike, _kernels(start, places), _kernels(end, others), strict=True):
        moved = movement(old, new)
        figures = (moved.distance, moved.cosine, similarity.cka, similarity.cosine)
        drifts.append(StageDrift(place.name, len(old), *(_known(figure) for figure in figures)))
    return drifts


def _kernels(trunk: keras.Model, ends: Sequence[Place]) -> Iterator[list[np.ndarray]]:
    """The kernels of each stage."""
    done: set[str] = set()
    for end in ends:
        layers = [layer for layer in layers_up_to(trunk, end.name) if layer.name not in done]
        done |= {layer.name for layer in layers}
        yield [np.asarray(weight) for layer in layers for weight in layer.get_weights() if weight.ndim >= 2]


def _known(figure: float) -> float | None:
    return None if np.isnan(figure) else float(figure)
