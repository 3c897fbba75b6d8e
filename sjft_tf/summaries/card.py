"""Text cards for TensorBoard: the resolved configuration, and the image sets. Markdown, nothing else."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any


def configuration_card(
    config: Mapping[str, Mapping[str, Any]], defaults: Mapping[str, Mapping[str, Any]], facts: Mapping[str, Any]
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


def image_set_card(sets: Mapping[str, Any]) -> str:
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
        each = f"{smallest}" if smallest == largest else f"{smallest} to {largest}"
        cells: Sequence[Any] = (role, images.name, len(images), len(counts), each, images.fingerprint)
        lines.append("| " + " | ".join(map(_cell, cells)) + " |")
    return "\n".join(lines)


def _cell(value: Any) -> str:
    """A value as text that Markdown shows as it is, in one line of a table."""
    if isinstance(value, (list, tuple)):
        value = ", ".join(map(str, value))
    text = html.escape(" ".join(str(value).split()), quote=False)
    return re.sub(r"([\\`*_{}\[\]#|])", r"\\\1", text) or "(empty)"
