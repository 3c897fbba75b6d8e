"""The cells of a probe: a layer, views, classifier, with or without power transform, a seed; each kept when done."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from sjft_tf.artifacts import Artifact, Stamp, fingerprint, read_json, write_json
from sjft_tf.evaluation import SetFigures, evaluate_probabilities
from sjft_tf.pipeline.probing.subject import Subject
from sjft_tf.probing import LinearProbe, Search, Split, choose_probe, fit_probes, folds_of
from sjft_tf.workdir import ProbeFiles, Workdir


@dataclasses.dataclass(frozen=True)
class Cell:
    """What is fitted once.

    Attributes:
        layer: name of the place.
        views: "center" or "sixteen".
        classifier: "svm" or "logistic".
        transformed: whether features are raised to a power that is chosen.
        seed: which training images.
    """

    layer: str
    views: str
    classifier: str
    transformed: bool
    seed: int

    def __str__(self) -> str:
        what = "augmented " * (self.views == "sixteen") + self.classifier + ", power" * self.transformed
        return f"{self.layer}: {what}, seed {self.seed}"


@dataclasses.dataclass(frozen=True)
class CellResult:
    """What came of a cell.

    Attributes:
        cell: which.
        strength, power: as chosen.
        temperature: what scores are divided by.
        validation: mean class accuracy of what was chosen on held-out images.
        test: figures of the test images.
        seconds: choice, fit and scoring.
    """

    FORM: ClassVar[dict[str, Any]] = {
        "cell": {"layer": str, "views": str, "classifier": str, "transformed": bool, "seed": int},
        **dict.fromkeys(("strength", "power", "temperature", "validation", "seconds"), float),
        "test": SetFigures.FORM,
    }

    cell: Cell
    strength: float
    power: float
    temperature: float
    validation: float
    test: SetFigures
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """For `from_json`."""
        return {**dataclasses.asdict(self), "test": self.test.to_json()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> CellResult:
        """Of the form `FORM`."""
        known = {name: value[name] for name in cls.FORM}
        return cls(**{**known, "cell": Cell(**value["cell"]), "test": SetFigures.from_json(value["test"])})


def cells_of(subject: Subject) -> list[Cell]:
    """All cells, layer by layer."""
    probe = subject.probe
    return [
        Cell(place.name, views, classifier, transformed, seed)
        for place in subject.places
        for views in probe.views()
        for classifier in probe.names("classifiers")
        for transformed in ((False, True) if probe.numbers("powers") else (False,))
        for seed in probe.draws()
    ]


def results(subject: Subject, workdir: Workdir) -> Iterator[tuple[CellResult, bool]]:
    """The result of each cell, found or made now; whether it was made now."""
    for cell in cells_of(subject):
        artifact = _artifact(subject, cell, workdir)
        if (kept := artifact.stored()) is not None:
            yield kept, False
        else:
            yield artifact.get(lambda cell=cell: _result(subject, cell)), True  # type: ignore[misc]


def fitted(subject: Subject, result: CellResult) -> LinearProbe:
    """The classifier of a cell, fitted again."""
    cell = result.cell
    rows = subject.learned(cell.seed)
    own = subject.features("training", cell.layer, cell.views, rows), subject.sets.target.labels[rows]
    (probe,) = fit_probes(
        cell.classifier,
        *own,
        subject.sets.target.num_classes,
        [result.strength],
        result.power,
        subject.probe.feature_dropout,
        cell.seed,
        subject.config.training.balances_classes,
    )
    return dataclasses.replace(probe, temperature=result.temperature)


def probabilities(subject: Subject, name: str, cell: Cell, probe: LinearProbe) -> np.ndarray:
    """float32 [N, C] of the images of one set, such as "test"."""
    return np.concatenate([probe.probabilities(block) for block in subject.blocks(name, cell.layer, cell.views)])


def _result(subject: Subject, cell: Cell) -> CellResult:
    begun = time.perf_counter()
    probe, sets = subject.probe, subject.sets
    rows = subject.learned(cell.seed)
    features, labels = subject.features("training", cell.layer, cell.views, rows), sets.target.labels[rows]
    if sets.validation is None:
        splits = folds_of(labels, probe.choice_folds, cell.seed)
    else:
        judges = subject.features("validation", cell.layer, cell.views)
        splits = [Split(np.arange(len(rows)), np.arange(len(rows), len(rows) + len(judges)))]
        features, labels = np.concatenate([features, judges]), np.concatenate([labels, sets.validation.labels])
    powers = probe.numbers("powers") if cell.transformed else (1.0,)
    strengths = probe.numbers("strengths")
    more = probe.feature_dropout, cell.seed, subject.config.training.balances_classes
    search = Search(cell.classifier, sets.target.num_classes, strengths, powers, *more)
    choice = choose_probe(search, features, labels, splits)
    result = CellResult(cell, choice.strength, choice.power, choice.temperature, choice.accuracy, _NOTHING, 0.0)
    p = probabilities(subject, "test", cell, fitted(subject, result))
    assert sets.test is not None  # see `open_subject`
    figures = evaluate_probabilities(p, sets.test.labels, sets.test.class_names).headline
    return dataclasses.replace(result, test=figures, seconds=round(time.perf_counter() - begun, 3))


_NOTHING = SetFigures(0, 0.0, 0.0, 0.0, 0.0)


def _artifact(subject: Subject, cell: Cell, workdir: Workdir) -> Artifact[CellResult]:
    probe, data = subject.probe, subject.config.data
    stamp: Stamp = {
        **{name: value for name, value in subject.stamp.items() if name != "layers"},  # the cell has its own
        **{name: images.fingerprint for name, images in subject.images.items()},
        "draws": data.per_class or (list(probe.draws()) if len(probe.draws()) > 1 else []),
        "strengths": list(probe.numbers("strengths")),
        "powers": list(probe.numbers("powers")) if cell.transformed else [],
        "dropout": probe.feature_dropout,
        "folds": probe.choice_folds if subject.sets.validation is None else 0,
        "balanced": subject.config.training.balances_classes,
        **dataclasses.asdict(cell),
    }
    # Named by what it is made from: other settings give other files, and nothing that is there is lost.
    path = workdir.root / ProbeFiles.CELLS / f"{fingerprint(stamp)}.json"
    return Artifact(path, stamp, _load, _save, replaceable=True)


def _load(path: Path) -> tuple[CellResult, Stamp]:
    value = read_json(path, {**CellResult.FORM, "made_from": dict})
    return CellResult.from_json(value), value["made_from"]


def _save(path: Path, result: CellResult, made_from: Stamp) -> None:
    path.parent.mkdir(exist_ok=True)
    write_json(path, {**result.to_json(), "made_from": made_from})
