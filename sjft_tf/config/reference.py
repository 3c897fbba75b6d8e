"""The flags as a page: `python -m sjft_tf.config.reference > docs/flags.md` writes it from the settings."""

from __future__ import annotations

import dataclasses

from sjft_tf.config.option import LARGE, Setting
from sjft_tf.config.run import RunConfig

COMMAND = "python -m sjft_tf.config.reference > docs/flags.md"
TOP = f"""# Flags

All settings of a run, made from `sjft_tf/config/` by `{COMMAND}`.
Each is a flag of `train.py`; other programs have the sections that they use, and flags of their own: `--help` lists
them. A flag of a list may be given more than once. Those with a star change nothing that is trained, and may differ
from one start of a run to the next."""


def reference() -> str:
    """A Markdown page with a table for each section of `RunConfig`: flag, default, what it may be, what it does."""
    parts = [TOP]
    for section in dataclasses.fields(RunConfig):
        values = getattr(RunConfig(), section.name)
        rows = [_row(item, getattr(values, item.name)) for item in dataclasses.fields(values)]
        parts.append(f"## {values.__doc__.splitlines()[0].rstrip('.')} (`{section.name}`)")
        parts.append("\n".join(["| Flag | Default | Values | |", "|---|---|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def _row(item: dataclasses.Field[Setting], default: Setting) -> str:
    star = " \\*" if item.metadata["free"] else ""
    text = item.metadata["help"].replace("|", "\\|")
    return f"| `--{item.name}`{star} | {_shown(default)} | {_allowed(item, default)} | {text} |"


def _shown(default: Setting) -> str:
    if isinstance(default, bool):
        return "on" if default else "off"
    return f"`{default}`" if default not in ("", []) else ""


def _allowed(item: dataclasses.Field[Setting], default: Setting) -> str:
    choices, limits = item.metadata["choices"], item.metadata["limits"]
    if isinstance(default, bool):
        return f"`--no{item.name}`" if default else f"`--{item.name}`"
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    if limits is None:
        return "list of texts" if isinstance(default, list) else "text"
    low, high = limits
    # The largest whole number only keeps nonsense out.
    return (
        f"from {low:g}" if high == LARGE else f"{low:g} to {high:g}" if isinstance(high, float) else f"{low} to {high}"
    )


if __name__ == "__main__":
    print(reference(), end="")
