"""The SavedModel of any of a run's rounds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sjft_tf.errors import InputError
from sjft_tf.pipeline.finished_run import export_round, restore
from sjft_tf.pipeline.stages.results import read_metrics
from sjft_tf.workdir import Workdir


def export(workdir: Workdir, number: int, output: str) -> Iterator[str]:
    """Writes the SavedModel of one of a run's rounds."""
    config, model, names, number = restore(workdir, number)
    path = Path(output) if output else workdir.saved_model
    if path.exists() and not (path / "saved_model.pb").is_file():
        raise InputError(f"--output={path} exists and is no SavedModel; it will not be overwritten")
    of_round = read_metrics(workdir).of_round(number) if workdir.metrics.is_file() else None
    with workdir.locked():
        export_round(config, tuple(names), model, workdir, number, path, of_round.sets if of_round else {})
    yield f"round {number} exported: {path}"
