"""Answers for image files, written one by one: CSV or JSON lines."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Protocol

import numpy as np

from sjft_tf import artifacts, csv_files
from sjft_tf.errors import InputError

FORMATS = ("csv", "jsonl")


@dataclasses.dataclass(frozen=True)
class AnswerFormat:
    """How answers are given.

    Attributes:
        output: the file; "" for standard output.
        form: csv or jsonl; "" for what the file's name says.
        top_k: classes an image.
    """

    output: str = ""
    form: str = ""
    top_k: int = 1


class AnswerWriter(Protocol):
    """Takes the answer for one image: its path and probabilities float32 [C]."""

    def __call__(self, image: str, probabilities: np.ndarray) -> None: ...


def format_for(output: str, requested: str) -> str:
    """The format asked for, or else what the name of the output says: `.jsonl` and `.json` are JSON lines."""
    if requested and requested not in FORMATS:
        raise InputError(f"--format must be one of {', '.join(FORMATS)}. Received: {requested!r}")
    return requested or ("jsonl" if Path(output).suffix.lower() in (".jsonl", ".json") else "csv")


@contextlib.contextmanager
def writing(output: str, form: str, class_names: Sequence[str], top_k: int) -> Iterator[AnswerWriter]:
    """Opens the place for answers: a file, complete or absent, or standard output, line by line.

    CSV has `image,class,probability`; with `top_k` above 1 `image,rank,class,probability`, one line a rank from 1. A
    line of JSON is `{"image": ..., "classes": [...], "probabilities": [...]}`, most probable class first.

    Args:
        output: the file; "" for standard output.
        form: one of `FORMATS`.
        class_names: C names.
        top_k: classes an image, cut at C.
    """
    with artifacts.atomic_write(output, "w") if output else contextlib.nullcontext(sys.stdout) as stream:
        yield (_csv if form == "csv" else _json_lines)(stream, class_names, min(top_k, len(class_names)))


def _best(probabilities: np.ndarray, top_k: int) -> np.ndarray:
    return np.argsort(-probabilities, kind="stable")[:top_k]


def _csv(stream: IO[str], class_names: Sequence[str], top_k: int) -> AnswerWriter:
    lines = csv_files.Writer(stream)
    lines.writerow(["image", *(["rank"] if top_k > 1 else []), "class", "probability"])

    def write(image: str, probabilities: np.ndarray) -> None:
        for rank, c in enumerate(_best(probabilities, top_k), 1):
            lines.writerow([image, *([rank] if top_k > 1 else []), class_names[c], f"{probabilities[c]:.6f}"])

    return write


def _json_lines(stream: IO[str], class_names: Sequence[str], top_k: int) -> AnswerWriter:
    def write(image: str, probabilities: np.ndarray) -> None:
        best = _best(probabilities, top_k)
        answer = {
            "image": image,
            "classes": [class_names[c] for c in best],
            "probabilities": [round(float(probabilities[c]), 6) for c in best],
        }
        stream.write(json.dumps(answer, ensure_ascii=False) + "\n")

    return write
