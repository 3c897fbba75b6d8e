"""The sections of a run's settings: every field carries its default, the text of its flag and what it may be.

Defaults are those of the paper (Ge & Yu 2017, section 4) where it names one.
"""

from sjft_tf.training.settings.borrowing import RetrievalConfig, SelectionConfig
from sjft_tf.training.settings.images import AugmentationConfig, DataConfig, ViewConfig
from sjft_tf.training.settings.network import ModelConfig, TrainingConfig
from sjft_tf.training.settings.pruning import PruneConfig
from sjft_tf.training.settings.running import CheckpointConfig, DistributionConfig, EvaluationConfig, MonitorConfig

__all__ = [
    "AugmentationConfig",
    "CheckpointConfig",
    "DataConfig",
    "DistributionConfig",
    "EvaluationConfig",
    "ModelConfig",
    "MonitorConfig",
    "PruneConfig",
    "RetrievalConfig",
    "SelectionConfig",
    "TrainingConfig",
    "ViewConfig",
]
