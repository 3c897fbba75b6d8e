"""Every setting of a run, with its default and the reason for it; flags are made from these fields in scripts/.

Defaults are those of the paper (Ge & Yu 2017, section 4) where it names one.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from sjft_tf.errors import InputError


def option(default: Any, text: str, choices: tuple[str, ...] = ()) -> Any:
    """A dataclass field that carries the text of its flag; lists get a fresh copy per instance."""
    metadata = {"help": text, "choices": choices}
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class DataConfig:
    """Which images."""

    target: str = option("", "target training images, e.g. folder:PATH or folder:PATH#train (see README, Image sets)")
    validation: str = option("", "target validation images; found beside --target where it has such a split")
    test: str = option("", "target test images; found beside --target where it has such a split")
    source: list[str] = option([], "images to borrow from; give the flag again for more sets")
    bad_images: str = option("error", "what to do with a file that cannot be decoded", ("error", "skip"))
    audit: bool = option(True, "look for source images that are target images, and warn")
    exclude_leaks: bool = option(False, "leave the source images that the audit finds out of the source")


@dataclass(frozen=True)
class ViewConfig:
    """How an image becomes the network's input, in training and in evaluation."""

    image_size: int = option(224, "side of the network's input in pixels (a square crop)")
    resize: int = option(256, "images are resized to this square before the crop")
    resize_max: int = option(0, "training draws the side before the crop between --resize and this; 0: always --resize")
    pad: int = option(0, "training pads the resized image by so many reflected pixels, so that the crop can shift")
    mirror: bool = option(True, "training mirrors every second image")


@dataclass(frozen=True)
class RetrievalConfig:
    """How likeness is measured, and how many neighbors are kept."""

    bank: str = option("gabor", "filter bank: gabor, alexnet, squeezenet_conv1, keras:NAME or model:PATH")
    bank_layers: list[str] = option([], "layers of a keras: or model: bank; give the flag again for more")
    bank_weights: str = option("", "local weight file of the bank, or imagenet for a keras: bank")
    bank_before_nonlinearity: bool = option(True, "read the layers before their nonlinearity, as the authors' code")
    descriptor_resize: int = option(256, "images are resized to this square for the filter bank")
    descriptor_crop: int = option(224, "and cropped in the middle to this one")
    bins: int = option(100, "bins of each filter's histogram, of equal mass over the target")
    max_neighbors: int = option(5000, "longest ranked list kept for a target image")
    reduced_decoding: bool = option(
        False, "let the decoder shrink JPEG images at least twice --descriptor_resize: faster, descriptors change a bit"
    )
    keep_descriptors: bool = option(False, "keep the source's descriptors: 2 bytes x bins x filters x source images")
    search: str = option(
        "exact",
        "approximate finds nearly all neighbors from kept descriptors, and says how many",
        ("exact", "approximate"),
    )
    search_candidates: float = option(1.5, "search=approximate: rank this many times K images exactly")
    search_memory_mb: int = option(0, "most memory of the search in MiB, beside decoding and filters; 0: no limit")
    checkpoint_images: int = option(20000, "write down a search in progress every so many source images")


@dataclass(frozen=True)
class SelectionConfig:
    """Which images are borrowed, and how that grows."""

    selector: str = option("nearest", "what to borrow; none is plain fine-tuning", ("nearest", "random", "all", "none"))
    k0: str = option("auto", "neighbors each target image begins with: a number, or auto (see --source_share)")
    source_share: float = option(0.15, "k0=auto: the smallest K0 whose union is this share of the source")
    delta: float = option(0.1, "entropy in nats from which a right prediction counts as uncertain")
    wrong_growth: int = option(4, "after a round, a wrong image's K grows by this many times K0")
    uncertain_growth: int = option(2, "and an uncertain image's by this many")
    least_sample_per_class: int = option(0, "source classes with fewer picked images are left out of the union")


