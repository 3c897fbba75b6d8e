"""Scoring labeled images with one or several trained runs, after the fact."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from sjft_tf import artifacts
from sjft_tf.config import EvaluationConfig, RunConfig
from sjft_tf.errors import InputError
from sjft_tf.evaluation import (
    Metrics,
    aligned,
    average_probabilities,
    evaluate_answers,
    report_answers,
    save_predictions,
    save_report,
    weakest,
)
from sjft_tf.images import ImageSet, align_classes, open_image_set, refuse_changed
from sjft_tf.models import make_scorer
from sjft_tf.pipeline.checking.changes import by_role, changed_sets, class_changes
from sjft_tf.pipeline.checking.held_back import held_back
from sjft_tf.pipeline.finished_run import describe, restore
from sjft_tf.pipeline.inputs import evaluation_views, views_stamp
from sjft_tf.run_sets import NO_IMAGES, open_sets
from sjft_tf.training import finished_rounds, load_round_weights
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class EvaluationRequest:
    """What the figures are to be made of.

    Attributes:
        images: labeled images; "" for the run's own test images.
        number: round from 1, 0 for the last finished one.
        fuse_rounds: average the predictions of all finished rounds instead.
        fuse_with: workdirs of further runs whose predictions are averaged with this one's, each run with one weight.
        views: what of an image is scored, in all runs; None for what each was trained with.
        all_probabilities: of all classes, beside the predictions.
    """

    images: str = ""
    number: int = 0
    fuse_rounds: bool = False
    fuse_with: Sequence[str] = ()
    views: EvaluationConfig | None = None
    all_probabilities: bool = False


def evaluate(workdir: Workdir, request: EvaluationRequest, output: str = "") -> Iterator[str]:
    """Scores labeled images with a run's model, or with several.

    Args:
        workdir: the run; its class names are the ones reported.
        request: images, rounds, other runs, views.
        output: JSON file for the figures, with predictions (.csv) and classes (-report.csv) beside it; "" for none.

    Raises:
        InputError: no such round, no images, or runs of other classes or that see images otherwise.
    """
    if request.fuse_rounds and request.number:
        raise InputError("--fuse_rounds averages all rounds: leave --round out")
    config = workdir.read_config()
    names = workdir.read_classes()["target"] if workdir.classes.is_file() else []
    runs = [workdir, *(Workdir(path) for path in request.fuse_with)]
    for one in runs[1:]:
        _refuse_other_reading(config, one)
    images = align_classes(names, _images(config, workdir, request.images, names))
    _refuse_other_labels(workdir, images)
    for one in runs[1:]:
        _refuse_other_labels(one, images)
    descriptions, fused_from = [], []
    for one in runs:
        description, probabilities, columns = _predictions(one, images, request)
        descriptions.append(description)
        fused_from.append(aligned(probabilities, columns, names, f"The run in {one.root}"))
    refuse_changed(images)
    fused = average_probabilities(fused_from)
    figures = evaluate_answers(fused, images.truth, names)
    report = report_answers(fused, images.truth, names)
    if len(runs) > 1:
        for one, probabilities, description in zip(runs, fused_from, descriptions, strict=True):
            alone = evaluate_answers(probabilities, images.truth, names)
            yield f"{one.root}, {description}: {describe(alone)}"
        yield f"fusion of {len(runs)} runs on {images.name}: {describe(figures)}"
    else:
        yield f"{descriptions[0]} on {images.name}: {describe(figures)}"
    unit = "bits a class" if figures.several_labels else "nats"
    yield f"expected calibration error {figures.calibration_error:.2%}, mean entropy {figures.mean_entropy:.3f} {unit}"
    yield _ranked(figures)
    if weak := weakest(report):
        yield f"weakest classes: {weak}"
    if output:
        models = [
            {"workdir": str(one.root), "predictions": description}
            for one, description in zip(runs, descriptions, strict=True)
        ]
        artifacts.write_json(output, figures.to_json() | {"models": models})
        predictions = Path(output).with_suffix(".csv")
        classes = predictions.with_name(f"{predictions.stem}-report.csv")
        save_predictions(predictions, images.ids, names, fused, images.truth, request.all_probabilities)
        save_report(classes, report)
        yield f"figures: {output}, predictions: {predictions}, classes: {classes}"


def _ranked(figures: Metrics) -> str:
    """The macro means of what the classes' probabilities are worth, and over which classes they are."""
    area, precision = figures.macro_roc_auc, figures.macro_average_precision
    if area is None or precision is None:
        return "each class against the rest: no ROC AUC, since all images are of one class"
    known = sum(value is not None for value in figures.per_class_roc_auc)
    classes = len(figures.class_names)
    means = f"means over {known} of {classes} classes, the others have no images" if known < classes else "class means"
    return f"each class against the rest: ROC AUC {area:.3f}, average precision {precision:.3f} ({means})"


