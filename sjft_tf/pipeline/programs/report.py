"""One page about a finished run, or about a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from sjft_tf.report import write_report


def report(
    workdir: str | Path, output: str | Path | None = None, *, target: str = "", source: Sequence[str] = ()
) -> Iterator[str]:
    """Writes the page, see `write_report`, and says where it lies."""
    path = write_report(workdir, output, target=target, source=source)
    yield f"report: {path} ({path.stat().st_size / 1e6:.1f} MB)"
