"""What a finished run, and what several runs retrieve by, were made from."""

from __future__ import annotations

import dataclasses
import re

from sjft_tf import artifacts
from sjft_tf.catalog import TABLE_SELECTORS, WEIGHT_SELECTORS
from sjft_tf.config import RunConfig
from sjft_tf.study.sets import SetsSummary


def uses_table(config: RunConfig) -> bool:
    """Whether a run needs neighbor lists or weights of the source, which do not depend on its seed."""
    return config.selection.selector in ("auto", *TABLE_SELECTORS, *WEIGHT_SELECTORS)


def table_name(config: RunConfig) -> str:
    """Folder of what a run with `table_config` settings retrieves by: by bank (or selector) and target subset."""
    data = {
        item: getattr(config.data, item)
        for item in ("target", "target_rows", "per_class", "holdout_test", "validation_fold", "source", "source_rows")
    }
    drawn = config.data.per_class or config.data.validation_fold
    selection = config.selection
    length = (
        (selection.k0, selection.wrong_growth, selection.uncertain_growth, config.training.rounds)
        if selection.fixed_k0() is not None
        else ()
    )
    key = artifacts.fingerprint(
        {**data, **config.stamp("retrieval"), "seed": config.training.seed if drawn else None, "length": length}
    )
    kind = selection.selector if selection.selector in WEIGHT_SELECTORS else config.retrieval.bank
    return f"{re.sub(r'[^A-Za-z0-9_]+', '-', kind)[:24].strip('-')}-{key[:8]}"


def run_stamp(config: RunConfig, sets: SetsSummary) -> str:
    """What a finished run was made from."""
    known = ("target", "validation", "source", "source_rows", "aspect_ratio")
    later = {item.name: item.default for item in dataclasses.fields(config.data) if item.metadata["later"]}
    data = {name: v for name, v in dataclasses.asdict(config.data).items() if name not in later or v != later[name]}
    return artifacts.fingerprint(
        config.stamp("view", "augmentation", "retrieval", "selection", "model", "training"),
        dataclasses.asdict(config.evaluation),
        {name: value for name, value in data.items() if name not in known},  # by the fingerprints
        sets.fingerprints,
    )