def _refuse_other_reading(config: RunConfig, other: Workdir) -> None:
    """The images are opened once, for all runs, as the first one saw them."""
    theirs = other.read_config().data
    for name in ("value_range", "aspect_ratio"):
        ours, another = getattr(config.data, name), getattr(theirs, name)
        if ours != another:
            raise InputError(
                f"The run in {other.root} was trained with --{name}={another}, this one with --{name}={ours}: they "
                "do not see the same images. Leave it out of --fuse_with"
            )


def _refuse_other_labels(workdir: Workdir, images: ImageSet) -> None:
    """Raises InputError if the run's images may have several labels and these have one each, or the other way round."""
    if workdir.has_several_labels() != (images.label_matrix is not None):
        ours, theirs = ("several labels", "one") if workdir.has_several_labels() else ("one label", "several")
        raise InputError(
            f"The run in {workdir.root} answers with {ours} an image, and images of '{images.name}' have {theirs}. "
            "Give images that are labeled as in training (separator=, classes= or labels= in the spec)"
        )


def _images(config: RunConfig, workdir: Workdir, spec: str, names: Sequence[str]) -> ImageSet:
    if spec:
        return open_image_set(spec, **config.data.reading())  # as they were in training
    if config.data.test not in ("", NO_IMAGES):  # alone: the training images may have gone
        images = _images(config, workdir, config.data.test, names)
        _refuse_changed(config, workdir, {"test": align_classes(names, images)}, "")
        return images
    alone = dataclasses.replace(config.selection, selector="none")
    with held_back(workdir, publish=False):  # nothing but figures is made here
        sets = open_sets(dataclasses.replace(config, selection=alone), workdir)
    if sets.test is None:
        raise InputError("This run has no test images: name some with --images")
    changes = class_changes(names, sets.target.class_names) if names else ""
    _refuse_changed(config, workdir, by_role(sets), changes)
    return sets.test


def _refuse_changed(config: RunConfig, workdir: Workdir, sets: Mapping[str, ImageSet | None], changes: str) -> None:
    """Other test images or classes than the run's own are not scored as its own; other training images are told."""
    changed = changed_sets(config, workdir, sets)
    if not changes and not changed:
        return
    told = f"Since the run in {workdir.root} was made, these have changed: " + "; ".join(
        [*changed.values(), *([changes] if changes else [])]
    )
    if not changes and "test" not in changed:
        log.warning("%s. The test images have not, and are scored.", told)
        return
    raise InputError(
        f"{told}. Put the images back as they were, or say with --images=... which of them to score with the run as it "
        "is. To learn them, train in another --workdir; this run is whole: keep its rounds."
    )


def _predictions(workdir: Workdir, images: ImageSet, request: EvaluationRequest) -> tuple[str, np.ndarray, list[str]]:
    """What was averaged in words, probabilities float32 [N, C], and the class names of their columns."""
    config, model, names, number = restore(workdir, request.number)
    if request.views is not None:
        config = dataclasses.replace(config, evaluation=request.views).validate()
    scorer = make_scorer(model, evaluation_views(config), config.training.eval_batch_size)
    views = views_stamp(config)
    seen = "" if views == "center" else f" ({views})"
    if not request.fuse_rounds:
        return f"round {number}{seen}", scorer(images, description="Evaluating"), names
    rounds, of_rounds = finished_rounds(workdir.rounds), []
    for index in rounds:
        load_round_weights(workdir.rounds, index, model)
        of_rounds.append(scorer(images, description=f"Evaluating round {index + 1}"))
    return f"fusion of {len(rounds)} rounds{seen}", average_probabilities(of_rounds), names
