"""Which images of a finished run are no longer those it was made with, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sjft_tf.config import RunConfig
from sjft_tf.images import ImageSet
from sjft_tf.pipeline.stages.results import scored_images
from sjft_tf.run_sets import Sets
from sjft_tf.training import finished_rounds, round_made_from
from sjft_tf.workdir import Workdir

_SHOWN = 5


def changed_sets(config: RunConfig, workdir: Workdir, sets: Mapping[str, ImageSet | None]) -> dict[str, str]:
    """The sets that differ from those of the run's last finished round.

    Args:
        config: the run's settings; what pruning or --exclude_leaks leave out is not opened here and not compared.
        workdir: of the run.
        sets: by role, "training", "validation", "test" or "source", with the run's classes; None is left out.

    Returns:
        For each role that differs the set in words.
    """
    done = finished_rounds(workdir.rounds)
    if not done:
        return {}
    made_from = round_made_from(workdir.rounds, done[-1])
    known = {
        "training": None if config.data.prune_target else made_from.get("target images"),
        "source": None if config.data.exclude_leaks else made_from.get("source images"),
    }
    for role in ("validation", "test"):
        known[role] = scored_images(workdir, done[-1], role)
    return {
        role: f"{role} images ('{images.name}', {len(images)} now)"
        for role, images in sets.items()
        if images is not None and known[role] not in (None, images.fingerprint)
    }


def by_role(sets: Sets) -> dict[str, ImageSet | None]:
    """The sets as `changed_sets` takes them."""
    return {"training": sets.target, "validation": sets.validation, "test": sets.test, "source": sets.source}


def class_changes(before: Sequence[str], now: Sequence[str]) -> str:
    """Classes added and removed, by name, or that they stand in another order; "" where they are the same."""
    if sorted(before) == sorted(now) and list(before) != list(now):
        return f"classes in another order: {_first(before)} before, {_first(now)} now"
    parts = [
        f"classes {word}: {_first(names)}"
        for word, names in (
            ("added", [name for name in now if name not in set(before)]),
            ("removed", [name for name in before if name not in set(now)]),
        )
        if names
    ]
    return "; ".join(parts)


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + f" and {len(names) - _SHOWN} more" * (len(names) > _SHOWN)
