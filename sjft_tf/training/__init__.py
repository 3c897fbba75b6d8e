"""Training: the loop of fits over a growing borrowing (paper section 3).

- `train_rounds`, `TrainingSets`: the loop; `compile_joint`: losses and optimizer.
- `HardSampleMining`: the callback that scores the target and expands neighbors between fits.
- `RoundState`, `finished_rounds`, `load_round_weights`: what a round leaves behind.
"""

from sjft_tf.training.callbacks import HardSampleMining
from sjft_tf.training.checkpoints.rounds import RoundState, finished_rounds, load_round_weights, read_round
from sjft_tf.training.compiling import compile_joint
from sjft_tf.training.preparing import TrainingSets
from sjft_tf.training.rounds import train_rounds
from sjft_tf.training.scoring import TargetScores, score_target

__all__ = [
    "HardSampleMining",
    "RoundState",
    "TargetScores",
    "TrainingSets",
    "compile_joint",
    "finished_rounds",
    "load_round_weights",
    "read_round",
    "score_target",
    "train_rounds",
]