@dataclass(frozen=True)
class ModelConfig:
    """The network."""

    trunk: str = option("ResNet152V2", "a keras.applications name, or preact_resnet for small images")
    weights: str = option("imagenet", "the trunk's weights: imagenet, none or a local file")
    alpha: float = option(0.0, "width multiplier of the MobileNets; 0: the family's own default")
    depth: int = option(20, "preact_resnet: layers, 6n + 2")
    width: int = option(16, "preact_resnet: channels of the first stage")
    dropout: float = option(0.0, "dropout between trunk and heads")
    batch_norm_momentum: float = option(0.0, "momentum of the moving statistics; 0: suited to the run's length")


@dataclass(frozen=True)
class TrainingConfig:
    """How the network is trained."""

    rounds: int = option(5, "fits, with hard-sample scoring and neighbor expansion between them")
    steps_per_round: int = option(3200, "training steps of each round")
    batch_size: int = option(10, "target images a step; as many source images come beside them")
    optimizer: str = option("sgd", "sgd (momentum, coupled L2), adam, adamw, or tfa:NAME on the addons stack")
    learning_rate: float = option(0.01, "initial learning rate")
    schedule: str = option("step", "learning rate over the global step", ("step", "cosine", "constant"))
    decay_steps: int = option(0, "schedule=step: divide the rate by 10 every so many steps; 0: a quarter of the run")
    warmup_steps: int = option(0, "steps over which the rate rises linearly from zero")
    momentum: float = option(0.9, "momentum of sgd")
    weight_decay: float = option(1e-4, "L2 on weights (not on biases and batch norms)")
    target_weight: float = option(0.5, "weight of the target loss beside a source; alone it counts whole")
    source_weight: float = option(0.5, "weight of the source loss")
    eval_batch_size: int = option(128, "images a step in scoring and evaluation")
    steps_per_execution: int = option(1, "steps run in one call of the compiled loop: more is faster on small networks")
    seed: int = option(0, "seed of weights, batches, augmentation and random selection")
    deterministic: bool = option(False, "bit-equal results for the same seed and machine, at some cost in speed")


