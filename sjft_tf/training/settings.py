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
    validation: str = option(
        "", "target validation images; found beside --target where it has such a split; none: none"
    )
    test: str = option("", "target test images; found beside --target where it has such a split; none: none")
    source: list[str] = option([], "images to borrow from; give the flag again for more sets")
    bad_images: str = option("error", "what to do with a file that cannot be decoded", ("error", "skip"))
    audit: bool = option(True, "look for source images that are target images, and warn")
    exclude_leaks: bool = option(False, "leave the source images that the audit finds out of the source")
    target_rows: str = option("", "train on these target images only: kept.json of scripts/prune.py for this --target")
    per_class: int = option(
        0, "train on so many images of each class of the target, drawn by --seed; 0: all", limits=(0, LARGE)
    )
    holdout_test: float = option(
        0.0, "without test images: share of each class of the target set aside as such", limits=(0.0, 0.9)
    )
    validation_fold: str = option(
        "", "I/K: the target's training images are dealt into K folds, and fold I is for validation"
    )
    source_rows: str = option("", "borrow from these source images only: a file like that of --target_rows")
    prune_target: bool = option(
        False, "drop the target images that hurt before anything else (see scripts/prune.py --help)"
    )


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
class AugmentationConfig:
    """What else is done to training images, of target and source alike; all off by default."""

    jitter_brightness: float = option(0.0, "brightness times 1 plus or minus up to this", limits=(0.0, 1.0))
    jitter_contrast: float = option(0.0, "contrast times 1 plus or minus up to this", limits=(0.0, 1.0))
    jitter_saturation: float = option(0.0, "saturation times 1 plus or minus up to this", limits=(0.0, 1.0))
    jitter_hue: float = option(0.0, "hues move by up to this share of the color circle", limits=(0.0, 0.5))
    rotation: float = option(0.0, "images turn by up to so many degrees", limits=(0.0, 180.0))
    shear: float = option(0.0, "upright lines lean by up to so many degrees", limits=(0.0, 80.0))
    translation: float = option(0.0, "images shift by up to this share of the side", limits=(0.0, 1.0))
    cutout: int = option(0, "side in pixels of a gray square somewhere in the image", limits=(0, 8192))
    randaugment: int = option(0, "RandAugment: operations drawn for each image", limits=(0, 14))
    randaugment_magnitude: float = option(9.0, "and how strong they are, 10 the strongest", limits=(0.0, 10.0))


