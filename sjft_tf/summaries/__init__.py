"""What a run shows while it works: TensorBoard curves and a picture of what is borrowed.

- `RoundSummaries`: the event files of one round; scalars, K histogram, pictures, all at the global step.
- `TrainingSummaries`: Keras callback that writes losses, accuracies, learning rate and speed during a fit.
- `neighbor_montage`: PNG of target images beside their nearest borrowed images.
- `pair_montage`: PNG of pairs of images that should not both be there.
- `influence_summary`: histogram and pictures of the target images' influence.
"""

from sjft_tf.summaries.events import RoundSummaries
from sjft_tf.summaries.influence import influence_summary
from sjft_tf.summaries.montage import neighbor_montage
from sjft_tf.summaries.pairs import Pair, pair_montage
from sjft_tf.summaries.training import TrainingSummaries

__all__ = ["Pair", "RoundSummaries", "TrainingSummaries", "influence_summary", "neighbor_montage", "pair_montage"]
