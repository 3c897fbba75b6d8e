"""What a finished round leaves behind, and how a run finds its place again.

`rounds/03/` holds everything needed to go on after the fourth round: it appears as a whole or not at all.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import keras
import numpy as np

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.models import Variable, optimizer_variables
from sjft_tf.schema import Array, Schema
from sjft_tf.training.checkpoints import model_files
from sjft_tf.training.longer import as_long_as
from sjft_tf.training.scoring import ScoringMetrics
from sjft_tf.workdir import RoundFiles

_ROUND = re.compile(r"\d{2,}")
_FIGURES = {"scoring?": dict, "borrowed?": dict, "seconds?": float}
_STATE = Schema(
    {"counts": Array("int", ("targets",), low=0), "hard": Array("bool", ("targets",), optional=True)},
    {
        "made_from": dict,
        "index": int,
        "global_step": int,
        "k0": int,
        "metrics": _FIGURES,
        "weights": str,
        "optimizer": str,
    },
)
_SCORING = Schema(
    {
        "entropy": Array("float32", ("targets",), low=0),
        "predicted": Array("int32", ("targets",), low=0),
        "wrong": Array("bool", ("targets",)),
        "labels": Array("int32", ("targets",), low=0),
        "counts": Array("int32", ("targets",), low=0, optional=True),
        "class_images": Array("int32", ("classes",), low=0, optional=True),
        "class_share": Array("float64", ("classes",), low=0, high=1.001, optional=True),
        "drawn_rows": Array("int32", ("drawn",), low=0, optional=True),
        "drawn_share": Array("float64", ("drawn",), low=0, high=1.001, optional=True),
    },
    {"weights": str},
)


class BorrowingMetrics(TypedDict):
    """`Borrowing.summary`."""

    union_size: int
    source_classes: int
    mean_k: float
    max_k: int


class RoundMetrics(TypedDict, total=False):
    """Figures of a round: what `JointModel` reports of its steps, what was borrowed, how the target was scored."""

    loss: float
    target_loss: float
    source_loss: float
    co_tuning_loss: float
    target_accuracy: float
    source_accuracy: float
    gradient_norm: float
    borrowed: BorrowingMetrics
    scoring: ScoringMetrics
    seconds: float


@dataclass(frozen=True)
class RoundState:
    """The state at the end of a round.

    Attributes:
        index: number of the round, from 0.
        global_step: training steps done since the run began.
        k0: neighbors each target image began with; 0 when nothing is borrowed.
        counts: int32 [N_t], K of each target image for the NEXT round.
        metrics: numbers about this round (losses, hard and uncertain images, union size, seconds).
        hard: bool [N_t], target images found wrong or uncertain at its end; None where that was not written down.
        scoring: what reports need of the round, see `record.round_record`; not read back, nothing depends on it.
    """

    index: int
    global_step: int
    k0: int
    counts: np.ndarray
    metrics: RoundMetrics
    hard: np.ndarray | None = None
    scoring: dict[str, np.ndarray] | None = None


def round_folder(folder: Path, index: int) -> Path:
    """Where round `index` of a run whose rounds lie in `folder` is kept."""
    return folder / f"{index:02d}"


def finished_rounds(folder: Path) -> list[int]:
    """Numbers of the rounds that were written completely, ascending."""
    if not folder.is_dir():
        return []
    return sorted(
        int(p.name) for p in folder.iterdir() if _ROUND.fullmatch(p.name) and (p / RoundFiles.STATE).is_file()
    )


def kept_rounds(folder: Path) -> list[int]:
    """Numbers of the finished rounds whose weights are there; `prune_rounds` removes those of others."""
    return [index for index in finished_rounds(folder) if (round_folder(folder, index) / RoundFiles.MODEL).is_file()]


def save_round(folder: Path, state: RoundState, model: keras.Model, made_from: artifacts.Stamp) -> Path:
    """Writes weights, optimizer variables and `state`; returns the round's folder."""
    path = round_folder(folder, state.index)
    with artifacts.atomic_directory(path) as temporary:
        digests = model_files.save_model(temporary, model)
        meta = {
            "made_from": made_from,
            "index": state.index,
            "global_step": state.global_step,
            "k0": state.k0,
            "metrics": state.metrics,
            **digests,
        }
        arrays = {"counts": state.counts} | ({} if state.hard is None else {"hard": state.hard})
        artifacts.save_npz(temporary / RoundFiles.STATE, arrays, meta)
        if state.scoring is not None:
            artifacts.save_npz(temporary / RoundFiles.SCORING, state.scoring, {"weights": digests["weights"]})
    return path


def load_round(folder: Path, index: int, model: keras.Model, made_from: artifacts.Stamp) -> RoundState:
    """Puts the weights, optimizer variables and extra state of round `index` into `model`; returns its state.

    Raises:
        ArtifactMismatch: if the round was trained from other settings (see `as_long_as`) or inputs.
        InputError: if its files are damaged or removed.
    """
    path = round_folder(folder, index) / RoundFiles.STATE
    arrays, meta = _read(folder, index)
    artifacts.check_made_from(path, as_long_as(meta["made_from"], made_from), made_from, artifacts.OTHER_WORKDIR)
    try:
        model_files.load_model(path.parent, meta, model)
    except InputError as error:
        raise InputError(f"{error}. {_what_to_do(folder, index)}") from error
    return _state(arrays, meta)


