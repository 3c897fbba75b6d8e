"""Thumbnails of a run's images, as data URIs: the report fetches nothing."""

from __future__ import annotations

import base64
import dataclasses
import io

import numpy as np
import tensorflow as tf
from PIL import Image

from sjft_tf import artifacts
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet, class_name
from sjft_tf.influence import kept_rows
from sjft_tf.report.damage import DAMAGE
from sjft_tf.report.reading import RecordedRun
from sjft_tf.run_sets import NO_IMAGES, open_sources, open_targets
from sjft_tf.schema import Array, Schema

SIDE = 72
_UNREADABLE = (*DAMAGE, tf.errors.OpError)
_LEAKS = Schema({"source_row": Array("int32", ("leaks",), low=0)}, others=True)  # what is needed of them
_EXACT = 32  # pixels; smaller images are kept to the pixel, and enlarged by the browser


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Images of a run by row.

    Attributes:
        target: the target training images; None if they could not be opened.
        source: the source images, without leaks that were left out; None likewise.
        problem: why something is missing, in a sentence; "" if nothing is.
    """

    target: ImageSet | None = None
    source: ImageSet | None = None
    problem: str = ""

    def target_id(self, row: int) -> str:
        """The name of a target image, its row where nobody knows."""
        return str(self.target.ids[row]) if self.target is not None else f"row {row}"

    def target_uri(self, row: int) -> str | None:
        """A thumbnail; None without images."""
        return thumbnail(self.target, row)

    def source_uri(self, row: int) -> str | None:
        """Likewise of a source image."""
        return thumbnail(self.source, row)

    def source_class(self, row: int) -> str | None:
        """The class of a source image."""
        return str(self.source.class_names[int(self.source.labels[row])]) if self.source is not None else None


def thumbnail(images: ImageSet | None, row: int) -> str | None:
    """An image of at most 72 pixels a side as data URI; None where it cannot be had."""
    if images is None:
        return None
    try:
        image = Image.fromarray(np.asarray(images.load(row)))
    except _UNREADABLE:
        return None
    stream = io.BytesIO()
    if max(image.size) <= _EXACT:
        image.save(stream, format="PNG", optimize=True)
        return _uri("png", stream)
    image.thumbnail((SIDE, SIDE))
    image.save(stream, format="JPEG", quality=80)
    return _uri("jpeg", stream)


def _uri(kind: str, stream: io.BytesIO) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode()}"


def open_pictures(run: RecordedRun, target: str = "", source: list[str] | None = None) -> Pictures:
    """Opens the images of a run, where they still are and still are the same.

    Args:
        run: whose images.
        target, source: specs of where they lie now; by default where the run found them.
    """
    try:
        config = RunConfig.from_json(run.config)
        data = config.data
        config = config.replace("data", target=target or data.target, source=source or data.source)
        training = _target(run, config)
    except _UNREADABLE as error:
        return Pictures(problem=f"The target images could not be opened: {error}")
    if not run.borrows:
        return Pictures(training)
    try:
        return Pictures(training, _source(run, config))
    except _UNREADABLE as error:
        return Pictures(training, problem=f"The source images could not be opened: {error}")


def _target(run: RecordedRun, config: RunConfig) -> ImageSet:
    data = config.data
    if not data.exclude_leaks:  # else which images are trained on depends on the held-out ones
        config = config.replace("data", validation=NO_IMAGES, test=NO_IMAGES)
    images, _, _ = open_targets(config, run.workdir, _say_nothing)
    if data.prune_target:
        images = images.subset(kept_rows(run.workdir.kept, images))
    _check("target", images, len(run.states[0].counts), run)
    return images


def _source(run: RecordedRun, config: RunConfig) -> ImageSet:
    images = open_sources(config, run.workdir, _say_nothing)
    if config.data.exclude_leaks and run.workdir.leaks.is_file():
        leaked = artifacts.load_npz(run.workdir.leaks, _LEAKS)[0]["source_row"]
        images = images.subset(np.setdiff1d(np.arange(len(images)), leaked))
    _check("source", images, run.source_size or len(images), run)
    return images


def _say_nothing(line: str) -> None:
    """It was told when the run opened its sets."""


def _check(role: str, images: ImageSet, count: int, run: RecordedRun) -> None:
    """Refuses other images than the run's: a picture beside a wrong name is worse than none."""
    known = run.neighbors.made_from.get(role) if run.neighbors is not None else None
    if len(images) != count or (known is not None and known != images.fingerprint):
        raise InputError(f"'{images.name}' has other images now ({len(images)}) than when the run was made ({count}).")
    names, now = ([class_name(name) for name in one] for one in (run.classes.get(role, ()), images.class_names))
    if names and names != now:  # rows are in the order of classes
        raise InputError(f"'{images.name}' has other classes now, or in another order, than when the run was made.")
