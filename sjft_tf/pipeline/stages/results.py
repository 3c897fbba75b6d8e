"""What a run leaves for its user: figures, predictions, the table and the picture of what was borrowed."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from sjft_tf import artifacts, outputs
from sjft_tf.csv_files import Writer
from sjft_tf.errors import InputError
from sjft_tf.evaluation import (
    average_probabilities,
    class_report,
    evaluate_probabilities,
    save_predictions,
    save_report,
    weakest,
)
from sjft_tf.images import ImageSet, refuse_changed
from sjft_tf.models import MultiViewScorer, Scorer
from sjft_tf.pipeline.inputs import Sets
from sjft_tf.retrieval import NeighborTable
from sjft_tf.schema import Array, Schema
from sjft_tf.summaries import neighbor_montage
from sjft_tf.training import (
    check_round,
    finished_rounds,
    read_round,
    round_folder,
    way_back,
    weights_digest,
)
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)

_MADE_FROM = {"images": str, "views": str, "weights": str}
_PROBABILITIES = Schema(
    {"probabilities": Array("float", ("images", "classes"), low=0, high=1.001)}, {"made_from": _MADE_FROM}
)
_HEADLINE: dict[str, Any] = {
    **{"count": int, "top1": float, "mean_class_accuracy": float, "loss": float, "calibration_error": float}
}
FIGURES = {
    "*": {
        **_HEADLINE,
        **{"class_names": [str], "per_class_accuracy": [(float, None)], "confusion": [[int]]},
        "made_from": _MADE_FROM,
    }
}
"""Form of `rounds/NN/metrics.json`: figures by set."""

METRICS = {
    "final": {"round?": int, "validation?": _HEADLINE, "test?": _HEADLINE},
    "fusion of rounds": {"validation?": _HEADLINE, "test?": _HEADLINE},
    "rounds": [{"round": int, "validation?": _HEADLINE, "test?": _HEADLINE}],
}
"""Form of a run's `metrics.json`."""

HEADLINE = tuple(_HEADLINE)


def evaluate_round(
    scorer: Scorer | MultiViewScorer, sets: Sets, workdir: Workdir, index: int, views: str = "center"
) -> dict[str, dict[str, Any]]:
    """Scores validation and test images with the current weights, unless this round was scored before.

    Figures made with other views of the images are made again: the weights do not depend on views. Writes
    `probabilities-SET.npz` and `metrics.json` (with confusion matrices) into the round's folder.

    Returns:
        For each scored set the headline figures.
    """
    folder = round_folder(workdir.rounds, index)
    path = folder / "metrics.json"
    if not evaluated(sets, workdir, index, views):
        path.unlink(missing_ok=True)  # it is written last: as long as it is missing the round counts as not evaluated
        figures = {}
        for name, images in sets.scored().items():
            probabilities = scorer(images, description=f"Evaluating on {name}")
            refuse_changed(images)
            made_from = {"made_from": _made_from(images, workdir, index, views)}
            found = evaluate_probabilities(probabilities, images.labels, images.class_names)
            figures[name] = found.to_json() | made_from
            artifacts.save_npz(folder / f"probabilities-{name}.npz", {"probabilities": probabilities}, made_from)
        artifacts.write_json(path, figures)
    return {name: _headline(figures) for name, figures in round_figures(workdir, index).items()}


def validation_score(workdir: Workdir, index: int) -> float | None:
    """Mean class accuracy of a round on the validation images; None without them. Never the test images'."""
    figures = round_figures(workdir, index)
    return figures["validation"]["mean_class_accuracy"] if "validation" in figures else None


def round_figures(workdir: Workdir, index: int) -> dict[str, Any]:
    """`metrics.json` of a round: its figures by set; empty where it was not evaluated.

    Raises:
        InputError: the file is damaged, or of another round.
    """
    path = round_folder(workdir.rounds, index) / "metrics.json"
    found = _stamped_figures(path, workdir, index) if path.exists() else {}
    return {name: {key: value for key, value in each.items() if key != "made_from"} for name, each in found.items()}


def _stamped_figures(path: Path, workdir: Workdir, index: int) -> dict[str, Any]:
    found = artifacts.read_json(path, FIGURES, way_back(workdir.rounds, index))
    for each in found.values():
        check_round(workdir.rounds, index, path, each["made_from"]["weights"])
    return found


