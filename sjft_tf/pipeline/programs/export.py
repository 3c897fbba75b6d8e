"""The network of any of a run's rounds, as a SavedModel or as one file for other runtimes."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sjft_tf.catalog import EXPORT_FORMATS, QUANTIZATIONS
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.export import Sample, check_installed, export_file, named, refuse_replacing
from sjft_tf.images import SQUASH, ImageSet, open_image_set
from sjft_tf.models import spread_rows
from sjft_tf.pipeline.checking.held_back import held_back
from sjft_tf.pipeline.finished_run import RestoredRun, described, export_round, restore
from sjft_tf.pipeline.inputs import network_view
from sjft_tf.pipeline.stages.results import read_metrics
from sjft_tf.run_sets import open_sets
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)

COMPARED = 128
"""Images on which files are checked, of every class its share."""
_STAND_INS = "glyphs?n=104&size=64"


@dataclasses.dataclass(frozen=True)
class ExportRequest:
    """What is to be written.

    Attributes:
        number: round from 1, 0 for the one that counts.
        output: folder of the SavedModel, and the files beside it, with their endings added; "" for the workdir's.
        formats: of `catalog.EXPORT_FORMATS`.
        quantize: of a TFLite file, one of `catalog.QUANTIZATIONS`.
        images: what files are checked on; "" for the run's own.

    Raises:
        InputError: another format or quantization.
    """

    number: int = 0
    output: str = ""
    formats: Sequence[str] = ("saved_model",)
    quantize: str = "none"
    images: str = ""

    def __post_init__(self) -> None:
        if not self.formats or (wrong := [name for name in self.formats if name not in EXPORT_FORMATS]):
            received = ", ".join(map(repr, wrong)) if self.formats else "none"
            raise InputError(f"--formats must be some of {', '.join(EXPORT_FORMATS)}. Received: {received}")
        if self.quantize not in QUANTIZATIONS:
            raise InputError(f"--quantize must be one of {', '.join(QUANTIZATIONS)}. Received: {self.quantize!r}")
        if self.quantize != "none" and "tflite" not in self.formats:
            raise InputError(f"--quantize={self.quantize} is for TFLite: add it to --formats, or leave it out")

    def place(self, kind: str, workdir: Workdir) -> Path:
        """Where one of the formats goes."""
        if kind == "saved_model":
            return Path(self.output) if self.output else workdir.saved_model
        return named(kind, Path(self.output) if self.output else workdir.root / "model")


def export(workdir: Workdir, request: ExportRequest) -> Iterator[str]:
    """Writes the target's network of one of a run's rounds; yields a line for each format.

    Raises:
        InputError: no such round, something else lies where it would go, a format that cannot be written here, or a
            file that answers otherwise than the model.
    """
    places = {kind: request.place(kind, workdir) for kind in dict.fromkeys(request.formats)}
    if len(set(places.values())) < len(places):
        raise InputError(f"--output={request.output} would be a folder and a file: leave its ending out")
    for kind, path in places.items():
        if kind == "saved_model":
            if path.exists() and not (path / "saved_model.pb").is_file():
                raise InputError(f"--output={path} exists and is no SavedModel; it will not be overwritten")
        else:
            check_installed(kind)
            refuse_replacing(path)
    run = restore(workdir, request.number)
    of_round = read_metrics(workdir).of_round(run.number) if workdir.metrics.is_file() else None
    figures = of_round.sets if of_round else {}
    with workdir.locked():
        if "saved_model" in places:
            path = places.pop("saved_model")
            export_round(run.config, tuple(run.class_names), lambda: run.model, workdir, run.number, path, figures)
            yield f"round {run.number} exported: {path}"
        if not places:
            return
        if run.config.model.precision != "float32":
            # Nothing but TensorFlow computes in 16 bits as training did; variables are of 32 anyway.
            run = restore(workdir, run.number, "float32")
            yield "files are written and checked in float32"
        sample = _sample(run, workdir, request.images)
        description = described(run.config, workdir, run.number, figures)
        for kind, path in places.items():
            quantize = request.quantize if kind == "tflite" else "none"
            view = network_view(run.config)
            ratio = run.config.data.aspect_ratio
            agreement = export_file(kind, path, run.model, run.class_names, view, sample, description, quantize, ratio)
            yield f"round {run.number} exported: {path} ({path.stat().st_size / 1e6:.1f} MB); {agreement}"


def _sample(run: RestoredRun, workdir: Workdir, spec: str) -> Sample:
    config = run.config
    # As they are: what makes squares of them is a part of what is checked.
    name, images = _images(config.replace("data", aspect_ratio=SQUASH), workdir, spec)
    some = images.subset(spread_rows(np.asarray(images.labels), COMPARED))
    view, batch = network_view(config), config.training.eval_batch_size
    return Sample.scored(name, some, run.model, view, batch, config.data.aspect_ratio)


def _images(config: RunConfig, workdir: Workdir, spec: str) -> tuple[str, ImageSet]:
    """Images in words and as a set: those given, else of the run; else some that are always there."""
    if spec:
        return f"images of {spec}", open_image_set(spec, **config.data.reading())
    alone = dataclasses.replace(config.selection, selector="none")
    try:
        with held_back(workdir, publish=False):  # nothing but the sets is wanted here
            sets = open_sets(dataclasses.replace(config, selection=alone), workdir)
    except InputError as error:
        log.warning("The run's images cannot be read: %s. Files are checked on rendered letters.", error)
        return "rendered letters", open_image_set(_STAND_INS)
    known = {"test images": sets.test, "validation images": sets.validation, "training images": sets.target}
    return next((name, images) for name, images in known.items() if images is not None)
