"""A model in the files of a folder: everything it takes to train on bit for bit, and whether the files are whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.models import Variable, optimizer_state, optimizer_variables, restore_optimizer_state
from sjft_tf.workdir import RoundFiles


def extra_state(model: keras.Model) -> dict[str, Variable]:
    """The variables that training changes and that are neither weights nor the optimizer's, by name.

    These are the seed generators of a trunk's own dropout layers (EfficientNet, ConvNeXt), which Keras 3 keeps among
    the variables but not among the weights (Keras 2.15 keeps them nowhere), and whatever the model itself names in
    an attribute `extra_variables`: a mapping from name to variable.
    """
    saved = {id(v) for v in model.weights}
    random = [v for v in model.variables if id(v) not in saved and "seed_generator" in getattr(v, "path", "")]
    own = getattr(model, "extra_variables", {})
    return {f"random/{i:03d}": v for i, v in enumerate(random)} | {f"extra/{name}": v for name, v in own.items()}


def save_model(folder: Path, model: keras.Model) -> dict[str, str]:
    """Writes weights, optimizer variables and extra state of a compiled model into `folder`.

    Returns:
        Digests of the files, for `load_model`: keys "weights" and "optimizer".
    """
    numbers = sum(variable.numpy().nbytes for variable in model.weights)
    # HDF5 keeps each variable in a group of its own.
    artifacts.check_room(folder / RoundFiles.MODEL, numbers + 4096 * (len(model.weights) + 8))
    _bare(model).save_weights(str(folder / RoundFiles.MODEL))
    optimizer = {f"optimizer/{name}": value for name, value in optimizer_state(model.optimizer).items()}
    extra = {name: np.array(variable.numpy()) for name, variable in extra_state(model).items()}
    artifacts.save_npz(folder / RoundFiles.OPTIMIZER, {**optimizer, **extra}, {})
    return {"weights": _digest(folder / RoundFiles.MODEL), "optimizer": _digest(folder / RoundFiles.OPTIMIZER)}


def check_weights(folder: Path, digests: Mapping[str, str]) -> None:
    """As `check_files`, of the weights alone."""
    _check(folder / RoundFiles.MODEL, digests["weights"])


def check_files(folder: Path, digests: Mapping[str, str]) -> None:
    """Compares both files with their digests.

    Raises:
        InputError: one is missing or is not the file that was written.
    """
    check_weights(folder, digests)
    _check(folder / RoundFiles.OPTIMIZER, digests["optimizer"])


def load_model(folder: Path, digests: Mapping[str, str], model: keras.Model) -> None:
    """Puts what `save_model` wrote into a compiled model of the same form.

    Raises:
        InputError: a file is missing, damaged, or of another model or optimizer; it says which, not what to do.
    """
    check_files(folder, digests)
    load_weights(folder, digests, model)
    arrays, _ = artifacts.load_npz(folder / RoundFiles.OPTIMIZER)
    optimizer = {name.split("/", 1)[1]: value for name, value in arrays.items() if name.startswith("optimizer/")}
    restore_optimizer_state(model.optimizer, model, optimizer)
    wanted = extra_state(model)
    if (names := arrays.keys() - {f"optimizer/{name}" for name in optimizer}) != wanted.keys():
        raise InputError(
            f"{folder / RoundFiles.OPTIMIZER} is of another model: {sorted(names)} there, {sorted(wanted)} here"
        )
    for name, variable in wanted.items():
        if arrays[name].shape != tuple(variable.shape):
            raise InputError(
                f"{folder / RoundFiles.OPTIMIZER} is of another model: {name} has shape {arrays[name].shape} there"
            )
        variable.assign(arrays[name])


def load_weights(folder: Path, digests: Mapping[str, str], model: keras.Model) -> None:
    """Puts the weights alone into a model, compiled or not.

    Raises:
        InputError: as `load_model`.
    """
    path = folder / RoundFiles.MODEL
    # Keras leaves layers whose place in a damaged file it cannot find as they are, with a warning at most.
    _check(path, digests["weights"])
    try:
        _bare(model).load_weights(str(path))
    except Exception as error:  # HDF5 and Keras raise a dozen types on files that are none of theirs
        raise InputError(f"{path} cannot be read: {type(error).__name__}: {error}") from error


def first_not_finite(model: keras.Model) -> str | None:
    """Name of the first variable of the model, its optimizer or its extra state with a NaN or an infinity in it."""
    for variable in [*model.weights, *optimizer_variables(model.optimizer), *extra_state(model).values()]:
        array = np.asarray(variable.numpy())
        if array.dtype.kind not in "iub" and not np.isfinite(array).all():
            return str(getattr(variable, "path", variable.name))
    return None


def _check(path: Path, digest: str) -> None:
    if not path.is_file():
        raise InputError(f"{path} cannot be read: it is missing")
    if _digest(path) != digest:
        raise InputError(f"{path} cannot be read: it is not the file that was written")


def _digest(path: Path) -> str:
    return artifacts.fingerprint(path.read_bytes())


def _bare(model: keras.Model) -> keras.Model:
    # A compiled model of Keras 3 puts its optimizer into the weight file, and an optimizer that has not stepped yet
    # cannot read it. Ours is in RoundFiles.OPTIMIZER; this model shares the layers and has none.
    return keras.Model(model.input, model.output)
