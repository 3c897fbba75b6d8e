"""Looks at the image sets of a study, in a process: what of them every run must know, and whether they changed."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from sjft_tf import artifacts
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.pipeline.studying.job_types import LookJob
from sjft_tf.pipeline.studying.runs import Launch
from sjft_tf.study import SetsSummary
from sjft_tf.workdir import StudyFiles


class Look:
    """Opens the image sets of some runs once. Refused, nothing in the workdir of a begun study has changed.

    Args:
        config: the settings that name the sets.
        holdout_test: share of each class set aside for testing where there are no test images.
        folder: where what is found lies; in, or the same as, `shared`.
        shared: the folder that all runs share.
        launch: see `Launch`.
        command: the command line, for the record.
        more: another look follows.

    Attributes:
        sets: what was found.

    Raises:
        ArtifactMismatch: the workdir was begun with other images.
        InputError: the sets do not fit together.
    """

    def __init__(
        self,
        config: RunConfig,
        holdout_test: float,
        folder: Path,
        shared: Path,
        launch: Launch,
        command: str,
        more: bool = False,
    ) -> None:
        self._path = folder / StudyFiles.SETS
        known = _read(self._path).fingerprints if self._path.is_file() else None
        # Of a begun study also the log lies elsewhere. It stays for the one whom an error sends there.
        place = folder if known is None else Path(tempfile.mkdtemp(prefix="sjft-look-"))
        fresh, error = place / "sets-now.json", ""
        job = LookJob(config, str(shared), command, str(folder), str(fresh), holdout_test, known, more=more)
        try:
            if error := launch(job, place / StudyFiles.LOG):
                raise InputError(error)
            self.sets = _read(fresh)
            fresh.unlink()
        finally:
            if place != folder and not error:
                shutil.rmtree(place, ignore_errors=True)
        if known is not None:
            artifacts.check_made_from(self._path, known, self.sets.fingerprints, artifacts.OTHER_WORKDIR)

    def write(self) -> None:
        """Records what was found."""
        artifacts.write_json(self._path, self.sets.to_json())


def check_settings(path: Path, stamp: artifacts.Stamp) -> None:
    """Raises ArtifactMismatch if a study was begun here with something else in common to all its runs.

    Args:
        path: its settings.json.
        stamp: what its runs have in common now.
    """
    if path.is_file():
        artifacts.check_made_from(path, artifacts.read_json(path), stamp, artifacts.OTHER_WORKDIR)


def _read(path: Path) -> SetsSummary:
    return SetsSummary.from_json(artifacts.read_json(path, SetsSummary.FORM))
