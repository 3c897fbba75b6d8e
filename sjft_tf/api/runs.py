"""The whole job from Python: images in, a trained model out."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from sjft_tf.api.inputs import Images
from sjft_tf.api.settings import started
from sjft_tf.config import Setting
from sjft_tf.errors import InputError
from sjft_tf.export import Predictor, load_predictor
from sjft_tf.images import ValueRange
from sjft_tf.models import target_network
from sjft_tf.pipeline.answering.image_files import readable
from sjft_tf.pipeline.finished_run import restore
from sjft_tf.pipeline.programs.export import ExportRequest, export
from sjft_tf.pipeline.programs.train import train
from sjft_tf.pipeline.stages.results import read_metrics
from sjft_tf.report import write_report
from sjft_tf.retrieval import NeighborTable
from sjft_tf.workdir import Workdir


class Run:
    """A finished run: what `fine_tune` returns and `load_run` opens.

    Attributes:
        workdir: the folder it lies in.
    """

    def __init__(self, workdir: str | Path) -> None:
        self._workdir, self.workdir = Workdir(workdir), Path(workdir)

    def __repr__(self) -> str:
        return f"Run({str(self.workdir)!r})"

    @cached_property
    def model(self) -> keras.Model:
        """The trained network for the target: float32 [N, H, W, 3] RGB in 0..255 to probabilities float32 [N, C]."""
        return target_network(restore(self._workdir, 0).model)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The C target classes, in the order of the probabilities."""
        return tuple(self._workdir.read_classes()["target"])

    @property
    def figures(self) -> dict[str, Any]:
        """What metrics.json holds: "rounds", and "final" with "test" and "validation" where there are such images."""
        return read_metrics(self._workdir).to_json()

    @property
    def neighbors(self) -> NeighborTable | None:
        """The ranked source images of each target image; None where nothing was looked for."""
        return NeighborTable.load(self._workdir.neighbors) if self._workdir.neighbors.is_file() else None

    @cached_property
    def _predictor(self) -> Predictor:
        return load_predictor(self._workdir.saved_model)

    def predict(self, images: np.ndarray | Sequence[str | Path]) -> np.ndarray:
        """Target probabilities of new images, float32 [N, C].

        Args:
            images: uint8 or float [N, H, W, 3], RGB in 0..255, of any size; or the paths of N image files.

        Raises:
            InputError: images of another shape, or a file that cannot be decoded.
        """
        if isinstance(images, np.ndarray | tf.Tensor):
            return self._predictor.predict(np.asarray(images))
        contents, data = [], self._workdir.read_config().data
        values = data.values()
        for path in images:
            content, reason = readable(Path(path), data.max_pixels, None if values is None else ValueRange(*values))
            if reason:
                raise InputError(f"{path} cannot be decoded: {reason}. Expected an image as training reads it")
            contents.append(content)
        return self._predictor.predict_bytes(contents)

    def report(self, path: str | Path = "") -> Path:
        """Writes the page about this run, HTML, or Markdown where `path` ends in .md; by default in the workdir."""
        return write_report(self.workdir, str(path))

    def export(self, path: str | Path, formats: Sequence[str] = ("saved_model",), quantize: str = "none") -> Path:
        """Writes the network for the target: a SavedModel to the folder `path`, files to `path` with their endings.

        Args:
            path: the folder, or the files without their endings.
            formats: some of "saved_model", "keras", "tflite" and "onnx". Files are checked on images of the run.
            quantize: of a TFLite file, "none", "float16" or "int8".

        Returns:
            `path`.

        Raises:
            InputError: something else lies there, a package is missing, or a file answers otherwise than the model.
        """
        list(export(self._workdir, ExportRequest(output=str(path), formats=formats, quantize=quantize)))
        return Path(path)


def fine_tune(
    target: Images,
    source: Images | list[Images] | None = None,
    *,
    validation: Images | None = None,
    test: Images | None = None,
    workdir: str | Path | None = None,
    **settings: Setting,
) -> Run:
    """Trains one network on the target and on what it borrows from the source: the whole job of scripts/train.py.

    Args:
        target: the images to learn: a spec ("folder:PATH"), the path of a folder, arrays `(x, y)`, or a
            `tf.data.Dataset` of `(image, label)` with known cardinality.
        source: the images to borrow from, likewise, or a list of sets; None is plain fine-tuning.
        validation, test: further images of the target's classes, likewise; None: those beside the target, if any.
        workdir: folder of everything the run makes, where the same call goes on after an interruption; None: a
            temporary one that goes with the returned `Run`.
        **settings: by the names of the flags (docs/flags.md), e.g. `trunk="ResNet50V2"`, `rounds=3`, `k0="100"`.

    Returns:
        The finished run.

    Raises:
        InputError: sets or settings that do not fit, or a run of other settings in the workdir.

    Example:
        >>> import numpy as np
        >>> x, y = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), np.uint8), np.arange(12) % 3
        >>> small = {"trunk": "preact_resnet", "weights": "none", "depth": 8, "width": 4, "image_size": 8, "resize": 8}
        >>> run = fine_tune((x, y), "glyphs?n=104&size=8", k0="2", rounds=1, steps_per_round=2, batch_size=4,
        ...     descriptor_resize=8, descriptor_crop=8, **small)
        >>> run.predict(x[:2]).shape
        (2, 3)
    """
    own = tempfile.mkdtemp(prefix="sjft-run-") if workdir is None else None
    folder = Workdir(Path(own, "run") if own else str(workdir))
    run = Run(folder.root)
    if own:
        weakref.finalize(run, shutil.rmtree, own, ignore_errors=True)
    sets = {"target": target, "validation": validation, "test": test, "source": source}
    with folder.locked(), started(sets, folder, settings) as config:
        train(config, folder)
    return run


def load_run(workdir: str | Path) -> Run:
    """Opens a run that was made by `fine_tune` or scripts/train.py.

    Raises:
        InputError: there is none.

    Example:
        >>> load_run("nowhere")
        Traceback (most recent call last):
        sjft_tf.errors.InputError: There is no finished run in nowhere.
    """
    if not Workdir(workdir).metrics.is_file():
        raise InputError(f"There is no finished run in {workdir}.")
    return Run(workdir)
