"""Text cards for TensorBoard: the resolved configuration, and the image sets. Markdown, nothing else."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np


class CardImages(Protocol):
    """What the card says of an `images.ImageSet`."""

    @property
    def name(self) -> str:
        """Short name."""

    @property
    def class_counts(self) -> np.ndarray:
        """Int [C], images of each class."""

    @property
    def fingerprint(self) -> str:
        """Digest of its content."""

    def __len__(self) -> int: ...


def configuration_card(
    config: Mapping[str, Mapping[str, object]],
    defaults: Mapping[str, Mapping[str, object]],
    facts: Mapping[str, object],
) -> str:
    """A table of every setting by section, those that are not at their defaults in bold and first in their section.

    Args:
        config: section -> setting -> value, as in `RunConfig.to_json`.
        defaults: the same, of a run nothing was said about.
        facts: what else shaped the run (versions, devices, command line): name -> value; None is left out.
    """
    lines = ["### Run", "", "| | |", "|---|---|"]
    lines += [f"| {_cell(name)} | {_cell(value)} |" for name, value in facts.items() if value is not None]
    for section, settings in config.items():
        usual = defaults.get(section, {})
        changed = [name for name in settings if name not in usual or settings[name] != usual[name]]
        lines += ["", f"### {_cell(section)}", "", "| setting | value | default |", "|---|---|---|"]
        for name in changed:
            before = _cell(usual[name]) if name in usual else ""
            lines.append(f"| **{_cell(name)}** | **{_cell(settings[name])}** | {before} |")
        lines += [f"| {_cell(name)} | {_cell(settings[name])} | |" for name in settings if name not in changed]
    return "\n".join(lines)


def image_set_card(sets: Mapping[str, CardImages]) -> str:
    """A table of the image sets.

    Args:
        sets: role -> `images.ImageSet` (its `name`, `class_counts` and `fingerprint` are shown).
    """
    lines = [
        "| | set | images | classes | images a class | fingerprint |",
        "|---|---|---|---|---|---|",
    ]
    for role, images in sets.items():
        counts = images.class_counts
        smallest, largest = int(counts.min()), int(counts.max())
        per_class = f"{smallest}" if smallest == largest else f"{smallest} to {largest}"
        cells: Sequence[object] = (role, images.name, len(images), len(counts), per_class, images.fingerprint)
        lines.append("| " + " | ".join(map(_cell, cells)) + " |")
    return "\n".join(lines)


def _cell(value: object) -> str:
    """A value as text that Markdown shows as it is, in one line of a table."""
    if isinstance(value, (list, tuple)):
        value = ", ".join(map(str, value))
    text = html.escape(" ".join(str(value).split()), quote=False)
    return re.sub(r"([\\`*_{}\[\]#|])", r"\\\1", text) or "(empty)"
