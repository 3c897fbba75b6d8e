"""The sections of a run's settings: every field carries its default, the text of its flag and what it may be.

Defaults are those of the paper (Ge & Yu 2017, section 4) where it names one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

LARGE = 10**9


def option(
    default: Any,
    text: str,
    choices: tuple[str, ...] = (),
    limits: tuple[float, float] | None = None,
    free: bool = False,
) -> Any:
    """A dataclass field that carries the text of its flag and its limits; lists get a fresh copy per instance.

    Args:
        default: its type is the flag's.
        text: the flag's help.
        choices: what a text may be; empty for anything.
        limits: smallest and largest value of a number, both allowed.
        free: changes no result, so that it may differ from one start of a run to the next.
    """
    metadata = {"help": text, "choices": choices, "limits": limits, "free": free}
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

    image_size: int = option(224, "side of the network's input in pixels (a square crop)", limits=(1, 8192))
    resize: int = option(256, "images are resized to this square before the crop", limits=(1, 8192))
    resize_max: int = option(
        0, "training draws the side before the crop between --resize and this; 0: always --resize", limits=(0, 8192)
    )
    pad: int = option(
        0, "training pads the resized image by so many reflected pixels, so that the crop can shift", limits=(0, 4096)
    )
    mirror: bool = option(True, "training mirrors every second image")


@dataclass(frozen=True)
class RetrievalConfig:
    """How likeness is measured, and how many neighbors are kept."""

    bank: str = option("gabor", "filter bank: gabor, alexnet, squeezenet_conv1, keras:NAME or model:PATH")
    bank_layers: list[str] = option([], "layers of a keras: or model: bank; give the flag again for more")
    bank_weights: str = option("", "local weight file of the bank, or imagenet for a keras: bank")
    bank_before_nonlinearity: bool = option(True, "read the layers before their nonlinearity, as the authors' code")
    descriptor_resize: int = option(256, "images are resized to this square for the filter bank", limits=(1, 8192))
    descriptor_crop: int = option(224, "and cropped in the middle to this one", limits=(1, 8192))
    bins: int = option(100, "bins of each filter's histogram, of equal mass over the target", limits=(2, 65535))
    max_neighbors: int = option(5000, "longest ranked list kept for a target image", limits=(1, LARGE))
    reduced_decoding: bool = option(
        False, "let the decoder shrink JPEG images at least twice --descriptor_resize: faster, descriptors change a bit"
    )
    keep_descriptors: bool = option(
        False, "keep the source's descriptors: 2 bytes x bins x filters x source images", free=True
    )
    search: str = option(
        "exact",
        "approximate finds nearly all neighbors from kept descriptors, and says how many",
        ("exact", "approximate"),
    )
    search_candidates: float = option(
        1.5, "search=approximate: rank this many times K images exactly", limits=(1.0, 1e6)
    )
    search_memory_mb: int = option(
        0, "most memory of the search in MiB, beside decoding and filters; 0: no limit", limits=(0, LARGE), free=True
    )
    checkpoint_images: int = option(
        20000, "write down a search in progress every so many source images", limits=(1, LARGE), free=True
    )


@dataclass(frozen=True)
class SelectionConfig:
    """Which images are borrowed, and how that grows."""

    selector: str = option("nearest", "what to borrow; none is plain fine-tuning", ("nearest", "random", "all", "none"))
    k0: str = option("auto", "neighbors each target image begins with: a number, or auto (see --source_share)")
    source_share: float = option(
        0.15, "k0=auto: the smallest K0 whose union is this share of the source", limits=(1e-9, 1.0)
    )
    delta: float = option(0.1, "entropy in nats from which a right prediction counts as uncertain", limits=(0.0, 1e3))
    wrong_growth: int = option(4, "after a round, a wrong image's K grows by this many times K0", limits=(0, 1000))
    uncertain_growth: int = option(2, "and an uncertain image's by this many", limits=(0, 1000))
    least_sample_per_class: int = option(
        0, "source classes with fewer picked images are left out of the union", limits=(0, LARGE)
    )


@dataclass(frozen=True)
class ModelConfig:
    """The network."""

    trunk: str = option("ResNet152V2", "a keras.applications name, or preact_resnet for small images")
    weights: str = option("imagenet", "the trunk's weights: imagenet, none or a local file")
    alpha: float = option(0.0, "width multiplier of the MobileNets; 0: the family's own default", limits=(0.0, 10.0))
    depth: int = option(20, "preact_resnet: layers, 6n + 2", limits=(8, 10000))
    width: int = option(16, "preact_resnet: channels of the first stage", limits=(1, 65536))
    dropout: float = option(0.0, "dropout between trunk and heads", limits=(0.0, 0.99))
    precision: str = option(
        "float32",
        "what the trunk computes in; weights, heads and losses stay float32",
        ("float32", "bfloat16", "float16"),
    )
    freeze: str = option(
        "", "train nothing of the trunk up to here: trunk, how many layers, or a layer's or stage's name such as conv3"
    )
    freeze_batch_norm: bool = option(False, "batch normalization keeps its statistics, scales and shifts")
    batch_norm_momentum: float = option(
        0.0, "momentum of the moving statistics; 0: suited to the run's length", limits=(0.0, 0.99999)
    )


@dataclass(frozen=True)
class TrainingConfig:
    """How the network is trained."""

    rounds: int = option(5, "fits, with hard-sample scoring and neighbor expansion between them", limits=(1, 1000))
    steps_per_round: int = option(3200, "training steps of each round", limits=(1, LARGE))
    batch_size: int = option(10, "target images a step; as many source images come beside them", limits=(1, 65536))
    optimizer: str = option("sgd", "sgd (momentum, coupled L2), adam, adamw, or tfa:NAME on the addons stack")
    learning_rate: float = option(0.01, "initial learning rate", limits=(1e-12, 1e3))
    schedule: str = option("step", "learning rate over the global step", ("step", "cosine", "constant"))
    decay_steps: int = option(
        0, "schedule=step: divide the rate by 10 every so many steps; 0: a quarter of the run", limits=(0, LARGE)
    )
    warmup_steps: int = option(0, "steps over which the rate rises linearly from zero", limits=(0, LARGE))
    accumulate: int = option(
        1, "batches whose gradients are added up before one step (the paper: 10 of 10 + 10 images)", limits=(1, 10000)
    )
    layer_rate: list[str] = option(
        [], "PLACE:FACTOR on the rate of the trunk up to PLACE (as --freeze names it), e.g. trunk:0.1; may be repeated"
    )
    clip_norm: float = option(0.0, "largest norm of the whole gradient; 0 does not clip", limits=(0.0, 1e9))
    label_smoothing: float = option(0.0, "share of the wanted probability spread over all classes", limits=(0.0, 0.99))
    l2_sp: float = option(
        0.0,
        "L2 of the trunk's kernels toward their starting values, in place of --weight_decay there",
        limits=(0.0, 1e3),
    )
    average_weights: float = option(
        0.0, "momentum of a moving average of the weights, which is then what is scored and kept", limits=(0.0, 0.99999)
    )
    recompute_batch_norm: int = option(
        0, "after each round, make the moving statistics anew over so many batches", limits=(0, LARGE)
    )
    jit: bool = option(False, "compile the training step with XLA")
    momentum: float = option(0.9, "momentum of sgd", limits=(0.0, 0.99999))
    weight_decay: float = option(1e-4, "L2 on weights (not on biases and batch norms)", limits=(0.0, 1e3))
    target_weight: float = option(
        0.5, "weight of the target loss beside a source; alone it counts whole", limits=(0.0, 1e3)
    )
    source_weight: float = option(0.5, "weight of the source loss", limits=(0.0, 1e3))
    eval_batch_size: int = option(128, "images a step in scoring and evaluation", limits=(1, 65536), free=True)
    steps_per_execution: int = option(
        1, "steps run in one call of the compiled loop: more is faster on small networks", limits=(1, 10000), free=True
    )
    seed: int = option(0, "seed of weights, batches, augmentation and random selection", limits=(0, 2**31 - 1))
    deterministic: bool = option(
        False, "bit-equal results for the same seed and machine, at some cost in speed", free=True
    )


@dataclass(frozen=True)
class MonitorConfig:
    """What TensorBoard gets beside the curves; changes no result."""

    profile: str = option(
        "", "START:STOP writes a profiler trace of these steps of the run, from 0, STOP not included", free=True
    )
    projector_images: int = option(
        2000,
        "most training, validation and test images in TensorBoard's projector; 0: none",
        limits=(0, 8192),
        free=True,
    )
