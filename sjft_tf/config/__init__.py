"""The settings of a run: `RunConfig`, and one section of it a file.

Every field carries its default, the text of its flag and what it may be; flags are made from the fields in scripts/.
Defaults are those of the paper (Ge & Yu 2017, section 4) where it names one and nothing we measured did better.
Nothing here imports TensorFlow.
"""

from sjft_tf.config.augmentation import AugmentationConfig
from sjft_tf.config.checkpoints import CheckpointConfig
from sjft_tf.config.data import DataConfig
from sjft_tf.config.distribution import DistributionConfig
from sjft_tf.config.engine import EngineConfig
from sjft_tf.config.evaluation import EvaluationConfig
from sjft_tf.config.model import ModelConfig
from sjft_tf.config.monitor import MonitorConfig
from sjft_tf.config.option import Section, Setting
from sjft_tf.config.patches import PatchConfig
from sjft_tf.config.probe import Candidate, ProbeConfig
from sjft_tf.config.pruning import PruneConfig
from sjft_tf.config.retrieval import RetrievalConfig
from sjft_tf.config.run import RunConfig
from sjft_tf.config.selection import SelectionConfig
from sjft_tf.config.training import CO_TUNING, RELATED, TrainingConfig
from sjft_tf.config.view import ViewConfig

__all__ = [
    "CO_TUNING",
    "RELATED",
    "AugmentationConfig",
    "Candidate",
    "CheckpointConfig",
    "DataConfig",
    "DistributionConfig",
    "EngineConfig",
    "EvaluationConfig",
    "ModelConfig",
    "MonitorConfig",
    "PatchConfig",
    "ProbeConfig",
    "PruneConfig",
    "RetrievalConfig",
    "RunConfig",
    "Section",
    "SelectionConfig",
    "Setting",
    "TrainingConfig",
    "ViewConfig",
]
