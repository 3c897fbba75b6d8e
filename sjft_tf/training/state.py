"""What a finished round leaves behind, and how a run finds its place again.

`rounds/03/` holds everything needed to go on after the fourth round: it appears as a whole or not at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.models import optimizer_state, restore_optimizer_state
from sjft_tf.models.optimizer_state import optimizer_variables

WEIGHTS = "model.weights.h5"
STATE = "state.npz"
_ROUND = re.compile(r"\d{2,}")


@dataclass(frozen=True)
class RoundState:
    """The state at the end of a round.

    Attributes:
        index: number of the round, from 0.
        global_step: training steps done since the run began.
        k0: neighbors each target image began with; 0 when nothing is borrowed.
        counts: int32 [N_t], K of each target image for the NEXT round.
        metrics: numbers about this round (losses, hard and uncertain images, union size, seconds).
    """

    index: int
    global_step: int
    k0: int
    counts: np.ndarray
    metrics: dict[str, Any]


def round_folder(folder: Path, index: int) -> Path:
    """Where round `index` of a run whose rounds lie in `folder` is kept."""
    return folder / f"{index:02d}"


def finished_rounds(folder: Path) -> list[int]:
    """Numbers of the rounds that were written completely, ascending."""
    if not folder.is_dir():
        return []
    return sorted(int(p.name) for p in folder.iterdir() if _ROUND.fullmatch(p.name) and (p / STATE).is_file())


def save_round(folder: Path, state: RoundState, model: keras.Model, made_from: dict[str, Any]) -> Path:
    """Writes weights, optimizer variables and `state`; returns the round's folder."""
    place = round_folder(folder, state.index)
    with artifacts.atomic_directory(place) as temporary:
        _bare(model).save_weights(str(temporary / WEIGHTS))
        optimizer = {f"optimizer/{name}": value for name, value in optimizer_state(model.optimizer).items()}
        random = {f"random/{i:03d}": np.array(v) for i, v in enumerate(_random_state(model))}
        meta = {
            "made_from": made_from,
            "index": state.index,
            "global_step": state.global_step,
            "k0": state.k0,
            "metrics": state.metrics,
            "weights": artifacts.fingerprint((temporary / WEIGHTS).read_bytes()),
        }
        artifacts.save_npz(temporary / STATE, {"counts": state.counts, **optimizer, **random}, meta)
    return place


def load_round(folder: Path, index: int, model: keras.Model, made_from: dict[str, Any]) -> RoundState:
    """Puts the weights and optimizer variables of round `index` into `model`; returns its state.

    Raises:
        ArtifactMismatch: if the round was trained from other settings or inputs.
        InputError: if its files are damaged.
    """
    path = round_folder(folder, index) / STATE
    arrays, meta = artifacts.load_npz(path)
    artifacts.check_made_from(path, meta["made_from"], made_from)
    load_round_weights(folder, index, model)
    optimizer = {name.split("/", 1)[1]: value for name, value in arrays.items() if name.startswith("optimizer/")}
    restore_optimizer_state(model.optimizer, model, optimizer)
    for number, variable in enumerate(_random_state(model)):
        variable.assign(arrays[f"random/{number:03d}"])
    return _state(arrays, meta)


def weights_digest(folder: Path, index: int) -> str:
    """Digest of the weight file of round `index`, to stamp with it what is made from the round."""
    return artifacts.fingerprint((round_folder(folder, index) / WEIGHTS).read_bytes())


def read_round(folder: Path, index: int) -> RoundState:
    """The state of a finished round, without weights."""
    return _state(*artifacts.load_npz(round_folder(folder, index) / STATE))


def _state(arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> RoundState:
    return RoundState(meta["index"], meta["global_step"], meta["k0"], arrays["counts"], meta["metrics"])


def load_round_weights(folder: Path, index: int, model: keras.Model) -> None:
    """Puts the weights of round `index` into `model`.

    Raises:
        InputError: if the weight file is missing, damaged or of another network.
    """
    path = round_folder(folder, index) / WEIGHTS
    _, meta = artifacts.load_npz(path.with_name(STATE))
    try:
        # Keras leaves layers whose place in a damaged file it cannot find as they are, with a warning at most.
        if meta.get("weights") not in (None, artifacts.fingerprint(path.read_bytes())):
            raise ValueError("it is not the file that was written")
        _bare(model).load_weights(str(path))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path} cannot be read ({error}). Remove {path.parent} to train that round again.") from error


def run_variables(model: keras.Model) -> list[Any]:
    """Every variable of a compiled joint model that a run goes on with, in a fixed order."""
    extra = model.extra_variables
    return [
        *model.weights,
        *_random_state(model),
        *optimizer_variables(model.optimizer),
        *(extra[name] for name in sorted(extra)),
    ]


def _random_state(model: keras.Model) -> list[Any]:
    # The seed generators of a trunk's own dropout layers (EfficientNet, ConvNeXt), which Keras 3 keeps among the
    # variables but not among the weights. Keras 2.15 keeps them nowhere.
    saved = {id(v) for v in model.weights}
    return [v for v in model.variables if id(v) not in saved and "seed_generator" in getattr(v, "path", "")]


def _bare(model: keras.Model) -> keras.Model:
    # A compiled model of Keras 3 puts its optimizer into the weight file, and an optimizer that has not stepped yet
    # cannot read it. Ours is in STATE; this model shares the layers and has none.
    return keras.Model(model.input, model.output)
