"""What a run shows while it works: TensorBoard curves, cards and pictures, and PNG pictures of what is borrowed.

- `RoundSummaries`: the event files of one round; scalars, histograms, cards, pictures, all at the global step.
- `TrainingSummaries`: Keras callback that writes losses, accuracies, learning rate and speed during a fit.
- `StepProfiler`: Keras callback that writes a profiler trace of some steps.
- `configuration_card`, `image_set_card`: Markdown for the text tab.
- `confusion`, `hardest`: pictures for the images tab; `weights`: sizes of the weights; `layout`: the custom charts.
- `projector`: the points, metadata and thumbnails of the projector tab.
- `neighbor_montage`: PNG of target images beside their nearest borrowed images.
- `words`: names as pictures show them.
- `pair_montage`: PNG of pairs of images that should not both be there.
- `influence_summary`: histogram and pictures of the target images' influence.
"""

from sjft_tf.summaries.card import configuration_card, image_set_card
from sjft_tf.summaries.events import RoundSummaries
from sjft_tf.summaries.influence import influence_summary
from sjft_tf.summaries.montage import neighbor_montage
from sjft_tf.summaries.pairs import Pair, pair_montage
from sjft_tf.summaries.profiling import StepProfiler
from sjft_tf.summaries.training import TrainingSummaries

__all__ = [
    "Pair",
    "RoundSummaries",
    "StepProfiler",
    "TrainingSummaries",
    "configuration_card",
    "image_set_card",
    "influence_summary",
    "neighbor_montage",
    "pair_montage",
]
