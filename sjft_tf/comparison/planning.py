"""The settings of every run of a comparison, from the base settings, the arm, the point, the seed and the fold."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sjft_tf import artifacts
from sjft_tf.catalog import TABLE_SELECTORS, WEIGHT_SELECTORS
from sjft_tf.comparison.arms import Arm
from sjft_tf.comparison.choice import Choice
from sjft_tf.comparison.trials import Trial
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError

DEFAULT_RATES = (1 / 3, 1.0, 10 / 3)
"""Times `--learning_rate`; the choice goes beyond them where the best is at an end."""
DEFAULT_WEIGHTS = (1.0, 0.3)
"""Times `--target_weight`: as heavy as the target's loss, and about a third of it."""


@dataclass(frozen=True)
class ComparisonSpec:
    """What a comparison is asked for.

    Attributes:
        base: what all arms share.
        arms: in the order of tables.
        seeds: of the runs that are reported.
        choice_seeds: of the trials that settings are chosen by; empty: 0 and 1, with folds 0.
        rates: learning rates to choose from; empty: `DEFAULT_RATES` times the base's.
        weights: source weights to choose from; empty: `DEFAULT_WEIGHTS` times the target's.
        kind, steps: see `Choice`.
        folds: most folds where training images are the judges.
        holdout_test: share of each class set aside for testing where there are no test images.
        bank: the learned bank of arms that use one.
        bank_weights: its weights; "" skips these arms.
        keep_weights: keep the weights of all rounds of all runs.
        command: the command line, for the record.
    """

    base: RunConfig
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    choice_seeds: tuple[int, ...] = ()
    rates: tuple[float, ...] = ()
    weights: tuple[float, ...] = ()
    kind: str = "coordinate"
    steps: int = 2
    folds: int = 3
    holdout_test: float = 0.3
    bank: str = "squeezenet_conv1"
    bank_weights: str = ""
    keep_weights: bool = False
    command: str = ""

    def check(self) -> ComparisonSpec:
        """Itself, if it can be done.

        Raises:
            InputError: what cannot, and what to do.
        """
        for flag, values in (("--seeds", self.seeds), ("--choice_seeds", self.judging_seeds(0))):
            if not values or len(set(values)) < len(values) or min(values) < 0:
                raise InputError(f"{flag} must be different numbers from 0, at least one. Received: {list(values)}")
        if self.base.data.prune_target:
            raise InputError(
                "--prune_target judges every run anew: run scripts/prune.py first, then give --target_rows"
            )
        if self.base.data.validation_fold or self.base.data.holdout_test:
            raise InputError("A comparison divides images itself: leave --validation_fold and --holdout_test out")
        if self.base.data.test == "none":
            raise InputError("A comparison needs test images: leave --test=none out, or see --holdout_test")
        if self.base.distribution.strategy == "multi_worker":
            raise InputError("A comparison runs on one host: leave --strategy=multi_worker out")
        if self.folds < 2:
            raise InputError(f"--choice_folds must be at least 2. Received: {self.folds}")
        for arm in self.arms:
            self.choice(arm)
            arm.config(self.base, self.bank, self.bank_weights)
        return self

    def choice(self, arm: Arm) -> Choice:
        """What is tried for an arm."""
        training = self.base.training
        rates = self.rates or _times(DEFAULT_RATES, training.learning_rate)
        weights = self.weights or _times(DEFAULT_WEIGHTS, training.target_weight)
        return Choice(rates, weights if arm.borrows else (), self.kind, self.steps)

    def judging_seeds(self, folds: int) -> tuple[int, ...]:
        """Seeds of the trials; each fold is a training of its own already, so that one seed of them does."""
        return self.choice_seeds or ((0,) if folds else (0, 1))

    def config(self, arm: Arm, trial: Trial, sets: SetsSummary, final: bool) -> RunConfig:
        """The settings of one run.

        Args:
            arm: the trial's arm.
            trial: what distinguishes it.
            sets: what is known of the image sets.
            final: test images are scored; without it the run does not open them.
        """
        config = arm.config(self.base, self.bank, self.bank_weights)
        training: dict[str, Any] = {"seed": trial.seed}
        if trial.point is not None:
            training["learning_rate"] = trial.point.learning_rate
            if trial.point.source_weight is not None:
                training["source_weight"] = trial.point.source_weight
        # The source was audited once, for all runs, and the target looked through for what is in it twice.
        data: dict[str, Any] = {"audit": False, "exclude_leaks": False, "holdout_test": sets.holdout}
        if arm.uses_source and sets.source_rows:
            data["source_rows"] = sets.source_rows
        if sets.target_rows:
            data["target_rows"] = sets.target_rows
        if not final:
            data["test"] = "none"
        if trial.fold is not None:
            data |= {"validation": "none", "validation_fold": "{}/{}".format(*trial.fold)}
        config = config.replace("training", **training)
        config = config.replace("monitor", projector_images=0, profile="")
        config = config.replace("checkpoints", keep_rounds=0)
        return config.replace("data", **data).validate()

    def table_config(self, config: RunConfig) -> RunConfig:
        """The settings that the neighbor table of a run is made with: long enough for every arm.

        Weights of the source have no length: the run's own.
        """
        if config.selection.selector in WEIGHT_SELECTORS:
            return config
        selection = {
            name: getattr(self.base.selection, name)
            for name in ("k0", "source_share", "passes", "wrong_growth", "uncertain_growth")
        }
        # What auto takes is decided where its table would be made.
        selector = "auto" if config.selection.selector == "auto" else "nearest"
        longest = config.replace("selection", selector=selector, **selection)
        return longest.replace("training", rounds=self.base.training.rounds)