@dataclass(frozen=True)
class RetrievalConfig:
    """How likeness is measured, and how many neighbors are kept."""

    bank: str = option(
        "gabor",
        "filter bank: gabor, alexnet, squeezenet_conv1, keras:NAME or model:PATH; or features, those of the trunk",
    )
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

    selector: str = option(
        "nearest",
        "what to borrow; none is plain fine-tuning",
        ("nearest", "random", "all", "class_importance", "none"),
    )
    k0: str = option("auto", "neighbors each target image begins with: a number, or auto (see --source_share)")
    source_share: float = option(
        0.15,
        "k0=auto: the smallest K0 whose union is this share of the source; class_importance: size of its pool",
        limits=(1e-9, 1.0),
    )
    delta: float = option(0.1, "entropy in nats from which a right prediction counts as uncertain", limits=(0.0, 1e3))
    wrong_growth: int = option(4, "after a round, a wrong image's K grows by this many times K0", limits=(0, 1000))
    uncertain_growth: int = option(2, "and an uncertain image's by this many", limits=(0, 1000))
    least_sample_per_class: int = option(
        0, "source classes with fewer picked images are left out of the union", limits=(0, LARGE)
    )
    hard_repeats: int = option(
        0, "a target image found wrong or uncertain comes so many more times in a pass over the target", limits=(0, 100)
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
    reset_from: str = option(
        "", "this layer of the trunk and all after it start from random weights, the layers before it from --weights"
    )
    batch_norm_momentum: float = option(
        0.0, "momentum of the moving statistics; 0: suited to the run's length", limits=(0.0, 0.99999)
    )


@dataclass(frozen=True)
class TrainingConfig:
    """How the network is trained."""

    rounds: int = option(5, "fits, with hard-sample scoring and neighbor expansion between them", limits=(1, 1000))
    steps_per_round: int = option(3200, "training steps of each round", limits=(1, LARGE))
    batch_size: int = option(10, "target images a step; as many source images come beside them", limits=(1, 65536))
    max_per_class: int = option(0, "target images of one class in a batch at most; 0: no limit", limits=(0, 65536))
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
    view_cache_mb: int = option(
        256,
        "MiB in which prepared images that are scored every round are kept, as far as they fit",
        limits=(0, LARGE),
        free=True,
    )
    steps_per_execution: int = option(
        1, "steps run in one call of the compiled loop: more is faster on small networks", limits=(1, 10000), free=True
    )
    seed: int = option(0, "seed of weights, batches, augmentation and random selection", limits=(0, 2**31 - 1))
    deterministic: bool = option(
        False, "bit-equal results for the same seed and machine, at some cost in speed", free=True
    )


@dataclass(frozen=True)
class CheckpointConfig:
    """How much of the training is kept on disk."""

    checkpoint_steps: int = option(
        500, "write a checkpoint within a round every so many steps; 0: only the rounds", limits=(0, LARGE), free=True
    )
    keep_checkpoints: int = option(2, "checkpoints within a round that stay, the newest", limits=(1, LARGE), free=True)
    keep_rounds: int = option(
        0,
        "rounds whose weights stay: the last so many, and the best on --validation; 0: all",
        limits=(0, LARGE),
        free=True,
    )


@dataclass(frozen=True)
class EvaluationConfig:
    """What of an image is scored when the figures are made; scoring between rounds always looks at the center crop."""

    eval_views: str = option(
        "center",
        "views averaged for figures: one crop, four corners and center mirrored too, or whole images at several sides",
        ("center", "ten_crop", "dense"),
        free=True,
    )
    eval_scales: list[str] = option(
        [],
        "eval_views=dense: a side in pixels; give the flag again for more; none: --resize and an eighth either way",
        free=True,
    )


@dataclass(frozen=True)
class DistributionConfig:
    """The devices that share a batch; how many they are is part of a round's stamp, and not what they are."""

    strategy: str = option(
        "none",
        "devices: none is one, mirrored all GPUs of this host, multi_worker the processes that TF_CONFIG lists",
        ("none", "mirrored", "multi_worker"),
        free=True,
    )
    logical_cpus: int = option(
        1,
        "strategy=mirrored without GPUs: divide the CPU into so many devices",
        limits=(1, 64),
        free=True,
    )


@dataclass(frozen=True)
class PruneConfig:
    """Which target images hurt, and which of them are dropped."""

    prune_by: str = option(
        "influence",
        "what images are ranked by; confident is cleanlab's choice",
        ("influence", "loss", "confident", "random"),
    )
    focus_class: list[str] = option(
        [], "count the loss on validation images of this class only; give the flag again for more classes"
    )
    holdout: float = option(
        0.1, "without validation images: share of each class's training images held out as such", limits=(1e-9, 0.9)
    )
    cross_fit: int = option(
        0, "score each image by heads that trained neither on it nor on its judges, with so many folds", limits=(0, 100)
    )
    head_l2: float = option(
        0.0, "L2 of the convex head; 0: the strength with the lowest validation loss", limits=(0.0, 1e6)
    )
    influence_layers: list[str] = option(
        [], "influence over these layers of the network, or all; default: a convex head on the frozen trunk"
    )
    curvature: str = option("hessian", "with --influence_layers", ("hessian", "gauss_newton"))
    solver: str = option(
        "auto", "direct: Hessian written out; auto: direct or cg", ("auto", "direct", "cg", "lissa", "arnoldi")
    )
    damping: float = option(
        0.0, "added to the Hessian's diagonal; 0: nothing for the head, 0.01 with --influence_layers", limits=(0.0, 1e6)
    )
    solve_steps: int = option(
        0, "most steps of cg, depth of lissa, dimensions of arnoldi; 0: 1000, 1000, 100", limits=(0, 10**7)
    )
    solve_tolerance: float = option(
        0.0,
        "largest relative residual that is accepted; 0: 1e-8 for the head, else 1e-3 (cg) or 0.1",
        limits=(0.0, 1.0),
    )
    lissa_scale: float = option(
        0.0, "above half the largest eigenvalue; 0: three times what power iteration finds", limits=(0.0, 1e9)
    )
    lissa_repeats: int = option(1, "recursions that are averaged", limits=(1, 10000))
    drop_share: float = option(1.0, "drop at most this share of the target images", limits=(0.0, 1.0))
    drop_confidence: float = option(
        0.0,
        "drop only what is harmful with this confidence, by bootstrap over the validation images",
        limits=(0.0, 0.9999),
    )
    keep_per_class: int = option(1, "images each class keeps", limits=(1, LARGE))


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
