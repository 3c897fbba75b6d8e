"""What a run of a study writes down last: result.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from sjft_tf.schema import Formed

METRIC = "mean_class_accuracy"


@dataclass(frozen=True)
class ResultFigures(Formed):
    """What a run reached, of each metric by image set.

    Attributes:
        mean_class_accuracy, top1: shares.
        loss: nats.
    """

    FORM: ClassVar[dict[str, Any]] = {METRIC: {"*": float}, "top1": {"*": float}, "loss": {"*": float}}

    mean_class_accuracy: dict[str, float]
    top1: dict[str, float]
    loss: dict[str, float]


@dataclass(frozen=True)
class RunResult:
    """A run's result.json.

    Attributes:
        made_from: what it was made from.
        seconds: of all its stages.
        final: with the weights of its last round.
        fusion: of the mean prediction of its rounds; of no set where there is one round.
    """

    FORM: ClassVar[dict[str, Any]] = {
        "made_from": str,
        "seconds": float,
        "final": ResultFigures.FORM,
        "fusion": ResultFigures.FORM,
    }

    made_from: str
    seconds: float
    final: ResultFigures
    fusion: ResultFigures

    def to_json(self) -> dict[str, Any]:
        """As in the file."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RunResult:
        """What `to_json` made; `value` is of the form `FORM`."""
        final, fusion = (ResultFigures.from_json(value[part]) for part in ("final", "fusion"))
        return cls(value["made_from"], value["seconds"], final, fusion)