def evaluated(sets: Sets, workdir: Workdir, index: int, views: str) -> bool:
    """Whether the round's figures are there, undamaged, and were made with these views and the round's weights.

    Damaged ones are told, as they are made again.

    Raises:
        ArtifactMismatch: they were made from other images.
    """
    folder = round_folder(workdir.rounds, index)
    if not (folder / "metrics.json").is_file():
        return False
    for name, images in sets.scored().items():
        path = folder / f"probabilities-{name}.npz"
        if not path.is_file():
            return False
        try:
            made_from = artifacts.load_npz(path, _PROBABILITIES)[1]["made_from"]
            figures = _stamped_figures(folder / "metrics.json", workdir, index)
        except InputError as error:
            log.warning("%s It is evaluated again.", error)
            return False
        asked = {f"{name} images": images.fingerprint}
        artifacts.check_made_from(path, {f"{name} images": made_from["images"]}, asked, artifacts.OTHER_WORKDIR)
        wanted = _made_from(images, workdir, index, views)
        if name not in figures or made_from != wanted or figures[name]["made_from"] != wanted:
            return False
    return True


def scored_images(workdir: Workdir, index: int, name: str) -> str | None:
    """Fingerprint of the images of set `name` that a round was scored on; None where it was not.

    Raises:
        InputError: the round's probabilities are damaged.
    """
    path = round_folder(workdir.rounds, index) / f"probabilities-{name}.npz"
    remedy = "Remove it and start the training's command again: the round is scored anew."
    return artifacts.load_npz(path, _PROBABILITIES, remedy)[1]["made_from"]["images"] if path.is_file() else None


def _made_from(images: ImageSet, workdir: Workdir, index: int, views: str) -> dict[str, Any]:
    return {"images": images.fingerprint, "views": views, "weights": weights_digest(workdir.rounds, index)}


def summarize(sets: Sets, workdir: Workdir, views: str = "center") -> dict[str, Any]:
    """Gathers the figures of all rounds, fuses their predictions, and writes what a user looks at.

    That is metrics.json, predictions.csv (test images) and report.csv (classes, of the test or else validation images).

    Model fusion (paper section 4) averages the probabilities of the models saved after each round.
    """
    rounds, last = [], {}
    for index in finished_rounds(workdir.rounds):
        state = read_round(workdir.rounds, index)
        last = round_figures(workdir, index)
        rounds.append(
            {"round": index + 1, "global_step": state.global_step, **state.metrics}
            | {name: _headline(figures) for name, figures in last.items()}
        )
    fusion, weak = {}, {}
    for name, images in sets.scored().items():
        each = [_probabilities(workdir, index, name, images, views) for index in range(len(rounds))]
        if len(each) > 1:
            averaged = average_probabilities(each)
            fusion[name] = evaluate_probabilities(averaged, images.labels, images.class_names).to_json()
        report = class_report(each[-1], images.labels, images.class_names)
        save_report(workdir.report, report)  # of the test images where there are some: they come last
        weak[name] = weakest(report)
        if name == "test":
            save_predictions(workdir.predictions, images.ids, images.class_names, each[-1], images.labels)
    outputs.record(workdir.report, workdir.predictions)  # a comparison and the report take figures from them
    figures = {"views": views, "final": {"round": len(rounds), **last}, "fusion of rounds": fusion, "rounds": rounds}
    artifacts.write_json(workdir.metrics, figures)
    return figures | {"weakest classes": weak}


def read_metrics(workdir: Workdir) -> dict[str, Any]:
    """What `summarize` wrote.

    Raises:
        InputError: it is missing or damaged.
    """
    remedy = "Remove it and start the training's command again: it is made from the rounds."
    return artifacts.read_json(workdir.metrics, METRICS, remedy)


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


def _headline(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: figures[name] for name in HEADLINE if name in figures}


def _probabilities(workdir: Workdir, index: int, name: str, images: ImageSet, views: str) -> np.ndarray:
    path = round_folder(workdir.rounds, index) / f"probabilities-{name}.npz"
    arrays, meta = artifacts.load_npz(path, _PROBABILITIES, way_back(workdir.rounds, index))
    artifacts.check_made_from(path, meta["made_from"], _made_from(images, workdir, index, views))
    if arrays["probabilities"].shape != (len(images), images.num_classes):
        raise InputError(f"{path} is not of {len(images)} images. {way_back(workdir.rounds, index)}")
    return arrays["probabilities"]
