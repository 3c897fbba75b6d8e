"""How much of the training is kept on disk."""

from __future__ import annotations

from dataclasses import dataclass

from sjft_tf.config.option import LARGE, Section, option


@dataclass(frozen=True)
class CheckpointConfig(Section):
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