@dataclass(frozen=True)
class RunConfig:
    """All settings of one run."""

    data: DataConfig = field(default_factory=DataConfig)
    view: ViewConfig = field(default_factory=ViewConfig)
    retrieval: RetrievalConfig = field(default_factory=RetrievalConfig)
    selection: SelectionConfig = field(default_factory=SelectionConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def to_json(self) -> dict[str, Any]:
        """Nested dictionaries of plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> RunConfig:
        """The inverse of `to_json`; fields of an older version that are missing take their defaults.

        Raises:
            InputError: a field this version does not know.
        """
        sections: dict[str, Any] = {}
        unknown = set(value) - {group.name for group in dataclasses.fields(cls)}
        for group in dataclasses.fields(cls):
            section: Any = group.default_factory()  # type: ignore[misc, operator]
            given = value.get(group.name, {})
            known = {f.name for f in dataclasses.fields(section)}
            unknown |= set(given) - known
            sections[group.name] = dataclasses.replace(section, **{k: v for k, v in given.items() if k in known})
        if unknown:
            raise InputError(f"The configuration has settings this version does not know: {sorted(unknown)}")
        return cls(**sections)

    @property
    def total_steps(self) -> int:
        """Training steps of all rounds."""
        return self.training.rounds * self.training.steps_per_round

    def fixed_k0(self) -> int | None:
        """K0 if it was given as a number; None for auto."""
        return None if self.selection.k0 == "auto" else int(self.selection.k0)

    def validate(self) -> RunConfig:
        """Checks every setting that can be judged without looking at the data; returns self.

        Raises:
            InputError: names the flag, what came and what was expected.
        """
        if not self.data.target:
            raise InputError("--target is missing: say which images to learn, e.g. --target=folder:PATH")
        if self.selection.selector != "none" and not self.data.source:
            raise InputError(
                f"--selector={self.selection.selector} borrows images, but no --source was given. "
                "Give one (e.g. --source=folder:PATH), or --selector=none for plain fine-tuning."
            )
        if self.data.exclude_leaks and not self.data.audit:
            raise InputError("--exclude_leaks needs the audit that --noaudit turns off: leave one of the two out")
        if self.selection.k0 != "auto" and not (self.selection.k0.isdecimal() and int(self.selection.k0) > 0):
            raise InputError(f"--k0 must be a number from 1 or auto. Received: {self.selection.k0!r}")
        for section, name, low, high in _RANGES:
            value = getattr(getattr(self, section), name)
            if not low <= value <= high:
                raise InputError(f"--{name} must be between {low} and {high}. Received: {value}")
        for group in dataclasses.fields(self):
            part = getattr(self, group.name)
            for item in dataclasses.fields(part):
                choices = item.metadata["choices"]
                if choices and getattr(part, item.name) not in choices:
                    raise InputError(
                        f"--{item.name} must be one of {', '.join(choices)}. Received: {getattr(part, item.name)!r}"
                    )
        if self.training.warmup_steps >= self.total_steps:
            raise InputError(
                f"--warmup_steps must be below the {self.total_steps} steps of the run (--rounds x --steps_per_round). "
                f"Received: {self.training.warmup_steps}"
            )
        view = self.view
        if view.resize < view.image_size:
            raise InputError(f"--image_size={view.image_size} is cut from --resize={view.resize}, which is smaller")
        if view.resize_max and view.resize_max < view.resize:
            raise InputError(f"--resize_max={view.resize_max} is below --resize={view.resize}")
        if self.retrieval.descriptor_crop > self.retrieval.descriptor_resize:
            raise InputError(
                f"--descriptor_crop={self.retrieval.descriptor_crop} is cut from "
                f"--descriptor_resize={self.retrieval.descriptor_resize}, which is smaller"
            )
        return self


_LARGE = 10**9
_RANGES: tuple[tuple[str, str, float, float], ...] = (
    ("view", "image_size", 1, 8192),
    ("view", "resize", 1, 8192),
    ("view", "resize_max", 0, 8192),
    ("view", "pad", 0, 4096),
    ("retrieval", "bins", 2, 65535),
    ("retrieval", "descriptor_resize", 1, 8192),
    ("retrieval", "descriptor_crop", 1, 8192),
    ("retrieval", "max_neighbors", 1, _LARGE),
    ("retrieval", "search_candidates", 1.0, 1e6),
    ("retrieval", "search_memory_mb", 0, _LARGE),
    ("retrieval", "checkpoint_images", 1, _LARGE),
    ("selection", "source_share", 1e-9, 1.0),
    ("selection", "delta", 0.0, 1e3),
    ("selection", "wrong_growth", 0, 1000),
    ("selection", "uncertain_growth", 0, 1000),
    ("selection", "least_sample_per_class", 0, _LARGE),
    ("model", "alpha", 0.0, 10.0),
    ("model", "depth", 8, 10000),
    ("model", "width", 1, 65536),
    ("model", "dropout", 0.0, 0.99),
    ("model", "batch_norm_momentum", 0.0, 0.99999),
    ("training", "rounds", 1, 1000),
    ("training", "steps_per_round", 1, _LARGE),
    ("training", "batch_size", 1, 65536),
    ("training", "learning_rate", 1e-12, 1e3),
    ("training", "decay_steps", 0, _LARGE),
    ("training", "warmup_steps", 0, _LARGE),
    ("training", "momentum", 0.0, 0.99999),
    ("training", "weight_decay", 0.0, 1e3),
    ("training", "target_weight", 0.0, 1e3),
    ("training", "source_weight", 0.0, 1e3),
    ("training", "eval_batch_size", 1, 65536),
    ("training", "steps_per_execution", 1, 10000),
    ("training", "seed", 0, 2**31 - 1),
)
