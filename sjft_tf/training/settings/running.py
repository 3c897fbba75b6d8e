"""What changes no weights, or not alone: checkpoints, evaluation, devices, monitoring."""

from __future__ import annotations

from dataclasses import dataclass

from sjft_tf.training.settings.option import LARGE, option


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
