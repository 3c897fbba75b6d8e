"""Pictures of where a run's model looks, one an image, for programs/predict.py."""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from sjft_tf import artifacts
from sjft_tf.catalog import HEAT_MAP_KINDS
from sjft_tf.config import EvaluationConfig
from sjft_tf.errors import InputError
from sjft_tf.images import View, decode_bytes, squared, visible_name
from sjft_tf.models import HeatMaps
from sjft_tf.pipeline.finished_run import restore
from sjft_tf.pipeline.inputs import evaluation_views, network_view
from sjft_tf.summaries import overlay
from sjft_tf.workdir import Workdir

SMALLEST, LARGEST = 224, 1024
"""Pixels of a picture's longer side: smaller ones are enlarged by a whole number, so that something can be seen."""


@dataclasses.dataclass(frozen=True)
class HeatMapRequest:
    """Heat maps to be drawn beside the answers.

    Attributes:
        folder: where to; new or empty. "" draws none.
        kind: one of `HEAT_MAP_KINDS`.
        class_name: the class that is looked for; "" for the one that each image is predicted to be.
    """

    folder: str = ""
    kind: str = "auto"
    class_name: str = ""

    def check(self, workdir: str) -> None:
        """Raises InputError: no such kind, nothing that has layers, or a folder that has something in it."""
        if not self.folder:
            if self.class_name or self.kind != "auto":
                raise InputError("--heat_map_class and --heat_map_kind are for --heat_maps=FOLDER, which is missing")
            return
        if self.kind not in HEAT_MAP_KINDS:
            raise InputError(f"--heat_map_kind must be one of {', '.join(HEAT_MAP_KINDS)}. Received: {self.kind!r}")
        if not workdir:
            raise InputError(
                "--heat_maps looks into the network's layers, and a SavedModel has neither layers nor gradients to "
                "look at. Name the run that it comes from with --workdir"
            )
        folder = Path(self.folder)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(
                f"--heat_maps={folder} is there and not an empty folder; pictures overwrite nothing. Name a new one, "
                "or empty it"
            )


class HeatMapPictures:
    """Draws an image as the network saw it under its heat map, into a PNG file that is named after it.

    Args:
        workdir: the run.
        request: checked.
        class_names: C names, as the answers have them.
        views: what of an image is looked at: "dense" whole images at several sides; else the center crop, of ten
            crops too.

    Raises:
        InputError: no such class, or the network has no such maps.
    """

    def __init__(
        self, workdir: Workdir, request: HeatMapRequest, class_names: Sequence[str], views: EvaluationConfig
    ) -> None:
        self._label = None
        if request.class_name:
            if request.class_name not in class_names:
                known = ", ".join(class_names[:10]) + (", ..." if len(class_names) > 10 else "")
                raise InputError(f"--heat_map_class={request.class_name} is no class of the run. It has: {known}")
            self._label = list(class_names).index(request.class_name)
        run = restore(workdir, 0)
        config = dataclasses.replace(run.config, evaluation=views).validate()
        chosen = evaluation_views(config) if views.eval_views == "dense" else [network_view(config)]
        self._maps = HeatMaps(run.model, chosen, request.kind)
        self._window = max(chosen, key=lambda view: view.crop)
        self._aspect_ratio = config.data.aspect_ratio
        self.folder, self._taken = Path(request.folder), set[str]()
        self.kind, self.count = self._maps.kind, 0

    def draw(self, name: str, encoded: bytes, probabilities: np.ndarray) -> None:
        """One picture.

        Args:
            name: path of the image.
            encoded: what it holds, JPEG or PNG.
            probabilities: float32 [C], its answer.
        """
        image = squared(decode_bytes(tf.constant(encoded)), self._aspect_ratio).numpy()
        label = int(np.argmax(probabilities)) if self._label is None else self._label
        picture = overlay(shown(image, self._window), self._maps(image, label))
        content = io.BytesIO()
        Image.fromarray(picture).save(content, "PNG")
        self.folder.mkdir(parents=True, exist_ok=True)
        with artifacts.atomic_write(self.folder / f"{self._free(name)}.png") as stream:
            stream.write(content.getvalue())
        self.count += 1

    def _free(self, name: str) -> str:
        """What the picture is called: as the image, with a number where another one is called so already."""
        stem = re.sub(r"[^\w.-]+", "_", Path(visible_name(name)).stem)[:60].lstrip(".") or "image"
        free, number = stem, 1
        while free.lower() in self._taken:  # some file systems do not tell capitals apart
            number += 1
            free = f"{stem}-{number}"
        self._taken.add(free.lower())
        return free


def shown(image: np.ndarray, view: View) -> np.ndarray:
    """The part of an image that a view shows, in the image's own proportions, of a size to look at.

    Args:
        image: uint8 [H, W, 3].
        view: squashes it and takes the middle.

    Returns:
        uint8 [h, w, 3].
    """
    first = (view.resize - view.crop) // 2
    cut = [(n * first // view.resize, max(1, -(-n * (first + view.crop) // view.resize))) for n in image.shape[:2]]
    part = image[slice(*cut[0]), slice(*cut[1])]
    longest = max(part.shape[:2])
    if longest > LARGEST:
        size = [max(1, round(n * LARGEST / longest)) for n in (part.shape[1], part.shape[0])]
        return np.asarray(Image.fromarray(part).resize((size[0], size[1]), Image.Resampling.BOX))
    times = -(-SMALLEST // longest)
    return part.repeat(times, axis=0).repeat(times, axis=1)
