"""The settings of every run of a comparison, from the base settings, the arm, the point, the seed and the fold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sjft_tf.catalog import WEIGHT_SELECTORS
from sjft_tf.comparison.arms import Arm
from sjft_tf.comparison.choice import Choice
from sjft_tf.comparison.trials import Trial
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.study import SetsSummary, check_base, check_seeds, on_known_sets

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
        check_seeds(self.seeds)
        check_seeds(self.judging_seeds(0), "--choice_seeds")
        check_base(self.base, "A comparison")
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

    def judging_folds(self, sets: SetsSummary) -> int:
        """Folds that judge; 0 where there are validation images.

        Raises:
            InputError: a class with a single image, or the final runs could not stop early.
        """
        if sets.validation:
            return 0
        if patience := self.base.training.early_stopping:
            raise InputError(
                f"--early_stopping={patience} goes by validation images in the final runs of a comparison too, which "
                "here learn from all folds. Give --validation, or leave it out"
            )
        smallest = min(sets.smallest, self.base.data.per_class or sets.smallest)
        if smallest < 2:
            raise InputError(
                "There are no validation images, and cross-validation needs two training images of each class: "
                f"'{sets.smallest_name}' has {smallest}. Give --validation, or a larger --per_class"
            )
        return min(self.folds, smallest)

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
        data: dict[str, Any] = {} if final else {"test": "none"}
        if trial.fold is not None:
            data |= {"validation": "none", "validation_fold": "{}/{}".format(*trial.fold)}
        config = on_known_sets(config.replace("training", **training), sets, arm.uses_source)
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
