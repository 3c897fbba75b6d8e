"""What a run leaves for its user: figures, predictions, the table and the picture of what was borrowed."""

from __future__ import annotations

import dataclasses
import logging
from functools import partial
from pathlib import Path

import numpy as np

from sjft_tf import artifacts, outputs
from sjft_tf.csv_files import Writer
from sjft_tf.errors import InputError
from sjft_tf.evaluation import (
    PROBABILITIES,
    ChosenSelector,
    EarlyStopping,
    EvaluationStamp,
    FinalFigures,
    Metrics,
    Outcomes,
    RoundEvaluation,
    RoundFigures,
    RunFigures,
    StampedMetrics,
    average_probabilities,
    evaluate_answers,
    figures_of,
    read_figures,
    report_answers,
    save_outcomes,
    save_predictions,
    save_report,
)
from sjft_tf.images import ImageSet, refuse_changed
from sjft_tf.models import MultiViewScorer, Scorer
from sjft_tf.retrieval import NeighborTable
from sjft_tf.run_sets import Sets
from sjft_tf.summaries import neighbor_montage
from sjft_tf.training import (
    best_of,
    check_round,
    finished_rounds,
    read_round,
    round_folder,
    way_back,
    weights_digest,
)
from sjft_tf.workdir import RoundFiles, Workdir

log = logging.getLogger(__name__)


def evaluate_round(
    scorer: Scorer | MultiViewScorer, sets: Sets, workdir: Workdir, index: int, views: str = "center"
) -> dict[str, Metrics]:
    """Scores validation and test images with the current weights, unless this round was scored before.

    Figures made with other views of the images are made again: the weights do not depend on views. Writes
    `probabilities-SET.npz` and `metrics.json` (with confusion matrices) into the round's folder.

    Returns:
        The figures of each scored set.
    """
    path = round_folder(workdir.rounds, index) / RoundFiles.METRICS
    if not evaluated(sets, workdir, index, views):
        path.unlink(missing_ok=True)  # it is written last: as long as it is missing the round counts as not evaluated
        scored = {}
        for name, images in sets.scored().items():
            probabilities = _artifact(workdir, index, name, images, views).get(partial(_score, scorer, name, images))
            metrics = evaluate_answers(probabilities, images.truth, images.class_names)
            scored[name] = StampedMetrics(metrics, _stamp(images, workdir, index, views))
        artifacts.write_json(path, RoundEvaluation(scored).to_json())
    return round_figures(workdir, index)


def _score(scorer: Scorer | MultiViewScorer, name: str, images: ImageSet) -> np.ndarray:
    probabilities = scorer(images, description=f"Evaluating on {name}")
    refuse_changed(images)
    return probabilities


def validation_score(workdir: Workdir, index: int) -> float | None:
    """What rounds are compared by, of the validation images; None without them. Never of the test images.

    Mean class accuracy; where images may have several labels the mean average precision.
    """
    figures = round_figures(workdir, index)
    return figures["validation"].score or 0.0 if "validation" in figures else None


def validation_scores(workdir: Workdir) -> list[float]:
    """`validation_score` of every finished round.

    Raises:
        artifacts.Missing: a round has none.
    """
    scores = [(index, validation_score(workdir, index)) for index in finished_rounds(workdir.rounds)]
    if missing := [
        round_folder(workdir.rounds, index) / RoundFiles.METRICS for index, score in scores if score is None
    ]:
        raise artifacts.Missing(
            f"{missing[0]} with figures of validation images is missing, and --early_stopping goes by them. Start the "
            "training's command again: it makes them."
        )
    return [score for _, score in scores if score is not None]


def counting_round(workdir: Workdir, early_stopping: int) -> int:
    """Number, from 0, of the round that is told and exported: the last; with --early_stopping the best so far."""
    return best_of(validation_scores(workdir)) if early_stopping else finished_rounds(workdir.rounds)[-1]


def round_figures(workdir: Workdir, index: int) -> dict[str, Metrics]:
    """`metrics.json` of a round: its figures by set; empty where it was not evaluated.

    Raises:
        InputError: the file is damaged, or of another round.
    """
    path = round_folder(workdir.rounds, index) / RoundFiles.METRICS
    return _evaluation(path, workdir, index).metrics if path.exists() else {}


