"""All settings of a run together: what they may be, and their round trip through JSON.

The sections are in `settings`; flags are made from their fields in scripts/.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from typing import Any

from sjft_tf.errors import InputError
from sjft_tf.schema import mismatch
from sjft_tf.training.settings import (
    AugmentationConfig,
    CheckpointConfig,
    DataConfig,
    DistributionConfig,
    EvaluationConfig,
    ModelConfig,
    MonitorConfig,
    PruneConfig,
    RetrievalConfig,
    SelectionConfig,
    TrainingConfig,
    ViewConfig,
)


@dataclass(frozen=True)
class RunConfig:
    """All settings of one run."""

    data: DataConfig = field(default_factory=DataConfig)
    view: ViewConfig = field(default_factory=ViewConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    retrieval: RetrievalConfig = field(default_factory=RetrievalConfig)
    selection: SelectionConfig = field(default_factory=SelectionConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    checkpoints: CheckpointConfig = field(default_factory=CheckpointConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    distribution: DistributionConfig = field(default_factory=DistributionConfig)
    prune: PruneConfig = field(default_factory=PruneConfig)
    monitor: MonitorConfig = field(default_factory=MonitorConfig)

    def to_json(self) -> dict[str, Any]:
        """Nested dictionaries of plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> RunConfig:
        """The inverse of `to_json`; fields of an older version that are missing take their defaults.

        Raises:
            InputError: a field this version does not know, or a value of the wrong type.
        """
        if (reason := mismatch(value, {"*": dict}, "The configuration")) is not None:
            raise InputError(f"{reason}. Take the config.json of a run.")
        sections: dict[str, Any] = {}
        unknown = set(value) - {group.name for group in dataclasses.fields(cls)}
        for group in dataclasses.fields(cls):
            section: Any = group.default_factory()  # type: ignore[misc, operator]
            given = value.get(group.name, {})
            known = {f.name for f in dataclasses.fields(section)}
            unknown |= set(given) - known
            for name in known & set(given):
                _check_type(group.name, name, getattr(section, name), given[name])
            sections[group.name] = dataclasses.replace(section, **{k: v for k, v in given.items() if k in known})
        if unknown:
            raise InputError(f"The configuration has settings this version does not know: {sorted(unknown)}")
        return cls(**sections)

    def stamp(self, *sections: str) -> dict[str, Any]:
        """The settings of these sections that change results, by name: what an artifact records and is checked by."""
        return {
            item.name: getattr(getattr(self, section), item.name)
            for section in sections
            for item in dataclasses.fields(getattr(self, section))
            if not item.metadata["free"]
        }

    @property
    def total_steps(self) -> int:
        """Training steps of all rounds."""
        return self.training.rounds * self.training.steps_per_round

    def fixed_k0(self) -> int | None:
        """K0 if it was given as a number; None for auto."""
        return None if self.selection.k0 == "auto" else int(self.selection.k0)

    def eval_sides(self) -> tuple[int, ...]:
        """The sides of dense evaluation that were given, as numbers."""
        given = self.evaluation.eval_scales
        if not all(text.isdecimal() and 1 <= int(text) <= 8192 for text in given):
            raise InputError(f"--eval_scales must be sides in pixels, from 1 to 8192. Received: {', '.join(given)}")
        return tuple(int(text) for text in given)

    def profiled_steps(self) -> range:
        """The steps of the run that --profile names, empty when it is off.

        Raises:
            InputError: it is not START:STOP with 0 <= START < STOP, or the run has no such steps.
        """
        given = self.monitor.profile
        if not given:
            return range(0)
        found = re.fullmatch(r"(\d{1,10}):(\d{1,10})", given, re.ASCII)
        if not found or int(found[1]) >= int(found[2]):
            raise InputError(f"--profile must be START:STOP, two step numbers such as 20:25. Received: {given!r}")
        if int(found[2]) > self.total_steps:
            raise InputError(
                f"--profile={given} goes beyond the {self.total_steps} steps of the run (--rounds x --steps_per_round)"
            )
        return range(int(found[1]), int(found[2]))

    def fold(self) -> tuple[int, int] | None:
        """Number (from 1) and count of --validation_fold; None when it is off.

        Raises:
            InputError: it is not I/K with 1 <= I <= K and K from 2.
        """
        given = self.data.validation_fold
        if not given:
            return None
        found = re.fullmatch(r"(\d{1,4})/(\d{1,4})", given, re.ASCII)
        if not found or not 1 <= int(found[1]) <= int(found[2]) or int(found[2]) < 2:
            raise InputError(f"--validation_fold must be I/K, such as 1/3: fold I of K. Received: {given!r}")
        return int(found[1]), int(found[2])

    def validate(self) -> RunConfig:
        """Checks every setting that can be judged without looking at the data; returns self.

        Raises:
            InputError: names the flag, what came and what was expected.
        """
        for group in dataclasses.fields(self):
            for item in dataclasses.fields(getattr(self, group.name)):
                _check(item, getattr(getattr(self, group.name), item.name))
        if not self.data.target:
            raise InputError("--target is missing: say which images to learn, e.g. --target=folder:PATH")
        if self.selection.selector != "none" and not self.data.source:
            raise InputError(
                f"--selector={self.selection.selector} borrows images, but no --source was given. "
                "Give one (e.g. --source=folder:PATH), or --selector=none for plain fine-tuning."
            )
        self.fold()
        if self.data.exclude_leaks and not self.data.audit:
            raise InputError("--exclude_leaks needs the audit that --noaudit turns off: leave one of the two out")
        if self.selection.k0 != "auto" and not re.fullmatch("0*[1-9][0-9]{0,9}", self.selection.k0):
            raise InputError(f"--k0 must be a number from 1 or auto. Received: {self.selection.k0[:99]!r}")
        self._check_pruning()
        self._check_features()
        if self.model.reset_from and self.model.weights == "none":
            raise InputError("--reset_from keeps the first layers of --weights, but --weights=none has none to keep")
        if self.training.warmup_steps >= self.total_steps:
            raise InputError(
                f"--warmup_steps must be below the {self.total_steps} steps of the run (--rounds x --steps_per_round). "
                f"Received: {self.training.warmup_steps}"
            )
        self.profiled_steps()
        view = self.view
        if view.resize < view.image_size:
            raise InputError(f"--image_size={view.image_size} is cut from --resize={view.resize}, which is smaller")
        if view.resize_max and view.resize_max < view.resize:
            raise InputError(f"--resize_max={view.resize_max} is below --resize={view.resize}")
        if self.evaluation.eval_views == "ten_crop" and view.resize == view.image_size:
            raise InputError(
                f"--eval_views=ten_crop cuts windows of --image_size={view.image_size} from --resize={view.resize}: "
                "they would all be the same. Take --eval_views=dense, or a larger --resize"
            )
        if self.evaluation.eval_scales and self.evaluation.eval_views != "dense":
            raise InputError(f"--eval_scales is for --eval_views=dense. Received: {self.evaluation.eval_views}")
        self.eval_sides()
        if self.augmentation.cutout > 2 * view.image_size:
            raise InputError(
                f"--cutout={self.augmentation.cutout} always hides the whole image of --image_size={view.image_size}"
            )
        if self.retrieval.descriptor_crop > self.retrieval.descriptor_resize:
            raise InputError(
                f"--descriptor_crop={self.retrieval.descriptor_crop} is cut from "
                f"--descriptor_resize={self.retrieval.descriptor_resize}, which is smaller"
            )
        self._check_distribution()
        return self

    def _check_distribution(self) -> None:
        strategy = self.distribution.strategy
        if self.distribution.logical_cpus > 1 and strategy != "mirrored":
            raise InputError(f"--logical_cpus needs --strategy=mirrored. Received: --strategy={strategy}")
        if strategy == "none":
            return
        if strategy == "multi_worker" and self.data.prune_target:
            raise InputError("--prune_target works in one process: run scripts/prune.py first, then give --target_rows")
        # The loss scale of Keras 3 cannot be changed by several replicas, and XLA compiles a step for one of them.
        if self.training.jit or self.model.precision == "float16":
            what = "--jit" if self.training.jit else "--precision=float16"
            raise InputError(f"{what} works on one device. Leave it out, or --strategy={strategy}.")

    def _check_features(self) -> None:
        """Both that look at images through the starting trunk: neighbors by its features, and class importance."""
        retrieval, by_class = self.retrieval, self.selection.selector == "class_importance"
        by_features = retrieval.bank == "features"
        if self.selection.selector == "none" or not (by_features or by_class):
            return
        which = "--selector=class_importance" if by_class else "--bank=features"
        if self.model.weights == "none":
            raise InputError(
                f"{which} looks at images through the trunk's --weights, and --weights=none is random: its features "
                "mean nothing. Give weights, or choose neighbors by a filter bank such as --bank=gabor."
            )
        if not by_features:
            return
        wrong = {
            "--search=approximate": retrieval.search != "exact",
            "--keep_descriptors": retrieval.keep_descriptors,
            "--reduced_decoding": retrieval.reduced_decoding,
            "--bank_layers": bool(retrieval.bank_layers),
            "--bank_weights": bool(retrieval.bank_weights),
        }
        for flag, given in wrong.items():
            if given:
                raise InputError(
                    f"{flag} is for filter banks; --bank=features has no descriptors. Leave one of them out."
                )

    def _check_pruning(self) -> None:
        prune = self.prune
        if self.data.prune_target and self.data.target_rows:
            raise InputError("--prune_target chooses images that --target_rows has chosen already: give one of the two")
        if prune.cross_fit in (1, 2):
            raise InputError(f"--cross_fit must be 0 (off) or at least 3 folds. Received: {prune.cross_fit}")
        if not prune.influence_layers and prune.solver in ("lissa", "arnoldi"):
            raise InputError(f"--solver={prune.solver} is for --influence_layers; the convex head has direct and cg")
        if prune.influence_layers and (prune.solver == "direct" or prune.cross_fit or prune.drop_confidence):
            raise InputError(
                "--influence_layers goes with --solver=cg, lissa or arnoldi, and without --cross_fit and "
                "--drop_confidence, which would need as many solves as there are folds or validation images"
            )
        if prune.cross_fit and prune.drop_confidence:
            raise InputError(
                "--drop_confidence resamples one validation set; --cross_fit has none: leave one of them out"
            )
        if prune.prune_by != "influence" and (prune.focus_class or prune.influence_layers or prune.drop_confidence):
            raise InputError(
                f"--prune_by={prune.prune_by} knows no --focus_class, --influence_layers and --drop_confidence"
            )


