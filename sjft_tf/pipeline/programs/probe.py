"""Linear classifiers on the layers of a frozen trunk: which layer, views, classifier suit a target."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Iterator
from typing import Any

from sjft_tf import artifacts
from sjft_tf.config import ProbeConfig, RunConfig
from sjft_tf.evaluation import save_predictions
from sjft_tf.export import export_saved_model
from sjft_tf.images import ImageSet
from sjft_tf.pipeline.checking.several_labels import refusal
from sjft_tf.pipeline.probing.cells import CellResult, cells_of, fitted, probabilities, results
from sjft_tf.pipeline.probing.picture import write_points
from sjft_tf.pipeline.probing.ranking import rank
from sjft_tf.pipeline.probing.record import Setting, best_of, gains, settings_of, table
from sjft_tf.pipeline.probing.subject import Subject, open_subject
from sjft_tf.pipeline.sharding.scanning import open_sets
from sjft_tf.pipeline.sharding.workers import keeping_workers
from sjft_tf.pipeline.stages.sampling import Samples
from sjft_tf.probing import probe_network
from sjft_tf.report import write_features, write_report
from sjft_tf.workdir import ProbeFiles, Workdir

log = logging.getLogger(__name__)

_SAMPLED, _SEED = (256, 2048), 0
"""Target and source images whose distance is told, as scripts/advise.py does."""


def probe(config: RunConfig, settings: ProbeConfig, workdir: Workdir, command: str = "") -> Iterator[str]:
    """Probes, exports the best by validation, draws; yields lines.

    Args:
        config: data, view and model; a source tells a distance and stands in the picture.
        settings: what is tried.
        workdir: of all this; locked by the caller.
        command: for the record.

    Raises:
        InputError: sets, layers or settings that do not fit; features of other images in the workdir.
    """
    with keeping_workers():
        yield from _probed(config, settings, workdir, command)


def _probed(config: RunConfig, settings: ProbeConfig, workdir: Workdir, command: str) -> Iterator[str]:
    sets = open_sets(config.replace("data", per_class=0), workdir)
    if sets.target.label_matrix is not None:
        raise refusal("A probe", sets.target)
    if candidates := settings.candidates():
        yield from rank(config, candidates, sets.target, workdir)
        return
    subject, distance = open_subject(config, settings, sets, workdir), None
    if sets.source is not None:
        several = len(config.data.source) > 1
        distance = Samples.of(sets.target, sets.source, _SAMPLED, _SEED, several).distance.ratio
        yield f"distance of the source: {distance:.2f} times the target's own spread"
    cells, done, begun, made = len(cells_of(subject)), [], time.perf_counter(), 0
    for result, new in results(subject, workdir):
        done.append(result)
        made += new
        if new:
            left = (cells - len(done)) * (time.perf_counter() - begun) / made
            yield f"{_line(result)}; {result.seconds:.0f} s; about {left:.0f} s left"
    found = settings_of(done)
    best = best_of(found)
    _export(subject, best, workdir)
    source = sets.source if settings.picture != "none" else None
    yield from _finish(subject, found, done, distance, source, workdir, command)


def _line(result: CellResult) -> str:
    power = f", p {result.power:g}" if result.cell.transformed else ""
    reached = f"validation {result.validation:.2%}, test {result.test.mean_class_accuracy:.2%}"
    return f"{result.cell}: {reached} (C {result.strength:g}{power})"


def _export(subject: Subject, best: Setting, workdir: Workdir) -> None:
    """The classifier of the best setting's first seed: its SavedModel, and its predictions."""
    result = best.results[0]
    classifier = fitted(subject, result)
    place = next(one for one in subject.places if one.name == result.cell.layer)
    network = probe_network(subject.trunk, place, subject.probe.pooling, classifier)
    data, names = subject.config.data, subject.sets.target.class_names
    description: dict[str, Any] = {"probe": dataclasses.asdict(result.cell), "stamp": dict(subject.stamp)}
    description |= {"test": result.test.to_json(), "strength": result.strength, "power": result.power}
    view = subject.view(result.cell.views)
    export_saved_model(network, names, view, workdir.saved_model, description, data.values(), data.aspect_ratio)
    answers = probabilities(subject, "test", result.cell, classifier)
    test = subject.images["test"]
    save_predictions(workdir.predictions, test.ids, names, answers, test.labels)


def _finish(
    subject: Subject,
    found: list[Setting],
    done: list[CellResult],
    distance: float | None,
    source: ImageSet | None,
    workdir: Workdir,
    command: str,
) -> Iterator[str]:
    best, data = best_of(found), subject.config.data
    added = gains(done)
    record: dict[str, Any] = {
        "target": data.target,
        "source": list(data.source),
        "distance": distance,
        "trunk": subject.config.model.trunk,
        "pooling": subject.probe.pooling,
        "per_class": data.per_class,
        "seeds": list(subject.probe.draws()),
        "images": {name: len(images) for name, images in subject.images.items()},
        "classes": subject.sets.target.num_classes,
        "layers": {one.name: list(one.output.shape[1:]) for one in subject.places},
        "settings": [one.to_json() for one in found],
        "best": found.index(best),
        "gains": added,
        "command": command,
    }
    artifacts.write_json(workdir.root / ProbeFiles.RECORD, record)
    if subject.probe.picture != "none":
        write_points(subject, best.cell.layer, source, workdir)
    yield ""
    yield from table(found)
    yield ""
    yield "Mean class accuracy on the test images in %; the best by validation is bold."
    for name, gain in added.items():
        ends = "" if gain["low"] is None else f" (95 % interval {100 * gain['low']:+.1f} to {100 * gain['high']:+.1f})"
        yield f"{name}: {100 * gain['difference']:+.1f} points{ends}, mean of {gain['pairs']} pairs"
    yield f"best by validation: {_line(best.results[0])}"
    page, pictures = write_report(workdir.root), write_features(workdir.root)
    yield f"   model: {workdir.saved_model}"
    paths = (workdir.root / ProbeFiles.RECORD, workdir.predictions, *pictures, page)
    yield f" details: {', '.join(map(str, paths))}"