def _evaluation(path: Path, workdir: Workdir, index: int) -> RoundEvaluation:
    evaluation = read_figures(RoundEvaluation, path, way_back(workdir.rounds, index))
    for stamped in evaluation.sets.values():
        check_round(workdir.rounds, index, path, stamped.made_from.weights)
    return evaluation


def evaluated(sets: Sets, workdir: Workdir, index: int, views: str) -> bool:
    """Whether the round's figures are there, undamaged, and were made with these views and the round's weights.

    Damaged ones are told, as they are made again.

    Raises:
        ArtifactMismatch: they were made from other images.
    """
    path = round_folder(workdir.rounds, index) / RoundFiles.METRICS
    if not path.is_file():
        return False
    for name, images in sets.scored().items():
        if _artifact(workdir, index, name, images, views).stored() is None:
            return False
    try:
        figures = _evaluation(path, workdir, index).sets
    except InputError as error:
        log.warning("%s It is made again.", error)
        return False
    wanted = {name: _stamp(images, workdir, index, views) for name, images in sets.scored().items()}
    return all(name in figures and figures[name].made_from == stamp for name, stamp in wanted.items())


def scored_images(workdir: Workdir, index: int, name: str) -> str | None:
    """Fingerprint of the images of set `name` that a round was scored on; None where it was not.

    Raises:
        InputError: the round's probabilities are damaged.
    """
    path = round_folder(workdir.rounds, index) / RoundFiles.probabilities(name)
    remedy = "Remove it and start the training's command again: the round is scored anew."
    return artifacts.load_npz(path, PROBABILITIES, remedy)[1]["made_from"]["images"] if path.is_file() else None


def _stamp(images: ImageSet, workdir: Workdir, index: int, views: str) -> EvaluationStamp:
    return EvaluationStamp(images.fingerprint, views, weights_digest(workdir.rounds, index))


def summarize(
    sets: Sets,
    workdir: Workdir,
    views: str = "center",
    decision: ChosenSelector | None = None,
    co_tuning: bool = False,
    early_stopping: EarlyStopping | None = None,
    all_probabilities: bool = False,
) -> RunFigures:
    """Gathers the figures of all rounds, fuses their predictions, and writes what a user looks at.

    That is metrics.json, predictions.csv (test images) and report.csv (classes, of the test or else validation images);
    and for the choice of settings, outcomes.npz (validation images).

    For metrics.json, `decision` is what --selector=auto took, and `co_tuning` whether it was asked for. The final
    figures are those of the last round, with `early_stopping` of the best. With `all_probabilities` predictions.csv has
    those of all classes.

    Model fusion (paper section 4) averages the probabilities of the models saved after each round.
    """
    done = finished_rounds(workdir.rounds)
    scored = [round_figures(workdir, index) for index in done]
    rounds = [_round_entry(workdir, index, of_round) for index, of_round in zip(done, scored, strict=True)]
    final = counting_round(workdir, early_stopping.patience if early_stopping is not None else 0)
    fusion = {}
    for name, images in sets.scored().items():
        of_rounds = [_probabilities(workdir, index, name, images, views) for index in range(len(rounds))]
        if len(of_rounds) > 1:
            averaged = average_probabilities(of_rounds)
            fusion[name] = evaluate_answers(averaged, images.truth, images.class_names)
        # Of the test images where there are some: they come last.
        save_report(workdir.report, report_answers(of_rounds[final], images.truth, images.class_names))
        if name == "validation" and images.label_matrix is None:
            outcomes = Outcomes.of(of_rounds[final], images.ids, images.labels)
            save_outcomes(workdir.outcomes, outcomes, _stamp(images, workdir, final, views))
        if name == "test":
            names, probabilities = images.class_names, of_rounds[final]
            save_predictions(workdir.predictions, images.ids, names, probabilities, images.truth, all_probabilities)
    outputs.record(workdir.report, workdir.predictions)  # a comparison and the report take figures from them
    co_tuned = any(told.co_tuned for told in rounds) if co_tuning else None
    told = FinalFigures(scored[final], final + 1)
    figures = RunFigures(views, told, fusion, tuple(rounds), decision, co_tuned, early_stopping)
    artifacts.write_json(workdir.metrics, figures.to_json())
    return figures


