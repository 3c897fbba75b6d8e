"""What opening the image sets of a study told: sets.json."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class SetsSummary:
    """What opening the image sets told.

    Attributes:
        validation: there are validation images.
        holdout: share of the target that is held out for testing; 0 where there are test images.
        smallest: images of the smallest class in the training set, before `--per_class`.
        smallest_name: that class.
        images: {role: number of images}.
        fingerprints: {role: fingerprint}.
        source_rows: list of the source images that are left by the audit; "" for all.
        target_rows: list of the target images that are left without repeated ones; "" for all.
        warnings: what the user must know.
        opened: what was understood of each set.
    """

    FORM: ClassVar[dict[str, Any]] = {
        "validation": bool,
        "holdout": float,
        "smallest": int,
        "smallest_name": str,
        "images": {"*": int},
        "fingerprints": {"*": str},
        "source_rows": str,
        "warnings": [str],
        "target_rows?": str,  # these two are not in those written before
        "opened?": [str],
    }

    validation: bool
    holdout: float
    smallest: int
    smallest_name: str
    images: dict[str, int]
    fingerprints: dict[str, str]
    source_rows: str = ""
    target_rows: str = ""
    warnings: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As in sets.json."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> SetsSummary:
        """What `to_json` made; `value` is of the form `FORM`."""
        known = {name: value[name] for item in cls.FORM if (name := item.removesuffix("?")) in value}
        return cls(**{**known, "warnings": tuple(known["warnings"]), "opened": tuple(known.get("opened", ()))})


def held_out_note(sets: SetsSummary) -> str:
    """What must be said of figures on held-out images."""
    return (
        f"NOTE: there are no test images. {sets.holdout:.0%} of each class of the target was set aside for testing: "
        "the same images for all arms and seeds, trained on by none. Figures are of these images."
    )
