"""The settings of a call: sets as specs, the rest by the names of the flags."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping

from sjft_tf.api.inputs import GivenImages, Images, given, listed
from sjft_tf.artifacts import ArtifactMismatch
from sjft_tf.config import RunConfig, Setting
from sjft_tf.errors import InputError
from sjft_tf.training import set_seeds
from sjft_tf.workdir import Workdir

INPUTS = "inputs"
"""Folder of a workdir for images that came as arrays or datasets."""


@contextlib.contextmanager
def prepared(
    sets: Mapping[str, Images | list[Images] | None], workdir: Workdir, settings: Mapping[str, Setting]
) -> Iterator[RunConfig]:
    """The validated settings of a call, and its images where the run reads them.

    Arrays are written when all settings are known to fit. If the run in the workdir turns out to be of other images,
    what was written for this call goes again: a refused call leaves a run as it was.

    Args:
        sets: "target", "source", "validation", "test" as they were given, None for none.
        workdir: its lock is held.
        settings: further ones by the names of the flags.

    Raises:
        InputError: sets or settings that do not fit.
    """
    folder = workdir.root / INPUTS
    named = {
        role: [given(one, role, folder) for one in listed(images)]
        for role, images in sets.items()
        if images is not None
    }
    config = _config(named, settings)
    new = [one for several in named.values() for one in several if one.path is not None and not one.path.exists()]
    for one in new:
        one.write()
    try:
        yield config
    except ArtifactMismatch:
        _remove(new)
        raise


@contextlib.contextmanager
def started(
    sets: Mapping[str, Images | list[Images] | None], workdir: Workdir, settings: Mapping[str, Setting]
) -> Iterator[RunConfig]:
    """As `prepared`, with seeds set in this process as the programs set them."""
    with prepared(sets, workdir, settings) as config:
        set_seeds(config.training.seed, config.training.deterministic)
        yield config


def _config(sets: Mapping[str, list[GivenImages]], settings: Mapping[str, Setting]) -> RunConfig:
    specs = {role: [one.spec for one in several] for role, several in sets.items()}
    data = {role: names if role == "source" else _only(role, names) for role, names in specs.items()}
    selector = "auto" if "source" in data else "none"
    return RunConfig().with_settings(**{"selector": selector, **settings}).replace("data", **data).validate()


def _only(role: str, specs: list[str]) -> str:
    if len(specs) != 1:
        raise InputError(f"The {role} images must be one set; only the source may be several. Received: {len(specs)}")
    return specs[0]


def _remove(images: list[GivenImages]) -> None:
    for one in images:
        if one.path is not None and one.path.is_dir():
            shutil.rmtree(one.path)
        elif one.path is not None:
            one.path.unlink(missing_ok=True)
