"""The folders of runs that a study's record names, and how its page links to them."""

from __future__ import annotations

import os
from pathlib import Path

from sjft_tf.workdir import Workdir


def is_run(folder: Path) -> bool:
    """Whether a run lies in this folder."""
    return folder.is_dir() and Workdir(folder).config.is_file() and Workdir(folder).rounds.is_dir()


def run_folder(root: Path, run: str) -> Path | None:
    """The workdir `run` of a run, if there is an ordinary run in it and inside of the study in `root`."""
    if not run:
        return None
    try:
        folder = (root / run).resolve()
    except (OSError, ValueError, RuntimeError):  # a name too long, with NUL, a loop of links
        return None
    return root / run if folder.is_relative_to(root.resolve()) and is_run(folder) else None


def run_link(root: Path, run: str, output: Path) -> str | None:
    """How the page at `output` links to it; None where there is none."""
    folder = run_folder(root, run)
    if folder is None:
        return None
    from urllib.parse import quote

    return quote(Path(os.path.relpath(folder.resolve(), output.resolve().parent)).as_posix()) + "/"
