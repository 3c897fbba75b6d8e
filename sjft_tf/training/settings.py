"""The settings of a round: those sections of a run's that training needs, and no others."""

from __future__ import annotations

from dataclasses import dataclass

from sjft_tf.config import AugmentationConfig, ModelConfig, RunConfig, SelectionConfig, TrainingConfig, ViewConfig


@dataclass(frozen=True)
class RoundSettings:
    """What the loop of rounds is told, section by section.

    Attributes:
        training: steps, batches, optimizer, seed.
        selection: what is borrowed, and how K grows.
        model: what of the network is frozen, and its precision.
        view: sizes of the images.
        augmentation: what else is done to training images.
    """

    training: TrainingConfig
    selection: SelectionConfig
    model: ModelConfig
    view: ViewConfig
    augmentation: AugmentationConfig

    @classmethod
    def of(cls, config: RunConfig) -> RoundSettings:
        """The sections of a whole run's settings."""
        return cls(config.training, config.selection, config.model, config.view, config.augmentation)
