"""From a workdir to one HTML file, or to a Markdown file with its charts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.report.links import is_run
from sjft_tf.report.markdown import charts_folder, write_markdown
from sjft_tf.report.page import render
from sjft_tf.report.patches import is_patches, patches_context
from sjft_tf.report.probe import probe_context, read_probe
from sjft_tf.report.study import read_study, study_context
from sjft_tf.workdir import ComparisonFiles, ProbeFiles, StudyFiles, Workdir

_PAGES = (".html", ".htm", ".md")


def write_report(
    workdir: str | Path, output: str | Path | None = None, *, target: str = "", source: Sequence[str] = ()
) -> Path:
    """Writes a page about a run, a comparison of arms, another study, a probe of layers, or patches.

    HTML is one file that needs nothing beside it. Markdown has its charts in a folder beside it and no photographs. The
    same inputs give the same bytes.

    Args:
        workdir: folder of a run (config.json and rounds/), of a comparison (comparison.json), of another study
            (study.json), of a probe (probe.json) or of patches (patches.json).
        output: the file, Markdown if it ends in .md, else HTML; `workdir/report.html` when not given.
        target, source: where the images lie now, for the pictures; by default where the run found them. Images that
            cannot be opened are left out, and the page says so.

    Returns:
        The file.

    Raises:
        InputError: there is none of them, what is there is damaged, or the file cannot be one; nothing is written then.
    """
    workdir = Path(workdir)
    path = Path(output) if output else Workdir(workdir).page
    markdown = path.suffix.lower() == ".md"
    if (reason := _unfit(path, workdir, markdown)) is not None:
        raise InputError(f"The report cannot be written to {path}: {reason}. Choose another --output.")
    if (workdir / ComparisonFiles.RECORD).is_file():
        kind, values = "comparison", _comparison(workdir, path, not markdown, target, source)
    elif (workdir / ProbeFiles.RECORD).is_file():
        title = f"Probe {workdir.resolve().name}"
        kind, values = "probe", {"title": title, "probe": probe_context(workdir, read_probe(workdir))}
    elif (workdir / StudyFiles.RECORD).is_file():
        record = read_study(workdir)
        kind, values = "study", {"title": record.title, "study": study_context(record, workdir, path)}
    elif is_patches(workdir):
        context = patches_context(workdir, not markdown)
        kind, values = "patches", {"title": f"Patches {workdir.resolve().name}", "patches": context}
    elif is_run(workdir):
        title = f"Training run {workdir.resolve().name}"
        kind, values = "run", {"title": title, "run": _run(workdir, not markdown, target, source)}
    else:
        raise InputError(
            f"There is nothing to report in {workdir}: expected a run (config.json, rounds/), a comparison "
            f"({ComparisonFiles.RECORD}), a study ({StudyFiles.RECORD}), a probe ({ProbeFiles.RECORD}) or patches "
            f"({Workdir(workdir).patches_record.name})"
        )
    if markdown:
        return write_markdown(path, f"{kind}.md", **values)
    with artifacts.atomic_write(path, "w") as stream:
        stream.write(render(f"{kind}.html", **values))
    return path


def _unfit(path: Path, workdir: Path, markdown: bool) -> str | None:
    """Why no report can be written to `path`; None if one can."""
    if path.is_dir():
        return "a folder is there"
    for folder in [charts_folder(path), *path.parents] if markdown else path.parents:
        if os.path.lexists(folder) and not folder.is_dir():
            return f"{folder} is no folder"
    if path.exists() and path.suffix.lower() not in _PAGES and workdir.resolve() in path.resolve().parents:
        return f"it is a file of {workdir}, and no page ({', '.join(_PAGES)})"
    return None


def _run(folder: Path, photographs: bool, target: str, source: Sequence[str]) -> dict[str, Any]:
    # Late: with the pictures comes TensorFlow, which takes longer to import than the page of a study takes to write.
    from sjft_tf.report.pictures import Pictures, open_pictures
    from sjft_tf.report.reading import read_run
    from sjft_tf.report.run_sections import run_context

    run = read_run(folder)
    pictures = open_pictures(run, target, list(source)) if photographs else Pictures()
    return run_context(run, pictures)


def _comparison(root: Path, path: Path, photographs: bool, target: str, source: Sequence[str]) -> dict[str, Any]:
    from sjft_tf.report.comparison import read_comparison
    from sjft_tf.report.comparison_sections import comparison_context

    comparison = read_comparison(root)
    run, chosen = None, None
    if (shown := comparison.representative()) is not None:
        arm, entry, folder = shown
        run = comparison.damages.part(f"The run in {folder}", lambda: _run(folder, photographs, target, source), None)
        chosen = {"arm": arm.title, "seed": entry.seed}
    context = {**comparison_context(comparison, path), "damages": comparison.damages.notes}
    title = f"Comparison of {len(comparison.arms)} arms"
    return {"title": title, "comparison": context, "run": run, "chosen": chosen}
