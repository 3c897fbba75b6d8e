"""One run of a study, as the engine does it: its folder, its settings, what must be there when it is finished."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.study.sets import SetsSummary
from sjft_tf.study.stamps import run_stamp

FROZEN = ("head", "svm", "svm-augmented", "stage-svm")
"""Classifiers on features of the trunk as it starts, which stays so: a convex softmax head; a linear SVM on its last
layer, the same on sixteen views with a power transform, and on the stage that suits best."""
KINDS = ("train", *FROZEN)
"""A run of the pipeline, or one of `FROZEN`."""


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
        folder: where it lies, relative to the study's workdir, in `runs/`.
        config: its settings.
        sets: what is known of its image sets.
        kind: one of `KINDS`.
        table: the settings that its neighbor table, or its weights of the source, are made with; None without.
        table_key: tells such tables apart that have these settings in common.
        folds: a classifier of `FROZEN` without validation images is judged by so many folds.
        trunk: its trunk is kept, for others to start from.
        origin: stamp of the run whose trunk it starts from; "" for none.
        also: settings of a run that does for this one, should it lie here.
        files: what must lie in its folder beside the result.
    """

    folder: PurePosixPath
    config: RunConfig
    sets: SetsSummary
    kind: str = "train"
    table: RunConfig | None = None
    table_key: str = ""
    folds: int = 0
    trunk: bool = False
    origin: str = ""
    also: tuple[RunConfig, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def stamp(self) -> str:
        """What it is made from: for its result."""
        return self._stamp(self.config)

    @property
    def stamps(self) -> tuple[str, ...]:
        """Those of results that do."""
        return (self.stamp, *map(self._stamp, self.also))

    def _stamp(self, config: RunConfig) -> str:
        # A trunk of this study is known by the run that it comes from, wherever the workdir lies.
        known = config.replace("model", weights=f"trunk of {self.origin}") if self.origin else config
        return run_stamp(known, self.sets)

    def __str__(self) -> str:
        return str(self.folder.relative_to("runs"))


def check_base(base: RunConfig, what: str = "A study") -> None:
    """What no base settings of a study may have.

    Args:
        base: what all its runs share.
        what: begins the message.

    Raises:
        InputError: what cannot be done, and what to do.
    """
    if base.data.prune_target:
        raise InputError("--prune_target judges every run anew: run scripts/prune.py first, then give --target_rows")
    if base.data.validation_fold or base.data.holdout_test:
        raise InputError(f"{what} divides images itself: leave --validation_fold and --holdout_test out")
    if base.data.test == "none":
        raise InputError(f"{what} needs test images: leave --test=none out, or see --holdout_test")
    if base.distribution.strategy == "multi_worker":
        raise InputError(f"{what} runs on one host: leave --strategy=multi_worker out")


def check_seeds(seeds: tuple[int, ...], flag: str = "--seeds") -> None:
    """Raises InputError unless seeds are different numbers from 0, at least one."""
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise InputError(f"{flag} must be different numbers from 0, at least one. Received: {list(seeds)}")


def on_known_sets(config: RunConfig, sets: SetsSummary, uses_source: bool) -> RunConfig:
    """The settings of a run whose sets have been looked at: audited once, for all runs, and divided alike."""
    data: dict[str, str | float | bool] = {"audit": False, "exclude_leaks": False, "holdout_test": sets.holdout}
    if uses_source and sets.source_rows:
        data["source_rows"] = sets.source_rows
    if sets.target_rows:
        data["target_rows"] = sets.target_rows
    config = config.replace("monitor", projector_images=0, profile="")
    return config.replace("checkpoints", keep_rounds=0).replace("data", **data)
