"""What a run shows while it works: TensorBoard curves and a picture of what is borrowed.

- `RoundSummaries`: the event files of one round; scalars, K histogram, pictures, all at the global step.
- `TrainingSummaries`: Keras callback that writes losses, accuracies, learning rate and speed during a fit.
- `neighbor_montage`: PNG of target images beside their nearest borrowed images.
"""

from sjft_tf.summaries.events import RoundSummaries
from sjft_tf.summaries.montage import neighbor_montage
from sjft_tf.summaries.training import TrainingSummaries

__all__ = ["RoundSummaries", "TrainingSummaries", "neighbor_montage"]
