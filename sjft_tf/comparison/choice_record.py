"""How an arm's settings were chosen, as comparison.json, its tables and the report tell it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from sjft_tf.comparison.decision import Decision, Tried
from sjft_tf.schema import Formed

_NUMBER = (float, None)
CHOICE_RULE = (
    "Settings were chosen on validation images: of those whose accuracy is within a standard error of the most "
    "accurate, the one of the lowest loss. After ± stand standard errors, those of differences paired by image; "
    "what is clear is more than two of them."
)
"""For tables and pages."""


@dataclass(frozen=True)
class SettingRecord(Formed):
    """A setting that was tried; None for what there is not.

    Attributes:
        learning_rate, source_weight: the setting.
        trials: that worked.
        accuracy, accuracy_error: mean class accuracy of the validation images over them, and its standard error.
        loss, loss_error: likewise, in nats.
        dropped: the number of trials after which it was clearly worse than the best.
        failed: whether a trial failed.
    """

    FORM: ClassVar[dict[str, Any]] = {
        **{"learning_rate": float, "source_weight": _NUMBER, "trials": int},
        **{"accuracy": _NUMBER, "accuracy_error": _NUMBER, "loss": _NUMBER, "loss_error": _NUMBER},
        **{"dropped": (int, None), "failed": bool},
    }

    learning_rate: float
    source_weight: float | None
    trials: int
    accuracy: float | None
    accuracy_error: float | None
    loss: float | None
    loss_error: float | None
    dropped: int | None
    failed: bool

    @classmethod
    def of(cls, tried: Tried) -> SettingRecord:
        """That of a setting."""
        accuracy, loss = tried.standing or (None, None)
        return cls(
            *tried.point,
            tried.trials,
            accuracy=accuracy.value if accuracy else None,
            accuracy_error=_finite(accuracy.error) if accuracy else None,
            loss=loss.value if loss else None,
            loss_error=_finite(loss.error) if loss else None,
            dropped=tried.dropped,
            failed=tried.standing is None,
        )


@dataclass(frozen=True)
class SecondRecord(Formed):
    """The best of the settings that were not chosen; how far the chosen one is ahead, paired, with standard errors."""

    FORM: ClassVar[dict[str, Any]] = {
        **{"learning_rate": float, "source_weight": _NUMBER},
        **{"accuracy": float, "accuracy_error": _NUMBER, "loss": float, "loss_error": _NUMBER},
    }

    learning_rate: float
    source_weight: float | None
    accuracy: float
    accuracy_error: float | None
    loss: float
    loss_error: float | None


@dataclass(frozen=True)
class ChoiceRecord:
    """The choice of an arm's settings by trials.

    Attributes:
        clear: the chosen setting is more than two standard errors ahead of the second one, in accuracy or loss.
        edge: the chosen rate is the lowest or highest that was tried.
        further: rates that were tried because the best so far was the lowest or highest.
        second: the best of the others; None without one.
        settings: all that were tried.
        chosen: its place among them; None where all failed.
    """

    FORM: ClassVar[dict[str, Any]] = {
        **{"clear": bool, "edge": bool, "further": [float], "second": (SecondRecord.FORM, None)},
        **{"settings": [SettingRecord.FORM], "chosen": (int, None)},
    }

    clear: bool
    edge: bool
    further: tuple[float, ...]
    second: SecondRecord | None
    settings: tuple[SettingRecord, ...]
    chosen: int | None

    @classmethod
    def of(cls, decision: Decision) -> ChoiceRecord:
        """That of a choice."""
        second = None
        if decision.second is not None and decision.ahead is not None:
            (accuracy, accuracy_error), (loss, loss_error) = decision.ahead
            errors = _finite(accuracy_error), _finite(loss_error)
            second = SecondRecord(*decision.second, accuracy, errors[0], loss, errors[1])
        points = [one.point for one in decision.tried]
        place = None if decision.chosen is None else points.index(decision.chosen)
        settings = tuple(SettingRecord.of(one) for one in decision.tried)
        return cls(decision.clear, decision.edge, decision.further, second, settings, place)

    def to_json(self) -> dict[str, Any]:
        """As in the file."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ChoiceRecord:
        """What `to_json` made; `value` is of the form `FORM`."""
        second = None if value["second"] is None else SecondRecord.from_json(value["second"])
        settings = tuple(SettingRecord.from_json(one) for one in value["settings"])
        return cls(value["clear"], value["edge"], tuple(value["further"]), second, settings, value["chosen"])


def choice_sentence(choice: ChoiceRecord) -> str:
    """What was chosen, against what, and whether it is clear."""
    if choice.chosen is None:
        return "every setting failed, so none can be chosen"
    best = choice.settings[choice.chosen]
    reached = f"accuracy {_percent(best.accuracy, best.accuracy_error)}, loss {_nats(best.loss, best.loss_error)}"
    said = f"{_setting(best)} of {len(choice.settings)} settings, validation {reached}, {_count(best.trials)}"
    if (second := choice.second) is not None:
        ahead = f"{_percent(second.accuracy, second.accuracy_error, '+')} points of accuracy and "
        ahead += f"{_nats(second.loss, second.loss_error, '+')} of loss against {_setting(second)}"
        said += f"; {'clear' if choice.clear else 'within noise'}: {ahead}"
    if choice.edge:
        said += "; the rate is at an end of those tried"
    return said


def _setting(one: SettingRecord | SecondRecord) -> str:
    weight = "" if one.source_weight is None else f", source weight {one.source_weight:g}"
    return f"rate {one.learning_rate:g}{weight}"


def _count(trials: int) -> str:
    return "1 trial" if trials == 1 else f"{trials} trials"


def _percent(value: float | None, error: float | None, sign: str = "") -> str:
    return "-" if value is None else f"{100 * value:{sign}.1f}" + ("" if error is None else f" ± {100 * error:.1f}")


def _nats(value: float | None, error: float | None, sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign}.3f}" + ("" if error is None else f" ± {error:.3f}")


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