def _times(factors: tuple[float, ...], unit: float) -> tuple[float, ...]:
    return tuple(float(f"{factor * unit:.6g}") for factor in factors)  # 0.003, not 0.0029999999999999996


@dataclass(frozen=True)
class SetsSummary:
    """What opening the image sets told.

    Attributes:
        validation: there are validation images.
        holdout: share of the target that is held out for testing; 0 where there are test images.
        smallest: images of the smallest class in the training set, before `--per_class`.
        smallest_name: that class.
        images: {role: number of images}.
        fingerprints: {role: fingerprint}.
        source_rows: list of the source images that are left by the audit; "" for all.
        target_rows: list of the target images that are left without repeated ones; "" for all.
        warnings: what the user must know.
        opened: what was understood of each set.
    """

    FORM: ClassVar[dict[str, Any]] = {
        "validation": bool,
        "holdout": float,
        "smallest": int,
        "smallest_name": str,
        "images": {"*": int},
        "fingerprints": {"*": str},
        "source_rows": str,
        "warnings": [str],
        "target_rows?": str,  # these two are not in those written before
        "opened?": [str],
    }

    validation: bool
    holdout: float
    smallest: int
    smallest_name: str
    images: dict[str, int]
    fingerprints: dict[str, str]
    source_rows: str = ""
    target_rows: str = ""
    warnings: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As in sets.json."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> SetsSummary:
        """What `to_json` made; `value` is of the form `FORM`."""
        known = {name: value[name] for item in cls.FORM if (name := item.removesuffix("?")) in value}
        return cls(**{**known, "warnings": tuple(known["warnings"]), "opened": tuple(known.get("opened", ()))})

    def folds(self, spec: ComparisonSpec) -> int:
        """Folds that judge; 0 where there are validation images.

        Raises:
            InputError: a class with a single image, or the final runs could not stop early.
        """
        if self.validation:
            return 0
        if patience := spec.base.training.early_stopping:
            raise InputError(
                f"--early_stopping={patience} goes by validation images in the final runs of a comparison too, which "
                "here learn from all folds. Give --validation, or leave it out"
            )
        smallest = min(self.smallest, spec.base.data.per_class or self.smallest)
        if smallest < 2:
            raise InputError(
                "There are no validation images, and cross-validation needs two training images of each class: "
                f"'{self.smallest_name}' has {smallest}. Give --validation, or a larger --per_class"
            )
        return min(spec.folds, smallest)


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
    data, known = dataclasses.asdict(config.data), ("target", "validation", "source", "source_rows", "aspect_ratio")
    return artifacts.fingerprint(
        config.stamp("view", "augmentation", "retrieval", "selection", "model", "training"),
        dataclasses.asdict(config.evaluation),
        {name: value for name, value in data.items() if name not in known},  # by the fingerprints
        sets.fingerprints,
    )


def held_out_note(sets: SetsSummary) -> str:
    """What must be said of figures on held-out images."""
    return (
        f"NOTE: there are no test images. {sets.holdout:.0%} of each class of the target was set aside for testing: "
        "the same images for all arms and seeds, trained on by none. Figures are of these images."
    )


def numbers(values: Sequence[str], flag: str, kind: type = float) -> tuple[Any, ...]:
    """The numbers of a flag that may be repeated, hold commas, or both.

    Raises:
        InputError: something is no number.
    """
    words = [word for text in values for word in text.split(",") if word.strip()]
    try:
        return tuple(kind(word) for word in words)
    except ValueError as error:
        what = "whole numbers" if kind is int else "numbers"
        raise InputError(f"{flag} must be {what}, separated by commas. Received: {', '.join(values)}") from error
