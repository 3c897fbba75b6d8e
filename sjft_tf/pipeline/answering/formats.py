"""Answers for image files, written one by one: CSV, a list in JSON, or JSON lines."""

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
from sjft_tf.evaluation import THRESHOLD, joined_labels
from sjft_tf.images import visible_name

FORMATS = ("csv", "json", "jsonl")


@dataclasses.dataclass(frozen=True)
class AnswerFormat:
    """How answers are given.

    Attributes:
        output: the file; "" for standard output.
        form: one of `FORMATS`; "" for what the file's name says.
        top_k: classes an image.
        all_probabilities: of all classes: columns of CSV; in JSON all classes are listed.
    """

    output: str = ""
    form: str = ""
    top_k: int = 1
    all_probabilities: bool = False

    @property
    def kind(self) -> str:
        """The format that was asked for, or else what the name of the output says: `.json`, `.jsonl`, or CSV."""
        ending = Path(self.output).suffix.lower().removeprefix(".")
        return self.form or (ending if ending in FORMATS else "csv")

    def check(self) -> None:
        """Raises InputError: no such format, or a line an image and a line a rank are asked for at once."""
        if self.form and self.form not in FORMATS:
            raise InputError(f"--format must be one of {', '.join(FORMATS)}. Received: {self.form!r}")
        if self.top_k < 1:
            raise InputError(f"--top_k must be at least 1. Received: {self.top_k}")
        if self.all_probabilities and self.top_k > 1 and self.kind == "csv":
            raise InputError(
                "--all_probabilities gives CSV a line an image, --top_k a line a rank: leave one of them out"
            )


class AnswerWriter(Protocol):
    """Takes the answer for one image: its path and probabilities float32 [C]."""

    def __call__(self, image: str, probabilities: np.ndarray) -> None: ...


@contextlib.contextmanager
def writing(form: AnswerFormat, class_names: Sequence[str], several_labels: bool = False) -> Iterator[AnswerWriter]:
    """Opens the place for answers: a file, complete or absent, or standard output, line by line.

    CSV has `image,class,probability`; with `top_k` above 1 `image,rank,class,probability`, one line a rank from 1; with
    `all_probabilities` a column `p:CLASS` for each class. In JSON an image is `{"image": ..., "classes": [...],
    "probabilities": [...]}`, most probable class first: a line each, or all in a list. With `several_labels` a column
    `labels` follows the image, and in JSON a list: the classes above 0.5, in CSV with | between them.

    Args:
        form: where to and how; its `top_k` is cut at C.
        class_names: C names.
        several_labels: an image may have several labels, or none.
    """
    output, kind = form.output, form.kind
    with artifacts.atomic_write(output, "w") if output else contextlib.nullcontext(sys.stdout) as stream:
        if kind == "csv":
            yield _csv(stream, class_names, min(form.top_k, len(class_names)), form.all_probabilities, several_labels)
            return
        top_k = len(class_names) if form.all_probabilities else min(form.top_k, len(class_names))
        stream.write("[" if kind == "json" else "")
        yield _json(stream, class_names, top_k, kind == "json", several_labels)
        stream.write("\n]\n" if kind == "json" else "")


def _best(probabilities: np.ndarray, top_k: int) -> np.ndarray:
    return np.argsort(-probabilities, kind="stable")[:top_k]


def _csv(
    stream: IO[str], class_names: Sequence[str], top_k: int, all_probabilities: bool, several_labels: bool
) -> AnswerWriter:
    lines = csv_files.Writer(stream)
    every = [f"p:{name}" for name in class_names] if all_probabilities else []
    beside = ["labels"] if several_labels else []
    lines.writerow(["image", *beside, *(["rank"] if top_k > 1 else []), "class", "probability", *every])

    def write(image: str, probabilities: np.ndarray) -> None:
        every = [f"{value:.6f}" for value in probabilities] if all_probabilities else []
        for rank, c in enumerate(_best(probabilities, top_k), 1):
            begin = [visible_name(image)]
            begin += [joined_labels(class_names, probabilities > THRESHOLD)] if several_labels else []
            lines.writerow([*begin, *([rank] if top_k > 1 else []), class_names[c], f"{probabilities[c]:.6f}", *every])

    return write


def _json(stream: IO[str], class_names: Sequence[str], top_k: int, as_list: bool, several_labels: bool) -> AnswerWriter:
    before, between, after = ("\n", ",\n", "") if as_list else ("", "", "\n")

    def write(image: str, probabilities: np.ndarray) -> None:
        nonlocal before
        best = _best(probabilities, top_k)
        answer = {
            "image": visible_name(image),
            **(
                {"labels": [class_names[c] for c in np.flatnonzero(probabilities > THRESHOLD).tolist()]}
                if several_labels
                else {}
            ),
            "classes": [class_names[c] for c in best],
            "probabilities": [round(float(probabilities[c]), 6) for c in best],
        }
        stream.write(before + json.dumps(answer, ensure_ascii=False) + after)
        before = between

    return write
