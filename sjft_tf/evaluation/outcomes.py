"""What a model made of each image of a labeled set: what two models are compared by, image by image. NumPy only."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.evaluation.figures import EvaluationStamp
from sjft_tf.evaluation.metrics import SMALLEST_PROBABILITY
from sjft_tf.schema import Array, Schema

_SCHEMA = Schema(
    {
        "images": Array("int64", ("images",)),
        "labels": Array("int32", ("images",), low=0),
        "right": Array("bool", ("images",)),
        "loss": Array("float64", ("images",), low=0),
    },
    {"made_from": EvaluationStamp.FORM},
)


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Of each of N images, in order, whether the most probable class is the true one, and the loss.

    Attributes:
        images: int64 [N], the same number for the same id.
        labels: int32 [N], true classes.
        right: bool [N].
        loss: float64 [N], cross entropy in nats, probabilities clipped below at 2.2e-16.
    """

    images: np.ndarray
    labels: np.ndarray
    right: np.ndarray
    loss: np.ndarray

    @classmethod
    def of(cls, probabilities: np.ndarray, ids: Sequence[str] | np.ndarray, labels: np.ndarray) -> Outcomes:
        """Those of predictions.

        Args:
            probabilities: float [N, C].
            ids: N image ids.
            labels: integers [N], true classes.

        Raises:
            InputError: they are not of as many images.
        """
        p = np.asarray(probabilities, np.float64)
        if p.ndim != 2 or not len(p) == len(ids) == len(labels):
            raise InputError(
                "Outcomes need probabilities [N, C], N ids and N labels. "
                f"Received: {p.shape}, {len(ids)} ids, {len(labels)} labels"
            )
        numbers = [int.from_bytes(hashlib.sha256(str(name).encode()).digest()[:8], "big", signed=True) for name in ids]
        loss = -np.log(np.clip(p[np.arange(len(p)), labels], SMALLEST_PROBABILITY, 1.0)) + 0.0
        right = p.argmax(axis=1) == labels
        return cls(np.array(numbers, np.int64), np.asarray(labels, np.int32), right, loss)


def save_outcomes(path: str | os.PathLike[str], outcomes: Outcomes, made_from: EvaluationStamp) -> None:
    """Writes them as NPZ with what they were made from."""
    arrays = {name: getattr(outcomes, name) for name in _SCHEMA.arrays}
    artifacts.save_npz(path, arrays, {"made_from": made_from.to_json()})


def load_outcomes(path: str | os.PathLike[str], remedy: str = artifacts.REMAKE) -> Outcomes:
    """What `save_outcomes` wrote.

    Raises:
        InputError: the file is missing, damaged or another.
    """
    return Outcomes(**artifacts.load_npz(path, _SCHEMA, remedy)[0])
