"""Recipes, files of flags: where they are found, and what of them a program takes."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from sjft_tf.config import RunConfig

RECIPES = Path(__file__).resolve().parent.parent / "flags"

OWN_FLAGS = frozenset(
    (
        *("workdir", "raw_csv", "output", "images", "round", "model", "format", "top_k", "fuse_rounds", "fuse_with"),
        *("explain", "montage", "montage_neighbors", "montage_output", "verify", "sample_target", "sample_source"),
        *("arms", "seeds", "first_seed", "judge", "answers", "plan", "rates", "source_weights", "learned_bank"),
        *("choice", "choice_seeds", "choice_steps", "choice_folds", "learned_bank_weights", "keep_weights", "at_once"),
        *("formats", "quantize"),
        *("heat_maps", "heat_map_kind", "heat_map_class"),
        *("patch_scales", "smallest_patch", "patch_overlap", "patch_features", "object_in_patch", "object_seen"),
        *("background_share", "patches_per_image", "hidden_units", "head_steps", "head_batch", "head_rate"),
        *("head_dropout", "score_power", "heat", "heat_side", "heat_pictures"),
        *("factor", "values", "targets", "source_images", "drift", "drift_images"),
        *("layers", "pooling", "probe_views", "classifiers", "strengths", "powers", "feature_dropout", "picture"),
        *("rank_weights",),
        *("kinds", "classes_a", "classes_b", "words", "class_names", "split_seed"),
    )
)
"""The flags that programs have beside the settings of a run."""


def recipe_arguments(arguments: Sequence[str]) -> list[str]:
    """`--flagfile=flags/NAME.cfg` also finds the recipes that came with an installed package."""
    completed, rest = [], iter(arguments)
    for argument in rest:
        if argument in ("-flagfile", "--flagfile"):
            argument += f"={next(rest, '')}"
        flag, _, path = argument.partition("=")
        if flag.lstrip("-") == "flagfile" and path and not Path(path).expanduser().exists():
            packaged = RECIPES / Path(path).name
            if not packaged.exists():
                have = ", ".join(sorted(p.stem for p in RECIPES.glob("*.cfg")))
                sys.exit(f"error: there is no flag file {path!r}. Recipes that come with sjft_tf: {have}")
            argument = f"{flag}={packaged}"
        completed.append(argument)
    return completed


def read_recipes(arguments: Sequence[str], defined: flags.FlagValues) -> list[str]:
    """The arguments with the lines of each --flagfile in its place, but for flags that only other programs have.

    Those are told on standard error. A flag that no program has stays, to be refused as on the command line; so does a
    file that cannot be read.

    Args:
        arguments: as `recipe_arguments` gives them.
        defined: the flags of this program.
    """
    taken: list[str] = []
    for i, argument in enumerate(arguments):
        flag, _, path = argument.partition("=")
        if argument == "--":
            return taken + list(arguments[i:])
        if flag not in ("-flagfile", "--flagfile") or not path:
            taken.append(argument)
            continue
        try:
            lines = defined.read_flags_from_files([argument], force_gnu=False)
        except (flags.Error, UnicodeDecodeError):
            taken.append(argument)
            continue
        own, others = _divided(lines, defined)
        taken += own
        if others:
            shown = ", ".join(f"--{name}" for name in others[:5]) + (", ..." if len(others) > 5 else "")
            print(f"{path}: {len(others)} flag(s) of other programs passed over ({shown})", file=sys.stderr)
    return taken


def _divided(lines: Sequence[str], defined: flags.FlagValues) -> tuple[list[str], list[str]]:
    """The lines that this program takes or refuses, and the names of the flags that only other programs have."""
    settings = {item.name for section in RunConfig().sections() for item in dataclasses.fields(section)}
    own: list[str] = []
    others: list[str] = []
    awaits_value = False
    for line in lines:
        name, equal, _ = line.lstrip("-").partition("=")
        names = {name, name.removeprefix("no")}
        if not line.startswith("-"):  # the value of a flag in the line before
            own += [] if awaits_value else [line]
            awaits_value = False
            continue
        passed = not any(one in defined for one in names) and not names.isdisjoint(settings | OWN_FLAGS)
        own += [] if passed else [line]
        others += [name] if passed else []
        awaits_value = passed and not equal
    return own, others
