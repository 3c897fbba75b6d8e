"""What scripts/probe.py tries: layers, views, classifiers, what they are chosen among. No part of a run's settings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sjft_tf.catalog import MODEL, is_saved
from sjft_tf.config.option import Section, option
from sjft_tf.errors import InputError

CENTER, SIXTEEN = "center", "sixteen"
CLASSIFIERS = ("svm", "logistic")


class Candidate(NamedTuple):
    """Starting weights to be ranked.

    Attributes:
        text: as given.
        trunk: a trunk's name, or "" for that of --trunk.
        alpha: width multiplier; None: as the trunk's name or --alpha says.
        weights: a file; "" for those a saved model brings.
    """

    text: str
    trunk: str
    alpha: float | None
    weights: str


@dataclass(frozen=True)
class ProbeConfig(Section):
    """What is probed."""

    layers: list[str] = option(
        [], "layers to probe, named as for --freeze; give the flag again for more; none: the last one of every stage"
    )
    pooling: str = option("average", "how maps become vectors: average, max, or grid:G, the averages of G x G cells")
    probe_views: str = option(
        "both", "center: one view an image; sixteen: crops, rotations and mirrors; both", ("both", CENTER, SIXTEEN)
    )
    classifiers: list[str] = option(list(CLASSIFIERS), "classifiers: svm, logistic")
    strengths: list[str] = option(
        ["1", "10", "100"], "strengths C to choose from; up to two more are tried beyond an end where the best one is"
    )
    powers: list[str] = option(
        ["0.5", "0.25", "2"], "exponents of the signed power transform to choose from; none: without it alone"
    )
    feature_dropout: float = option(0.0, "share of the features dropped in fitting, as DeCAF did", limits=(0.0, 0.95))
    choice_folds: int = option(3, "without validation images: folds of the training to choose by", limits=(2, 100))
    seeds: list[str] = option(
        ["0"], "draws of --per_class; without it, more than one are folds: each leaves its share of the training out"
    )
    picture: str = option(
        "pca", "picture of the features: by principal components, by t-SNE, or none", ("pca", "tsne", "none")
    )
    rank_weights: list[str] = option(
        [],
        "rank starting weights for this target and end: FILE (of --trunk), TRUNK=FILE, TRUNK/ALPHA=FILE or "
        "model:PATH.keras, separated by commas",
    )

    def names(self, field: str) -> tuple[str, ...]:
        """The words of a list, each once; commas separate them too."""
        return tuple(dict.fromkeys(word.strip() for text in getattr(self, field) for word in text.split(",") if word))

    def numbers(self, field: str) -> tuple[float, ...]:
        """The numbers of a list, above 0; none of `none`.

        Raises:
            InputError: something is no number, or not above 0.
        """
        words = self.names(field)
        if words in ((), ("none",)):
            return ()
        try:
            found = tuple(map(float, words))
        except ValueError:
            found = (-1.0,)
        if not all(0 < one < 1e9 for one in found):
            raise InputError(f"--{field} must be numbers above 0, separated by commas. Received: {', '.join(words)}")
        return found

    def draws(self) -> tuple[int, ...]:
        """The seeds.

        Raises:
            InputError: something is no whole number from 0.
        """
        words = self.names("seeds")
        if not words or not all(re.fullmatch(r"\d{1,9}", word, re.ASCII) for word in words):
            raise InputError(f"--seeds must be whole numbers, such as 0,1,2. Received: {', '.join(words) or 'none'}")
        return tuple(dict.fromkeys(map(int, words)))

    def views(self) -> tuple[str, ...]:
        """The kinds of views, the plain one first."""
        return (CENTER, SIXTEEN) if self.probe_views == "both" else (self.probe_views,)

    def candidates(self) -> tuple[Candidate, ...]:
        """The starting weights to be ranked.

        Raises:
            InputError: fewer than two, a width that is no number, or a file that is not there.
        """
        words = self.names("rank_weights")
        if len(words) == 1:
            raise InputError(f"--rank_weights compares files: name at least two. Received: {words[0]}")
        return tuple(map(_candidate, words))

    def check(self) -> None:
        unknown = [name for name in self.names("classifiers") if name not in CLASSIFIERS]
        if unknown or not self.classifiers:
            raise InputError(f"--classifiers must be some of {', '.join(CLASSIFIERS)}. Received: {', '.join(unknown)}")
        if not self.numbers("strengths"):
            raise InputError("--strengths is empty: name at least one C, such as --strengths=1,10,100")
        self.numbers("powers")
        self.draws()
        self.candidates()


def _candidate(text: str) -> Candidate:
    if is_saved(text) and "=" not in text:
        if text.startswith(MODEL) and not Path(text.removeprefix(MODEL)).exists():
            raise InputError(f"--rank_weights: there is no file {text.removeprefix(MODEL)}")
        return Candidate(text, text, None, "imagenet")
    named, _, file = text.rpartition("=")
    trunk, _, width = named.partition("/")
    try:
        alpha = float(width) if width else None
    except ValueError:
        raise InputError(f"--rank_weights={text}: {width!r} is no width; write TRUNK/0.75=FILE") from None
    if not Path(file).is_file():
        raise InputError(f"--rank_weights: there is no file {file}")
    return Candidate(text, trunk, alpha, file)
