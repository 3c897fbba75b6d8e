"""The runs of a comparison: which run of the engine a trial of an arm is."""

from __future__ import annotations

from pathlib import Path

from sjft_tf import artifacts
from sjft_tf.comparison import Arm, ComparisonSpec, Trial
from sjft_tf.config import Setting
from sjft_tf.evaluation import Outcomes, load_outcomes
from sjft_tf.pipeline.studying.looks import Look, check_settings
from sjft_tf.pipeline.studying.runs import Launch, Runs
from sjft_tf.study import Run, RunResult, SetsSummary, uses_table
from sjft_tf.workdir import ComparisonFiles


class ComparisonRuns(Runs):
    """Looks at the image sets, and does trials and runs of arms.

    Args:
        spec: what is compared.
        root: the comparison's workdir.
        launch: see `Launch`.

    Attributes:
        sets: what opening the image sets told; set by `look`.
        folds: folds that judge; 0 where there are validation images.
    """

    sets: SetsSummary
    folds: int

    def __init__(self, spec: ComparisonSpec, root: Path, launch: Launch) -> None:
        super().__init__(root, launch, spec.command)
        self.spec = spec

    def look(self) -> None:
        """Opens the sets once, in a process. Refused, nothing in the workdir of a begun comparison has changed.

        Raises:
            ArtifactMismatch: the workdir was begun with other settings or images.
            InputError: the sets do not fit together, or cannot be divided; a result that is there is damaged.
        """
        settings, spec = self._settings(), self.spec
        check_settings(self.root / ComparisonFiles.SETTINGS, settings)
        self.check_results()
        look = Look(spec.base, spec.holdout_test, self.shared, self.shared, self._launch, spec.command)
        self.sets, self.folds = look.sets, spec.judging_folds(look.sets)
        look.write()
        artifacts.write_json(self.root / ComparisonFiles.SETTINGS, settings)

    def _settings(self) -> dict[str, Setting]:
        """What all runs of the workdir have in common."""
        base = self.spec.base
        stamp = base.stamp("view", "augmentation", "retrieval", "selection", "model", "training")
        for chosen in ("learning_rate", "source_weight", "seed"):
            del stamp[chosen]
        stamp |= {"per_class": base.data.per_class, "exclude_leaks": base.data.exclude_leaks}
        if base.data.aspect_ratio != "squash":  # as in older workdirs
            stamp |= {"aspect_ratio": base.data.aspect_ratio}
        return stamp

    def run_of(self, arm: Arm, trial: Trial, final: bool) -> Run:
        """A trial as the engine does it.

        Args:
            arm: the trial's arm.
            trial: what it is.
            final: it is scored on test images; else on validation images only.
        """
        config = self.spec.config(arm, trial, self.sets, final)
        # One that was scored on test images is a trial too.
        also = () if final or trial.fold else (self.spec.config(arm, trial, self.sets, True),)
        return Run(
            trial.folder,
            config,
            self.sets,
            arm.kind,
            table=self.spec.table_config(config) if arm.kind == "train" and uses_table(config) else None,
            folds=self.folds,
            also=also,
            # Of a program before this one a trial may lack what its judges say: judged anew.
            files=() if final or trial.point is None else (ComparisonFiles.OUTCOMES,),
        )

    def trial(self, arm: Arm, trial: Trial, final: bool) -> tuple[RunResult | None, bool]:
        """Makes sure that a trial is there, see `one`."""
        return self.one(self.run_of(arm, trial, final))

    def outcomes(self, trial: Trial) -> Outcomes:
        """What the judges of a finished trial say.

        Raises:
            InputError: they are missing or damaged.
        """
        remedy = "Remove the run's folder and start the same command again: the run is made anew."
        return load_outcomes(self.root / trial.folder / ComparisonFiles.OUTCOMES, remedy)
