"""The one folder a run lives in: where each artifact lies, who works in it, what it was configured with."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import platform
import subprocess
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import IO, Any

import sjft_tf
from sjft_tf import artifacts, outputs
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.owned_folder import mark, refuse_foreign, refuse_misplaced, refuse_patterns

log = logging.getLogger(__name__)
_PACKAGES = ("tensorflow", "tensorflow-cpu", "keras", "tensorflow-addons", "numpy", "scipy", "pillow")
_RECORD = {"config": dict, "packages?": {"*": str}}
# Folders of a run and of a study: leftovers are looked for in these. A run of a study looks in its own.
_FOLDERS = (
    "images",
    "influence",
    "rounds",
    "checkpoints",
    "descriptors-source",
    "saved_model",
    "logs",
    "shared",
    "gradient-rounds",
    "heads",
    "adapted",
    "patches",
    "heat_maps",
    "features",
    "cells",
)


class RoundFiles:
    """Names in the folder of a round; those of the state and the model also in a checkpoint's.

    Attributes:
        STATE: K of every image, digests, what the round was made from.
        SCORING: entropy, prediction and hard images of the scoring after it.
        MODEL: the joint model's weights.
        OPTIMIZER: the optimizer's variables.
        METRICS: figures of the scored sets (JSON).
    """

    STATE = "state.npz"
    SCORING = "scoring.npz"
    MODEL = "model.weights.h5"
    OPTIMIZER = "optimizer.npz"
    METRICS = "metrics.json"

    @staticmethod
    def probabilities(name: str) -> str:
        """Of the scored set `name`, "validation" or "test"."""
        return f"probabilities-{name}.npz"


class StudyFiles:
    """Names in the workdir of a study, whose runs have workdirs of their own.

    Attributes:
        RECORD: the study: cells, runs, figures (JSON).
        MARKDOWN, CSV: its tables.
        SETTINGS: what all its runs have in common (JSON).
        SHARED: folder of what the runs share: scans, tables.
        RUNS: folder of the runs.
        LOOKS: in SHARED: a folder for each choice of image sets, where there are several.
        CLASSES: in SHARED: folder of lists of classes, one a line.
        SETS: in SHARED, or a folder of LOOKS: what opening the image sets told (JSON).
        SOURCE: beside it: the source without its leaks (JSON).
        TARGET: beside it: the target without images that are repeated, one id a line.
        RESULT: in a run's folder, written last: figures, seconds, stamp (JSON).
        LOG: in a run's folder: what its process printed.
        OUTCOMES: in a run's folder: its `Workdir.outcomes`, named here since no `Workdir` is made to look for it.
    """

    RECORD = "study.json"
    MARKDOWN = "study.md"
    CSV = "study.csv"
    SETTINGS = "settings.json"
    SHARED = "shared"
    RUNS = "runs"
    LOOKS = "sets"
    CLASSES = "classes"
    SETS = "sets.json"
    SOURCE = "source-kept.json"
    TARGET = "target-kept.txt"
    RESULT = "result.json"
    LOG = "log.txt"
    OUTCOMES = "outcomes.npz"


class ComparisonFiles(StudyFiles):
    """Likewise of a comparison, the study whose record has a form of its own."""

    RECORD = "comparison.json"
    MARKDOWN = "comparison.md"
    CSV = "comparison.csv"


class ProbeFiles:
    """Names in the workdir of a probe.

    Attributes:
        RECORD: what was reached with every layer, and the best of it (JSON).
        CELLS: folder of single results, a file each (JSON).
        FEATURES: folder of kept features, a folder each.
        POINTS: the picture of features: coordinates, classes and sets (NPZ).
        PICTURES: the same drawn, by class and by set (SVG).
        RANKING: starting weights ranked (JSON).
    """

    RECORD = "probe.json"
    CELLS = "cells"
    FEATURES = "features"
    POINTS = "points.npz"
    PICTURES = ("features-by-class.svg", "features-by-set.svg")
    RANKING = "ranking.json"


class Workdir:
    """Paths of a run's artifacts under `root` (created when missing).

    Attributes:
        root: the folder.
        config: the resolved settings, versions and revision (JSON).
        classes: class names of the target and of the source (JSON).
        scans: results of checking the image files, so that unchanged files are read once.
        edges: bin edges of the descriptors, fitted to the target.
        neighbors: the neighbor table.
        search: a search that is not finished, to go on with; gone when the table is there.
        shards: what workers found of it (--engine=dask), until it is in there; gone when the table is there.
        search_report: what an approximate search measured of itself (JSON).
        descriptors: the source's descriptors, with --keep_descriptors or --search=approximate.
        leaks: the audit's result, with what it was made from (NPZ).
        leaks_csv: source images that are target images (CSV: source id, role, target id, kind, score).
        leaks_picture: such pairs side by side (PNG).
        repeats_csv: training images that are held-out images or in another class too (CSV: training id, role, target
            id, kind, score).
        not_repeated: the ids of the other training images, a line each, for --target_rows (text).
        target_descriptors: the target's descriptors, of scripts/extract.py.
        patches: folder of what scripts/patches.py keeps to go on with: features, the head, scores.
        patches_record: what it measured (JSON).
        heat_maps: folder of its pictures (PNG).
        influence: folder of what pruning found, see the properties.
        decision: what --selector=auto took, and why (JSON).
        importance: importance of the source's classes, with what it was made from (NPZ).
        adapted: trunks that have learned the source, a folder for each.
        heads: what the heads begin as, a file for each that was fitted (NPZ).
        importance_csv: the same as a list, with how many images of each class are drawn (CSV).
        transport, transport_csv: likewise, weights by optimal transport of classes.
        likeness, likeness_csv: likewise, weights of images by their gradients; the list has those that are drawn.
        gradient_rounds: the short training before it; gone when the weights are there.
        borrowed: what was borrowed at the end (CSV: target id, source id, distance, rank).
        picture: target images beside their nearest borrowed images (PNG).
        rounds: one folder a finished round.
        checkpoints: one folder a checkpoint of the round in progress; gone when the round is finished.
        metrics: figures of every round and of the end (JSON).
        report: figures of every class (CSV).
        predictions: the predictions on the test images (CSV).
        outcomes: of each validation image whether it was right, and its loss (NPZ).
        drift: how far each stage of the trunk is from where it started (JSON).
        saved_model: the exported model.
        trunk: the trained trunk, to start another run with (`--weights`).
        logs: TensorBoard event files.
        times: seconds of each stage (JSON).
        advice: what scripts/advise.py measured (JSON).
        page: the report, unless it is written elsewhere (HTML).
        montage: a target image beside its neighbors, of scripts/retrieve.py (PNG).
        outputs: digests of what is left for the user (JSON); see `outputs`.
    """

    def __init__(self, root: str | Path) -> None:
        if not str(root).strip():
            raise InputError("--workdir is empty; name a folder for this run, e.g. --workdir=runs/mine")
        self.root = Path(root)
        if self.root.exists() and not self.root.is_dir():
            raise InputError(f"--workdir={root} is a file; a folder is needed")
        self.config = self.root / "config.json"
        self.classes = self.root / "classes.json"
        self.scans = self.root / "images"
        self.edges = self.root / "edges.npz"
        self.neighbors = self.root / "neighbors.npz"
        self.search = self.root / "search.npz"
        self.shards = self.root / "shards"
        self.search_report = self.root / "search.json"
        self.descriptors = self.root / "descriptors-source"
        self.target_descriptors = self.root / "descriptors-target.npz"
        self.leaks = self.root / "leaks.npz"
        self.leaks_csv = self.root / "leaks.csv"
        self.leaks_picture = self.root / "leaks.png"
        self.repeats_csv = self.root / "repeats.csv"
        self.not_repeated = self.root / "not_repeated.txt"
        self.influence = self.root / "influence"
        self.patches = self.root / "patches"
        self.patches_record = self.root / "patches.json"
        self.heat_maps = self.root / "heat_maps"
        self.decision = self.root / "selector.json"
        self.importance = self.root / "class_importance.npz"
        self.adapted = self.root / "adapted"
        self.heads = self.root / "heads"
        self.importance_csv = self.root / "class_importance.csv"
        self.transport = self.root / "uot.npz"
        self.transport_csv = self.root / "uot.csv"
        self.likeness = self.root / "gradients.npz"
        self.likeness_csv = self.root / "gradients.csv"
        self.gradient_rounds = self.root / "gradient-rounds"
        self.borrowed = self.root / "borrowed.csv"
        self.picture = self.root / "neighbors.png"
        self.rounds = self.root / "rounds"
        self.checkpoints = self.root / "checkpoints"
        self.metrics = self.root / "metrics.json"
        self.report = self.root / "report.csv"
        self.predictions = self.root / "predictions.csv"
        self.outcomes = self.root / StudyFiles.OUTCOMES
        self.drift = self.root / "drift.json"
        self.saved_model = self.root / "saved_model"
        self.trunk = self.root / "trunk.weights.h5"
        self.architecture = self.root / "trunk.json"
        self.loaded_weights = self.root / "weights.csv"
        self.logs = self.root / "logs"
        self.times = self.root / "times.json"
        self.advice = self.root / "advice.json"
        self.page = self.root / "report.html"
        self.montage = self.root / "montage.png"
        self.outputs = self.root / outputs.FILE
        self._inner = 0.0

    def source_weights(self, selector: str) -> Path:
        """The weights of the source that this one of `WEIGHT_SELECTORS` makes, with what they were made from (NPZ)."""
        return {"class_importance": self.importance, "uot": self.transport, "gradients": self.likeness}[selector]

    def source_weights_csv(self, selector: str) -> Path:
        """The same as a list, with what of it is drawn (CSV); of a comparison's run in its own folder."""
        lists = {"class_importance": self.importance_csv, "uot": self.transport_csv, "gradients": self.likeness_csv}
        return lists[selector]

    @property
    def influence_scores(self) -> Path:
        """How harmful each target image is (NPZ)."""
        return self.influence / "scores.npz"

    @property
    def influence_csv(self) -> Path:
        """The same as a list, with what is dropped."""
        return self.influence / "influence.csv"

    @property
    def influence_pictures(self) -> dict[str, Path]:
        """Pictures of the most "harmful" and the most "helpful" images (PNG)."""
        return {name: self.influence / f"{name}.png" for name in ("harmful", "helpful")}

    @property
    def influence_check(self) -> Path:
        """Predicted and measured change of the loss without single images (CSV)."""
        return self.influence / "verify.csv"

    @property
    def kept(self) -> Path:
        """The target images that pruning keeps, for --target_rows (JSON)."""
        return self.influence / "kept.json"

    def bad_images(self, role: str) -> Path:
        """Where skipped files of `role` (target, test, source, ...) are listed."""
        return self.scans / f"{role}.bad.csv"

    @contextlib.contextmanager
    def locked(self, patience: float = 0.0) -> Iterator[None]:
        """Keeps a second process from working in the same folder; the lock goes with the process that holds it.

        The folder is made and marked as a workdir; leftovers of killed processes in it are removed.

        Args:
            patience: seconds to wait for one that is ending.

        Raises:
            InputError: another process holds it, or it is no folder for a run.
        """
        refuse_patterns(self.root, "--workdir")
        refuse_foreign(self.root)
        # Of a run by attribute: a study's run has some of its files elsewhere.
        own = [path for name, path in vars(self).items() if isinstance(path, Path) and name != "root"]
        of_a_study = {
            name
            for files in (StudyFiles, ComparisonFiles)
            for name in (files.RECORD, files.MARKDOWN, files.CSV, files.SETTINGS, files.SHARED, files.RUNS)
        }
        refuse_misplaced([*own, *(self.root / name for name in sorted(of_a_study))])
        with self._open_lock() as handle:
            until = time.monotonic() + patience
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() >= until:
                        raise InputError(
                            f"Another process is working in {self.root}. Wait for it, or use another."
                        ) from error
                time.sleep(0.1)
            artifacts.remove_leftovers(self.root, _FOLDERS)
            yield

    def _open_lock(self) -> IO[bytes]:
        path = self.root / ".lock"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            mark(self.root)
            # A link is not followed and nothing is cut off: whatever lies there is not ours to change.
            return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644), "r+b")
        except OSError as error:
            raise InputError(
                f"--workdir={self.root} cannot be used: {path} cannot be opened for writing ({error.strerror}). "
                "It must be a plain file in a folder you may write to; choose another --workdir."
            ) from error

    def write_config(self, config: RunConfig) -> None:
        """Records the settings with the versions of everything that shapes the result."""
        artifacts.write_json(
            self.config,
            {
                "config": config.to_json(),
                "sjft_tf": sjft_tf.__version__,
                "revision": _revision(),
                "python": platform.python_version(),
                "platform": platform.platform(),
                "packages": _versions(),
            },
        )

    def read_config(self) -> RunConfig:
        """The settings the run in this folder was made with.

        Raises:
            InputError: there is no run here.
        """
        if not self.config.is_file():
            raise InputError(f"There is no run in {self.root} ({self.config.name} is missing). Train one first.")
        return RunConfig.from_json(self.read_record()["config"])

    def read_record(self) -> dict[str, Any]:
        """What `write_config` wrote: the settings with the versions.

        Raises:
            InputError: the file is missing or damaged.
        """
        return artifacts.read_json(self.config, _RECORD)

    def read_times(self) -> dict[str, float]:
        """Seconds of each stage so far; damaged ones are told and forgotten."""
        try:
            return artifacts.read_json(self.times, {"*": float}) if self.times.is_file() else {}
        except InputError as error:
            log.warning("%s Times are counted from now on.", error)
            return {}

    def read_classes(self) -> dict[str, list[str]]:
        """Class names of "target" and "source".

        Raises:
            InputError: the file is missing or damaged.
        """
        remedy = "Remove it and start the training's command again: it writes the file anew and keeps the rounds."
        return artifacts.read_json(self.classes, {"target": [str], "source": [str]}, remedy)

    def has_several_labels(self) -> bool:
        """Whether an image of the target may have several labels; runs that do not say so have one each."""
        known = artifacts.read_json(self.classes, {"several_labels?": bool}) if self.classes.is_file() else {}
        return bool(known.get("several_labels", False))

    @contextlib.contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Adds the time spent inside to `stage` in times.json, also over several starts of the same run.

        Time spent in a stage inside this one counts for that one only.
        """
        begun, outside = time.perf_counter(), self._inner
        self._inner = 0.0
        yield
        total = time.perf_counter() - begun
        spent = self.read_times()
        spent[stage] = round(spent.get(stage, 0.0) + total - self._inner, 3)
        artifacts.write_json(self.times, spent)
        self._inner = outside + total


def _versions() -> dict[str, str]:
    versions = {}
    for name in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def _revision() -> str | None:
    """The git revision of the checkout the package runs from, with "+changes" where files differ; else None."""
    here = Path(__file__).resolve().parent.parent
    if not (here / ".git").exists():
        return None
    try:
        ask = ["git", "-C", str(here), "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+changes"]
        return subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
