"""Training: the loop of fits over a growing borrowing (paper section 3).

- `train_rounds`, `TrainingSets`: the loop; `compile_joint`: losses and optimizer.
- `HardSampleMining`: the callback that scores the target and expands neighbors between fits.
- `RoundState`, `finished_rounds`, `load_round_weights`: what a round leaves behind.
"""

from sjft_tf.training.callbacks import HardSampleMining
from sjft_tf.training.compiling import compile_joint
from sjft_tf.training.rounds import TrainingSets, train_rounds
from sjft_tf.training.state import RoundState, finished_rounds, load_round_weights, read_round

__all__ = [
    "HardSampleMining",
    "RoundState",
    "TrainingSets",
    "compile_joint",
    "finished_rounds",
    "load_round_weights",
    "read_round",
    "train_rounds",
]
