"""The devices that share a batch."""

from __future__ import annotations

from dataclasses import dataclass

from sjft_tf.config.option import Section, option
from sjft_tf.errors import InputError


@dataclass(frozen=True)
class DistributionConfig(Section):
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

    join_timeout: float = option(
        600.0,
        "strategy=multi_worker: seconds that each process waits for the others to start",
        limits=(1.0, 1e6),
        free=True,
    )

    def check(self) -> None:
        if self.logical_cpus > 1 and self.strategy != "mirrored":
            raise InputError(f"--logical_cpus needs --strategy=mirrored. Received: --strategy={self.strategy}")
