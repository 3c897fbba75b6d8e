"""From a workdir to one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.report.comparison import FILE, Comparison, read_comparison
from sjft_tf.report.comparison_sections import comparison_context
from sjft_tf.report.page import render
from sjft_tf.report.pictures import open_pictures
from sjft_tf.report.reading import is_run, read_run
from sjft_tf.report.run_sections import run_context


def write_report(
    workdir: str | Path, output: str | Path | None = None, *, target: str = "", source: Sequence[str] = ()
) -> Path:
    """Writes a page about a run, or about a comparison of arms, that needs nothing beside it.

    The same inputs give the same bytes.

    Args:
        workdir: folder of a run (config.json and rounds/) or of a comparison (comparison.json).
        output: the HTML file; `workdir/report.html` when not given.
        target, source: where the images lie now, for the pictures; by default where the run found them. Images that
            cannot be opened are left out, and the page says so.

    Returns:
        The file.

    Raises:
        InputError: there is neither, or what is there is damaged.
    """
    workdir = Path(workdir)
    path = Path(output) if output else workdir / "report.html"
    if (workdir / FILE).is_file():
        text = _comparison(read_comparison(workdir), path, target, source)
    elif is_run(workdir):
        text = render("run.html", title=f"Training run {workdir.resolve().name}", run=_run(workdir, target, source))
    else:
        raise InputError(
            f"There is nothing to report in {workdir}: expected a run (config.json, rounds/) or a comparison ({FILE})"
        )
    with artifacts.atomic_write(path, "w") as stream:
        stream.write(text)
    return path


def _run(folder: Path, target: str, source: Sequence[str]) -> dict[str, Any]:
    run = read_run(folder)
    return run_context(run, open_pictures(run, target, list(source)))


def _comparison(comparison: Comparison, path: Path, target: str, source: Sequence[str]) -> str:
    shown = comparison.representative()
    run, chosen = None, None
    if shown is not None:
        arm, entry = shown
        folder = comparison.folder(entry)
        assert folder is not None
        run, chosen = _run(folder, target, source), {"arm": comparison.title(arm), "seed": entry["seed"]}
    context = comparison_context(comparison, path)
    title = f"Comparison of {len(comparison.arms)} arms"
    return render("comparison.html", title=title, comparison=context, run=run, chosen=chosen)
