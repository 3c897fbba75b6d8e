"""Naming the class of image files with an exported model."""

from __future__ import annotations

import csv
import glob
import io
import itertools
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from sjft_tf import artifacts, progress
from sjft_tf.errors import InputError
from sjft_tf.export import Predictor, load_predictor
from sjft_tf.images.decode import decode_with_pillow, is_plain
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif")
BATCH = 64


def predict(workdir: str, model: str, images: Sequence[str], output: str) -> Iterator[str]:
    """Writes one line an image: `image,class,probability`.

    Args:
        workdir: a run whose SavedModel is used, or empty.
        model: the folder of a SavedModel, or empty.
        images: files, folders (searched through) and patterns.
        output: CSV file; empty: standard output.

    Yields:
        The closing lines for the screen.

    Raises:
        InputError: no model, no images, or none that can be decoded.
    """
    if bool(workdir) == bool(model):
        raise InputError("Say which model answers: either --workdir=RUN or --model=SAVED_MODEL")
    predictor = load_predictor(model or Workdir(workdir).saved_model)
    files = find_files(images)
    answers, bad = [], []
    with progress.bar(len(files), "Predicting") as shown:
        for batch in _batches(files):
            for path, probabilities in _answer(predictor, batch):
                if probabilities is None:
                    bad.append(path)
                else:
                    answers.append((path, probabilities))
            shown.update(len(batch))
    for path in bad:
        log.warning("%s cannot be decoded (JPEG, PNG, BMP or GIF was expected); left out", path)
    if not answers:
        raise InputError(f"None of the {len(files)} files could be decoded, e.g. {files[0]}")
    if output:
        with artifacts.atomic_write(output, "w") as stream:
            _write(stream, predictor.class_names, answers)
        yield f"{len(answers)} images answered, {len(bad)} left out: {output}"
    else:
        _write(sys.stdout, predictor.class_names, answers)


def find_files(images: Sequence[str]) -> list[Path]:
    """The image files that `images` (files, folders, patterns) names, each once, in order."""
    if not images:
        raise InputError("Say which images to name: --images=FILE, a folder or a pattern")
    found: dict[Path, None] = {}
    for text in images:
        path = Path(text)
        if path.is_dir():
            here: Iterable[Path] = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES)
        elif path.exists():
            here = [path]
        else:
            here = sorted(Path(name) for name in glob.glob(text, recursive=True))  # noqa: PTH207 (absolute patterns)
        here = list(here)
        if not here:
            raise InputError(f"--images={text} names no image file ({', '.join(SUFFIXES)})")
        found |= dict.fromkeys(here)
    return list(found)


def _batches(files: Sequence[Path]) -> Iterator[list[Path]]:
    rest = iter(files)
    while batch := list(itertools.islice(rest, BATCH)):
        yield batch


def _answer(predictor: Predictor, batch: Sequence[Path]) -> Iterator[tuple[Path, np.ndarray | None]]:
    encoded = [_readable(path) for path in batch]
    known = [content for content in encoded if content is not None]
    answers = iter(predictor.predict_bytes(known, BATCH))
    for path, content in zip(batch, encoded, strict=True):
        yield path, None if content is None else next(answers)


def _readable(path: Path) -> bytes | None:
    """The file's content in a form the exported model decodes as training did; None if it is no image."""
    try:
        content = path.read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            plain = is_plain(image)
            image.load()
        if plain:
            return content
        again = io.BytesIO()
        Image.fromarray(decode_with_pillow(content)).save(again, "PNG")
        return again.getvalue()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _write(stream: IO[str], class_names: Sequence[str], answers: Sequence[tuple[Path, np.ndarray]]) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["image", "class", "probability"])
    for path, probabilities in answers:
        best = int(probabilities.argmax())
        writer.writerow([path, class_names[best], f"{probabilities[best]:.6f}"])
