"""Training: the loop of fits over a growing borrowing (paper section 3).

- `train_rounds`, `RoundSettings`, `TrainingSets`, `RoundHooks`: the loop; `compile_joint`: losses and optimizer.
- `HardSampleMining`: the callback that scores the target and expands neighbors between fits.
- `set_seeds`, `make_selector`, `first_counts`, `augmentation`: what the loop begins with, from the settings.
- `as_long_as`: what of a finished run may differ when it is trained longer.
- `best_of`, `runs_out`: which round counts, and whether a run ends early.
- `Cluster`, `open_cluster`, `ALONE`: the devices.
- `CheckpointPolicy`, `Checkpoints`, `StopRequest`: what is kept within a round, and the end on request.
- `RoundState`, `finished_rounds`, `read_round`, `load_round_weights`, ...: what a round leaves behind.
"""

from sjft_tf.training.callbacks import HardSampleMining, MiningState
from sjft_tf.training.checkpoints.policy import CheckpointPolicy
from sjft_tf.training.checkpoints.rounds import (
    RoundMetrics,
    RoundState,
    check_round,
    finished_rounds,
    is_intact,
    kept_rounds,
    load_round_weights,
    prune_rounds,
    read_round,
    read_scoring,
    round_folder,
    round_made_from,
    way_back,
    weights_digest,
)
from sjft_tf.training.checkpoints.steps import Checkpoints, DamagedCheckpoint
from sjft_tf.training.compiling import compile_joint
from sjft_tf.training.distribution import ALONE, Cluster, open_cluster
from sjft_tf.training.early_stopping import best_of, runs_out
from sjft_tf.training.longer import as_long_as
from sjft_tf.training.preparing import TrainingSets, augmentation, first_counts, make_selector
from sjft_tf.training.rounds import RoundHooks, train_rounds
from sjft_tf.training.scoring import TargetScores, score_target
from sjft_tf.training.seeding import set_seeds
from sjft_tf.training.settings import RoundSettings
from sjft_tf.training.stopping import StopRequest

__all__ = [
    "ALONE",
    "CheckpointPolicy",
    "Checkpoints",
    "Cluster",
    "DamagedCheckpoint",
    "HardSampleMining",
    "MiningState",
    "RoundHooks",
    "RoundMetrics",
    "RoundSettings",
    "RoundState",
    "StopRequest",
    "TargetScores",
    "TrainingSets",
    "as_long_as",
    "augmentation",
    "best_of",
    "check_round",
    "compile_joint",
    "finished_rounds",
    "first_counts",
    "is_intact",
    "kept_rounds",
    "load_round_weights",
    "make_selector",
    "open_cluster",
    "prune_rounds",
    "read_round",
    "read_scoring",
    "round_folder",
    "round_made_from",
    "runs_out",
    "score_target",
    "set_seeds",
    "train_rounds",
    "way_back",
    "weights_digest",
]