def _check_type(section: str, name: str, default: Any, value: Any) -> None:
    # The default's type is the field's; lists are lists of text.
    form: Any = [str] if isinstance(default, list) else type(default)
    if (reason := mismatch(value, form, f"The setting {section}.{name}")) is not None:
        raise InputError(f"{reason}. Take the config.json of a run, or start a new --workdir.")


def _check(item: dataclasses.Field, value: Any) -> None:
    choices, limits = item.metadata["choices"], item.metadata["limits"]
    default = item.default if item.default is not dataclasses.MISSING else []
    # Not everything comes through flags: config.json and comparisons bring values of any type.
    allowed = (int, float) if isinstance(default, float) else type(default)
    texts = value if isinstance(value, list) else [value] if isinstance(value, str) else []
    if (
        not isinstance(value, allowed)
        or (isinstance(value, bool) and not isinstance(default, bool))
        or not all(isinstance(text, str) and "\0" not in text for text in texts)
    ):
        kind = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
        raise InputError(
            f"--{item.name} must be {kind.get(type(default), 'a list of texts')}. Received: {value!r:.200}"
        )
    if choices and value not in choices:
        raise InputError(f"--{item.name} must be one of {', '.join(choices)}. Received: {value!r}")
    if limits and not limits[0] <= value <= limits[1]:
        raise InputError(f"--{item.name} must be between {limits[0]} and {limits[1]}. Received: {value}")