def _round_entry(workdir: Workdir, index: int, scored: dict[str, Metrics]) -> RoundFigures:
    """What a run's metrics.json says of round `index`, whose figures by set are `scored`."""
    state = read_round(workdir.rounds, index)
    told = {"round": index + 1, "global_step": state.global_step, **state.metrics}
    path = round_folder(workdir.rounds, index) / RoundFiles.STATE
    figures = figures_of(RoundFigures, told, path, way_back(workdir.rounds, index))
    return dataclasses.replace(figures, sets={name: metrics.headline for name, metrics in scored.items()})


def read_metrics(workdir: Workdir) -> RunFigures:
    """What `summarize` wrote.

    Raises:
        InputError: it is missing or damaged.
    """
    remedy = "Remove it and start the training's command again: it is made from the rounds."
    return read_figures(RunFigures, workdir.metrics, remedy)


def write_borrowed(
    sets: Sets, table: NeighborTable | None, union: np.ndarray, counts: np.ndarray, workdir: Workdir
) -> None:
    """Writes the table of what was borrowed in the last round.

    Args:
        sets: target and source.
        table: the ranked lists, when each target image borrows its own; None when all draw from one union.
        union: int32 [U], source rows in use.
        counts: int32 [N_t], K of each target image.
        workdir: where to.
    """
    if sets.source is None:
        return
    if table is not None:
        table.write_csv(workdir.borrowed, sets.target.ids, sets.source.ids, counts)
        return
    with artifacts.atomic_write(workdir.borrowed, "w") as stream:
        writer = Writer(stream)
        writer.writerow(["target_id", "source_id", "distance", "rank"])
        # Every target image draws from all of these alike: "*", and neither distance nor rank.
        writer.writerows(["*", sets.source.ids[row], "", ""] for row in union)


def show_neighbors(target: ImageSet, source: ImageSet, table: NeighborTable, workdir: Workdir, lines: int = 8) -> None:
    """Draws some target images, of different classes where there are, beside their nearest source images.

    A picture that is there, undamaged, stays: making a table removes the picture of the one before.
    """
    if outputs.intact(workdir.picture) and workdir.picture.is_file():
        return
    _, first_of_class = np.unique(target.labels, return_index=True)
    chosen = first_of_class[np.linspace(0, len(first_of_class) - 1, min(lines, len(first_of_class))).astype(int)]
    nearest = table.prefix(min(8, table.k_max))
    neighbor_montage(workdir.picture, target, source, chosen, nearest.rows[chosen], nearest.distances[chosen])
    outputs.record(workdir.picture)


def _artifact(workdir: Workdir, index: int, name: str, images: ImageSet, views: str) -> artifacts.Artifact[np.ndarray]:
    """The probabilities of a scored set after a round; those of other views give way, those of other images do not."""

    def load(path: Path) -> tuple[np.ndarray, artifacts.Stamp]:
        arrays, meta = artifacts.load_npz(path, PROBABILITIES, way_back(workdir.rounds, index))
        return arrays["probabilities"], meta["made_from"]

    def save(path: Path, probabilities: np.ndarray, made_from: artifacts.Stamp) -> None:
        artifacts.save_npz(path, {"probabilities": probabilities}, {"made_from": made_from})

    def unfit(probabilities: np.ndarray) -> str | None:
        fits = probabilities.shape == (len(images), images.num_classes)
        return None if fits else f"it is not of {len(images)} images and {images.num_classes} classes"

    path = round_folder(workdir.rounds, index) / RoundFiles.probabilities(name)
    stamp = _stamp(images, workdir, index, views).to_json()
    return artifacts.Artifact(path, stamp, load, save, replaceable=True, fixed=["images"], unfit=unfit)


def _probabilities(workdir: Workdir, index: int, name: str, images: ImageSet, views: str) -> np.ndarray:
    """As they were written when the round was evaluated; raises where they are not."""
    artifact = dataclasses.replace(_artifact(workdir, index, name, images, views), replaceable=False)
    if (probabilities := artifact.stored()) is None:
        raise artifacts.Missing(f"{artifact.path} is missing. {way_back(workdir.rounds, index)}")
    return probabilities
