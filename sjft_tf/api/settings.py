"""The settings of a call: sets as specs, the rest by the names of the flags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from sjft_tf.api.inputs import given, listed
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.workdir import Workdir

INPUTS = "inputs"
"""Folder of a workdir for images that came as arrays or datasets."""


def settings_of(sets: Mapping[str, Any], workdir: Workdir, settings: Mapping[str, Any]) -> RunConfig:
    """The validated settings of a call.

    Args:
        sets: "target", "source", "validation", "test" as they were given, None for none; arrays are written
            when all settings are known to fit.
        workdir: its lock is held.
        settings: further ones by the names of the flags.

    Raises:
        InputError: sets or settings that do not fit.
    """
    folder = workdir.root / INPUTS
    found = {
        role: [given(one, role, folder) for one in listed(images)]
        for role, images in sets.items()
        if images is not None
    }
    specs = {role: [one.spec for one in several] for role, several in found.items()}
    data: dict[str, Any] = {role: names if role == "source" else _only(role, names) for role, names in specs.items()}
    selector = "nearest" if "source" in data else "none"
    config = RunConfig().with_settings(**{"selector": selector, **settings}).replace("data", **data).validate()
    for several in found.values():
        for one in several:
            one.write()
    return config


def _only(role: str, specs: list[str]) -> str:
    if len(specs) != 1:
        raise InputError(f"The {role} images must be one set; only the source may be several. Received: {len(specs)}")
    return specs[0]


def started(config: RunConfig) -> None:
    """Seeds as the programs set them before they begin."""
    keras.utils.set_random_seed(config.training.seed)
    if config.training.deterministic:
        tf.config.experimental.enable_op_determinism()
