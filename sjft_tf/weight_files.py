"""What every reader of a foreign weight file needs: a file that is there, one error for damage, no NaN."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from sjft_tf.errors import InputError


class WeightedLayer(Protocol):
    """What is asked of a Keras layer here."""

    @property
    def name(self) -> str:
        """Its name."""

    def get_weights(self) -> list[np.ndarray]:
        """Its weights."""


def existing_file(path: str | os.PathLike[str], what: str = "weight file") -> Path:
    """The path of a file that is there.

    Raises:
        InputError: nothing is there, a folder, or no path at all (NUL, too long).
    """
    file = Path(path)
    try:
        is_folder, is_file = file.is_dir(), file.is_file()
    except (ValueError, OSError) as error:
        raise InputError(f"{str(file)!r} cannot be the path of a {what}: {error}") from error
    if is_folder:
        raise InputError(f"{str(file)!r} is a folder; a {what} was expected. Give the path of the file in it")
    if not is_file:
        raise InputError(f"There is no {what} {str(file)!r}. Check the path")
    return file


def check_weight_file(path: str | os.PathLike[str]) -> Path:
    """The path of a file with a trunk's weights that is there and has an ending that is known.

    Raises:
        InputError: it is missing or of another kind.
    """
    try:
        file = existing_file(path)
    except InputError as error:
        raise InputError(
            f"{error}. `weights` is none, imagenet, or the path of a .weights.h5, .h5 or .keras file."
        ) from None
    if not file.name.endswith((".h5", ".hdf5", ".keras")):
        raise InputError(f"{file} is not a weight file: expected a name ending in .weights.h5, .h5 or .keras")
    return file


@contextlib.contextmanager
def reading(message: Callable[[str], str]) -> Iterator[None]:
    """Turns whatever a parser raises over a file's content into an InputError.

    HDF5, zip and Keras raise about fifteen types over damaged bytes (BadZipFile, zlib.error, RuntimeError,
    OverflowError, ...), and which ones changes with their versions: a list of them would always be too short.

    Args:
        message: makes the error's text from what the parser said, in one line.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise InputError(message(said[:1000])) from error


def refuse_not_finite(layers: Iterable[WeightedLayer], file: str | os.PathLike[str]) -> None:
    """Checks that all weights of Keras layers are numbers.

    Raises:
        InputError: names the first layer with NaN or infinity, and the file it came from.
    """
    for layer in layers:
        for weight in layer.get_weights():
            values = np.asarray(weight)
            # A plain type: NumPy knows no bfloat16, and nobody else's numbers are larger than float64's.
            if values.dtype.kind not in "biu" and not np.isfinite(values.astype(np.float64)).all():
                raise InputError(
                    f"{os.fspath(file)}: layer {layer.name!r} holds NaN or infinite values. Nothing can be learned "
                    "from there: take an earlier or another weight file"
                )
