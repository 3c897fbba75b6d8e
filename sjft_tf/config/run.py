"""All settings of a run together: what of several sections has to go together, and the round trip through JSON."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

from sjft_tf.catalog import PREACT_RESNET, TABLE_SELECTORS, WEIGHT_SELECTORS, check_form, check_trunk, trunk_called
from sjft_tf.config.augmentation import AugmentationConfig
from sjft_tf.config.checkpoints import CheckpointConfig
from sjft_tf.config.data import DataConfig
from sjft_tf.config.distribution import DistributionConfig
from sjft_tf.config.engine import EngineConfig
from sjft_tf.config.evaluation import EvaluationConfig
from sjft_tf.config.model import ModelConfig
from sjft_tf.config.monitor import MonitorConfig
from sjft_tf.config.option import Section, Setting
from sjft_tf.config.pruning import PruneConfig
from sjft_tf.config.retrieval import RetrievalConfig
from sjft_tf.config.selection import SelectionConfig
from sjft_tf.config.training import CO_TUNING, RELATED, TrainingConfig
from sjft_tf.config.view import ViewConfig
from sjft_tf.errors import InputError
from sjft_tf.schema import mismatch
from sjft_tf.weight_files import check_weight_file


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
    engine: EngineConfig = field(default_factory=EngineConfig)
    prune: PruneConfig = field(default_factory=PruneConfig)
    monitor: MonitorConfig = field(default_factory=MonitorConfig)

    def to_json(self) -> dict[str, dict[str, Setting]]:
        """Nested dictionaries of plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Mapping[str, Setting]]) -> RunConfig:
        """The inverse of `to_json`; fields of an older version that are missing take their defaults.

        Raises:
            InputError: a field this version does not know, or a value of the wrong type.
        """
        if (reason := mismatch(value, {"*": dict}, "The configuration")) is not None:
            raise InputError(f"{reason}. Take the config.json of a run.")
        config = cls()
        unknown = set(value) - {group.name for group in dataclasses.fields(cls)}
        for group in dataclasses.fields(cls):
            section = getattr(config, group.name)
            given = value.get(group.name, {})
            known = {f.name for f in dataclasses.fields(section)}
            unknown |= set(given) - known
            for name in known & set(given):
                _check_type(group.name, name, getattr(section, name), given[name])
            config = config.replace(group.name, **{k: v for k, v in given.items() if k in known})
        if unknown:
            raise InputError(f"The configuration has settings this version does not know: {sorted(unknown)}")
        return config

    def stamp(self, *sections: str) -> dict[str, Setting]:
        """The settings of these sections that change results, by name: what an artifact records and is checked by."""
        return {
            item.name: value
            for section in sections
            for item, value in _values(getattr(self, section))
            if not (item.metadata["free"] or (item.metadata["later"] and value == item.default))
        }

    def replace(self, section: str, **values: Setting) -> RunConfig:
        """A copy with other values in one of its sections; not validated.

        Raises:
            InputError: there is no such section or setting.

        Example:
            >>> RunConfig().replace("training", seed=1).training.seed
            1
        """
        if section not in {item.name for item in dataclasses.fields(self)}:
            raise InputError(f"The settings have no section {section}")
        known = {item.name for item in dataclasses.fields(getattr(self, section))}
        if unknown := set(values) - known:
            raise InputError(f"Section {section} of the settings has no {', '.join(sorted(unknown))}")
        return dataclasses.replace(self, **{section: dataclasses.replace(getattr(self, section), **values)})

    def with_settings(self, **values: Setting) -> RunConfig:
        """A copy with other values of these settings, of whatever section: their names are those of the flags.

        Raises:
            InputError: there is no such setting; says which name is near.

        Example:
            >>> RunConfig().with_settings(k0="100", rounds=3).training.rounds
            3
        """
        home = {
            item.name: section.name
            for section in dataclasses.fields(self)
            for item in dataclasses.fields(getattr(self, section.name))
        }
        config = self
        for name, value in values.items():
            if name not in home:
                near = difflib.get_close_matches(name, home, 1)
                raise InputError(f"There is no setting {name!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
            config = config.replace(home[name], **{name: value})
        return config

    @property
    def co_tuning(self) -> float:
        """Weight of Co-Tuning, if the source's classes tell the target's; of --co_tuning=auto what it stands for."""
        given = self.training.fixed_co_tuning()
        if given is not None:
            return given
        if self.training.co_tuning == RELATED:
            return CO_TUNING
        chooses = self.selection.selector == "auto" and bool(self.data.source)
        return CO_TUNING if chooses and self._starts_with_features else 0.0

    @property
    def _starts_with_features(self) -> bool:
        return self.model.weights != "none" or self.model.adapt_steps > 0

    @property
    def learns_source(self) -> bool:
        """Whether the model has a head for the source: images of it are borrowed, or its classes taught."""
        return self.borrows or self.co_tuning > 0

    @property
    def uses_source(self) -> bool:
        """Whether anything depends on the source's images."""
        return self.learns_source or self.model.adapt_steps > 0

    def sections(self) -> list[Section]:
        """All sections, in order."""
        return [getattr(self, item.name) for item in dataclasses.fields(self)]

    def validate(self) -> RunConfig:
        """Checks every setting that can be judged without looking at the data; returns self.

        Raises:
            InputError: names the flag, what came and what was expected.
        """
        for section in self.sections():
            section.check_fields()
        for section in self.sections():
            section.check()
        self._check_source()
        self._check_views()
        self._check_mixing()
        self._check_features()
        self._check_distribution()
        self.monitor.profiled_steps(self.training.total_steps)
        return self

    def check_network(self) -> None:
        """What a program that builds the trunk asks further, judged without building it.

        Raises:
            InputError: the trunk is not to be had with these options, this image size or these weights.
        """
        model = self.model
        check_trunk(model.trunk, self.view.image_size, model.weights, model.alpha or None)
        if trunk_called(model.trunk) == PREACT_RESNET:
            check_form(model.depth, model.width)
        if model.weights not in ("none", "imagenet"):
            check_weight_file(model.weights)

    @property
    def may_search(self) -> bool:
        """Whether neighbors are searched for, or may turn out to be."""
        selector = self.selection.selector
        return selector in TABLE_SELECTORS or (selector == "auto" and self.borrows)

    def check_bank(self) -> None:
        """What a program that searches asks further: that the bank, where one is needed, gets its layers and weights.

        Raises:
            InputError: see `catalog.check_bank`.
        """
        if self.may_search:
            self.retrieval.check_bank()

    @property
    def borrows(self) -> bool:
        """Whether there are source images to draw from."""
        return self.selection.selector != "none" and bool(self.data.source)

    def _check_source(self) -> None:
        training, model = self.training, self.model
        if self.co_tuning and not self._starts_with_features:
            raise InputError(
                "--co_tuning looks at images through the trunk's --weights, and --weights=none is random: its features "
                "mean nothing. Give weights, or leave --co_tuning out."
            )
        asked: dict[str, float] = {f"--co_tuning={training.co_tuning}": self.co_tuning}
        asked |= {f"--adapt_steps={model.adapt_steps}": model.adapt_steps}
        for flag, value in asked.items():
            if value and not self.data.source:
                raise InputError(
                    f"{flag} learns from the source, but no --source was given. "
                    "Give one (e.g. --source=folder:PATH), or leave the flag out."
                )
        if self.selection.selector not in ("none", "auto") and not self.data.source:
            raise InputError(
                f"--selector={self.selection.selector} borrows images, but no --source was given. "
                "Give one (e.g. --source=folder:PATH), or --selector=none for plain fine-tuning."
            )

    def _check_views(self) -> None:
        view = self.view
        if self.evaluation.eval_views == "ten_crop" and view.resize == view.image_size:
            raise InputError(
                f"--eval_views=ten_crop cuts windows of --image_size={view.image_size} from --resize={view.resize}: "
                "they would all be the same. Take --eval_views=dense, or a larger --resize"
            )
        if self.augmentation.cutout > 2 * view.image_size:
            raise InputError(
                f"--cutout={self.augmentation.cutout} always hides the whole image of --image_size={view.image_size}"
            )

    def _check_mixing(self) -> None:
        if self.augmentation.mixes and self.training.batch_size < 2:
            raise InputError(
                "--mixup and --cutmix mix target images of a batch with each other, and --batch_size=1 has no two. "
                "Take a larger one, or leave them out"
            )

    def _check_distribution(self) -> None:
        strategy = self.distribution.strategy
        if strategy == "none":
            return
        if strategy == "multi_worker" and self.data.prune_target:
            raise InputError("--prune_target works in one process: run scripts/prune.py first, then give --target_rows")
        # The loss scale of Keras 3 cannot be changed by several replicas, and XLA compiles a step for one of them.
        if self.training.jit or self.model.precision == "float16":
            what = "--jit" if self.training.jit else "--precision=float16"
            raise InputError(f"{what} works on one device. Leave it out, or --strategy={strategy}.")

    def _check_features(self) -> None:
        """Both that look at images through the starting trunk: neighbors by its features, and weights of the source."""
        retrieval, by_weight = self.retrieval, self.selection.selector in WEIGHT_SELECTORS
        by_features = retrieval.bank == "features"
        if self.selection.selector == "none" or not (by_features or by_weight):
            return
        which = f"--selector={self.selection.selector}" if by_weight else "--bank=features"
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


def _values(section: Section) -> list[tuple[dataclasses.Field[Setting], Setting]]:
    return [(item, getattr(section, item.name)) for item in dataclasses.fields(section)]  # type: ignore[arg-type]


def _check_type(section: str, name: str, default: Setting, value: object) -> None:
    # The default's type is the field's; lists are lists of text.
    form = [str] if isinstance(default, list) else type(default)
    if (reason := mismatch(value, form, f"The setting {section}.{name}")) is not None:
        raise InputError(f"{reason}. Take the config.json of a run, or start a new --workdir.")
