"""Files of TensorBoard's projector: features of images as points, with their classes and thumbnails."""

from __future__ import annotations

import logging
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from sjft_tf import artifacts
from sjft_tf.errors import InputError

log = logging.getLogger(__name__)
CONFIG = "projector_config.pbtxt"
FOLDER = "projector"
STAMP = "made_from.json"
LARGEST_SPRITE = 8192  # pixels a side; WebGL takes no larger texture on many machines
THUMBNAIL = 48  # pixels a side, fewer where so many do not fit


def thumbnail_side(count: int) -> int:
    """Side in pixels of the thumbnails of `count` images, so that their sprite is within what a browser takes."""
    return max(1, min(THUMBNAIL, LARGEST_SPRITE // max(1, math.isqrt(max(0, count - 1)) + 1)))


def write_projector(
    logdir: str | os.PathLike[str],
    features: np.ndarray,
    columns: Mapping[str, Sequence[object]],
    thumbnails: np.ndarray,
    made_from: artifacts.Stamp,
    name: str = "features",
) -> Path:
    """Writes `projector_config.pbtxt` and, as one folder, the points, their metadata and the sprite.

    The projector colors points by any column of at most 50 different values, and by any column of numbers.

    Args:
        logdir: the folder TensorBoard is pointed at.
        features: float [N, F], N at least 1, F at least 2.
        columns: at least two columns of N values: header -> values.
        thumbnails: uint8 [N, S, S, 3].
        made_from: what the points were made from, kept for `projector_made_from`.
        name: what the projector calls the points.

    Returns:
        The folder with the points.

    Raises:
        InputError: shapes that do not fit.
    """
    from google.protobuf import text_format
    from tensorboard.plugins import projector

    features, thumbnails = np.asarray(features), np.asarray(thumbnails)
    count = len(features)
    sizes = {header: len(values) for header, values in columns.items()}
    fits = features.ndim == 2 and count and features.shape[1] > 1
    if not fits or len(columns) < 2 or set(sizes.values()) != {count} or thumbnails.shape[:1] != (count,):
        raise InputError(
            "The projector needs features [N, F] with N from 1 and F from 2, two columns or more of N values, and N "
            f"thumbnails. Received: features {features.shape}, columns {sizes}, thumbnails {thumbnails.shape}"
        )
    sheet, side = sprite(thumbnails), thumbnails.shape[1]
    logdir = Path(logdir)
    with artifacts.atomic_directory(logdir / FOLDER) as folder:
        with open(folder / "features.tsv", "w", encoding="utf-8") as stream:
            np.savetxt(stream, features, fmt="%.5g", delimiter="\t")
        with open(folder / "metadata.tsv", "w", encoding="utf-8") as stream:
            stream.write("\t".join(map(_field, columns)) + "\n")
            for values in zip(*columns.values(), strict=True):
                stream.write("\t".join(map(_field, values)) + "\n")
        Image.fromarray(sheet).save(
            folder / "sprite.png", compress_level=1
        )  # photos hardly shrink, and 6 takes thrice the time
        artifacts.write_json(folder / STAMP, dict(made_from))
    config = projector.ProjectorConfig()
    points = config.embeddings.add()
    points.tensor_name = name
    points.tensor_shape.extend(features.shape)
    points.tensor_path, points.metadata_path = f"{FOLDER}/features.tsv", f"{FOLDER}/metadata.tsv"
    points.sprite.image_path = f"{FOLDER}/sprite.png"
    points.sprite.single_image_dim.extend([side, side])
    with artifacts.atomic_write(logdir / CONFIG, "w") as stream:
        stream.write(text_format.MessageToString(config))
    return logdir / FOLDER


def remove_projector(logdir: str | os.PathLike[str]) -> None:
    """Removes what `write_projector` wrote, if it is there."""
    (Path(logdir) / CONFIG).unlink(missing_ok=True)
    shutil.rmtree(Path(logdir) / FOLDER, ignore_errors=True)


def projector_made_from(logdir: str | os.PathLike[str]) -> Mapping[str, object] | None:
    """What the points in `logdir` were made from; None where there are none, not all of their files, or no stamp."""
    stamp = Path(logdir) / FOLDER / STAMP
    if not stamp.is_file() or not (Path(logdir) / CONFIG).is_file():
        return None
    try:
        return artifacts.read_json(stamp)
    except InputError as error:
        log.warning("%s The points are made again.", error)
        return None


def sprite(thumbnails: np.ndarray) -> np.ndarray:
    """Lays thumbnails uint8 [N, S, S, 3] into a square of squares, row by row: uint8 [R, R, 3], R a multiple of S."""
    count, side = thumbnails.shape[:2]
    across = math.isqrt(count - 1) + 1
    sheet = np.full((across * across, side, side, 3), 255, np.uint8)
    sheet[:count] = thumbnails
    sheet = sheet.reshape(across, across, side, side, 3).transpose(0, 2, 1, 3, 4)
    return sheet.reshape(across * side, across * side, 3)


def _field(value: object) -> str:
    # A tab or a line end would begin another column or row.
    return " ".join(str(value).split()) or " "