def is_intact(folder: Path, index: int, made_from: artifacts.Stamp) -> bool:
    """Whether `load_round` would find round `index` trained from this, and the files that were written."""
    path = round_folder(folder, index)
    try:
        _, meta = _read(folder, index)
        artifacts.check_made_from(path, as_long_as(meta["made_from"], made_from), made_from)
        model_files.check_files(path, meta)
    except InputError:
        return False
    return True


def weights_digest(folder: Path, index: int) -> str:
    """Digest of the weight file of round `index`, to stamp with it what is made from the round."""
    return _read(folder, index)[1]["weights"]


def round_made_from(folder: Path, index: int) -> artifacts.Stamp:
    """What round `index` was made from."""
    return _read(folder, index)[1]["made_from"]


def read_round(folder: Path, index: int) -> RoundState:
    """The state of a finished round, without weights."""
    return _state(*_read(folder, index))


def read_scoring(folder: Path, index: int) -> dict[str, np.ndarray] | None:
    """What `record.round_record` gave in round `index`; None where that was not written."""
    path = round_folder(folder, index) / RoundFiles.SCORING
    if not path.exists():
        return None
    arrays, meta = artifacts.load_npz(path, _SCORING, way_back(folder, index))
    check_round(folder, index, path, meta["weights"])
    return arrays


def check_round(folder: Path, index: int, path: Path, weights: str) -> None:
    """Whole is not enough: a file copied from another round or run is whole too, and says something else.

    Args:
        folder: of the rounds.
        index: of the round the file lies in.
        path: the file, for the message.
        weights: the digest of weights it says it was made with.

    Raises:
        InputError: the round's are others.
    """
    if weights != weights_digest(folder, index):
        raise InputError(
            f"{path} was not made with the weights of round {index + 1}: it is of another round or run. "
            f"{way_back(folder, index)}"
        )


def load_round_weights(folder: Path, index: int, model: keras.Model) -> None:
    """Puts the weights of round `index` into `model`.

    Raises:
        InputError: if the weight file was removed by `prune_rounds`, is damaged or of another network.
    """
    path = round_folder(folder, index)
    stored = kept_rounds(folder)
    if index not in stored and index != finished_rounds(folder)[-1]:
        numbers = ", ".join(str(number + 1) for number in stored) or "none"
        raise InputError(
            f"The weights of round {index + 1} are not kept (--keep_rounds; {path / RoundFiles.MODEL} is not there). "
            f"Rounds whose weights are there: {numbers}"
        )
    try:
        model_files.load_weights(path, _read(folder, index)[1], model)
    except InputError as error:
        raise InputError(f"{error}. {_what_to_do(folder, index, weights_only=True)}") from error


def prune_rounds(folder: Path, keep: int, score: Callable[[int], float | None]) -> list[int]:
    """Removes weights and optimizer variables of all finished rounds but the last `keep` and the best.

    Metrics, K and probabilities of every round stay.

    Args:
        folder: where the rounds are.
        keep: how many of the newest stay; 0 keeps all.
        score: for a round's number its score on validation images, higher is better; None where there is none.

    Returns:
        Numbers of the rounds whose weights were removed just now.
    """
    stored = kept_rounds(folder)
    if not keep:
        return []
    scores = {index: value for index in stored if (value := score(index)) is not None}
    best = max(scores, key=lambda index: (scores[index], -index)) if scores else None
    removed = [index for index in stored[:-keep] if index != best]
    for index in removed:
        # The optimizer first: weights without it can still be exported.
        (round_folder(folder, index) / RoundFiles.OPTIMIZER).unlink(missing_ok=True)
        (round_folder(folder, index) / RoundFiles.MODEL).unlink(missing_ok=True)
    return removed


def _what_to_do(folder: Path, index: int, weights_only: bool = False) -> str:
    """What to do about files of round `index` that cannot be loaded; none that is whole is ever to be removed.

    Args:
        folder: of the rounds.
        index: of the round.
        weights_only: the weights alone are asked for, not the optimizer's variables.
    """
    path = round_folder(folder, index)
    with contextlib.suppress(InputError):
        (model_files.check_weights if weights_only else model_files.check_files)(path, _read(folder, index)[1])
        return (
            f"The files of {path} are whole, so it is another network that was asked for. Keep them; config.json and "
            "classes.json beside the rounds must be this run's, or choose another --workdir."
        )
    return way_back(folder, index)


def way_back(folder: Path, index: int) -> str:
    """What to do about damaged files of round `index`."""
    before = [
        i for i in kept_rounds(folder) if i < index and (round_folder(folder, i) / RoundFiles.OPTIMIZER).is_file()
    ]
    first = before[-1] + 1 if before else 0
    names = ", ".join(str(round_folder(folder, i)) for i in finished_rounds(folder) if i >= first)
    start = f"after round {first}" if first else "from the beginning"
    return f"Remove {names} to train again {start}; other rounds stay as they are."


def _read(folder: Path, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    path = round_folder(folder, index) / RoundFiles.STATE
    arrays, meta = artifacts.load_npz(path, _STATE, way_back(folder, index))
    if meta["index"] != index:
        raise InputError(f"{path} is of round {meta['index'] + 1}, not {index + 1}. {way_back(folder, index)}")
    return arrays, meta


def _state(arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> RoundState:
    return RoundState(
        meta["index"], meta["global_step"], meta["k0"], arrays["counts"], meta["metrics"], arrays.get("hard")
    )


def run_variables(model: keras.Model) -> list[Variable]:
    """Every variable of a compiled joint model that a run goes on with, in a fixed order."""
    extra = model_files.extra_state(model)
    return [*model.weights, *optimizer_variables(model.optimizer), *(extra[name] for name in sorted(extra))]
