"""How transferable are a network's layers? A study whose runs are done in processes apart."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from sjft_tf import artifacts
from sjft_tf.csv_files import Writer
from sjft_tf.errors import InputError
from sjft_tf.pipeline.studying.job_types import SURVEY, SurveyJob
from sjft_tf.pipeline.studying.looks import check_settings
from sjft_tf.pipeline.studying.program import in_processes
from sjft_tf.pipeline.studying.runs import Launch
from sjft_tf.pipeline.studying.studied import Studied
from sjft_tf.study import write_classes
from sjft_tf.transferability import Division, TransferSpec
from sjft_tf.workdir import StudyFiles, Workdir

CLASSES = "classes.csv"
"""In the workdir: on which side each class is, and by which word."""


def transferability(spec: TransferSpec, workdir: Workdir, at_once: int = 1) -> AbstractContextManager[Studied]:
    """The study, to run or to plan, see `in_processes`.

    Args:
        spec: what is asked for.
        workdir: of all its runs; locked inside.
        at_once: runs done at the same time.
    """
    return in_processes(_studied, spec.check(), workdir, at_once)


def _studied(
    spec: TransferSpec,
    workdir: Workdir,
    launch: Launch,
    at_once: int,
    stop: Callable[[], object],
    rest: Callable[[], object],
) -> Studied:
    names = _surveyed(spec, workdir.root, launch)
    divisions = spec.divisions(names["target"])
    study = spec.study(names["layers"], divisions)
    # Before anything is written: a refused command leaves the lists of a begun study alone.
    check_settings(workdir.root / StudyFiles.SETTINGS, study.settings())
    for seed, division in divisions.items():
        write_classes(workdir.root, spec.list_name("A", seed), division.a)
        write_classes(workdir.root, spec.list_name("B", seed), division.b)
    if divisions:
        _write_sides(workdir.root / CLASSES, names["target"], divisions)
    return Studied(study, workdir, launch, at_once, stop, rest)


def _surveyed(spec: TransferSpec, root: Path, launch: Launch) -> dict[str, list[str]]:
    """Names of classes and layers, which a process tells that opens the sets and builds the trunk."""
    with tempfile.TemporaryDirectory(prefix="sjft-survey-") as folder:
        output, log = Path(folder) / "survey.json", Path(folder) / StudyFiles.LOG
        if error := launch(
            SurveyJob(spec.base, str(root / StudyFiles.SHARED), spec.command, str(output), more=True), log
        ):
            raise InputError(error.partition(" (status")[0])  # its log goes with the folder
        return artifacts.read_json(output, SURVEY)


def _write_sides(path: Path, names: list[str], divisions: Mapping[int, Division]) -> None:
    one = next(iter(divisions.values()))
    with artifacts.atomic_write(path, "w") as stream:
        writer = Writer(stream)
        if one.words is None and one.left_out is None:  # drawn
            writer.writerow(["class", *(f"seed {seed}" for seed in divisions)])
            writer.writerows([name, *("AB"[name in each.b] for each in divisions.values())] for name in names)
            return
        writer.writerow(["class", "side", "word", "left_out"])
        words, left = one.words or {}, one.left_out or {}
        for name in names:
            side = one.titles[0] if name in one.a else one.titles[1] if name in one.b else ""
            writer.writerow([name, side, words.get(name, ""), left.get(name, "")])
