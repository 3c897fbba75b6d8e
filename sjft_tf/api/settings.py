"""The settings of a call: sets as specs, the rest by the names of the flags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from sjft_tf.api.inputs import spec_of, specs_of
from sjft_tf.config import RunConfig
from sjft_tf.workdir import Workdir

INPUTS = "inputs"
"""Folder of a workdir for images that came as arrays or datasets."""


def settings_of(sets: Mapping[str, Any], workdir: Workdir, settings: Mapping[str, Any]) -> RunConfig:
    """The validated settings of a call.

    Args:
        sets: "target", "source", "validation", "test" as they were given, None for none; arrays are written.
        workdir: its lock is held.
        settings: further ones by the names of the flags.

    Raises:
        InputError: sets or settings that do not fit.
    """
    folder = workdir.root / INPUTS
    config = RunConfig().with_settings(
        **{"selector": "nearest" if sets.get("source") is not None else "none", **settings}
    )
    given: dict[str, Any] = {
        role: spec_of(images, role, folder) for role, images in sets.items() if images is not None and role != "source"
    }
    if sets.get("source") is not None:
        given["source"] = specs_of(sets["source"], "source", folder)
    return config.replace("data", **given).validate()


def started(config: RunConfig) -> None:
    """Seeds as the programs set them before they begin."""
    keras.utils.set_random_seed(config.training.seed)
    if config.training.deterministic:
        tf.config.experimental.enable_op_determinism()
