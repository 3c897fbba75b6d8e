"""What a run shows while it works: TensorBoard curves, cards and pictures, and PNG pictures of what is borrowed.

- `RoundSummaries`: the event files of one round; scalars, histograms, cards, pictures, all at the global step.
- `TrainingSummaries`: Keras callback that writes losses, accuracies, learning rate and speed during a fit.
- `StepProfiler`: Keras callback that writes a profiler trace of some steps.
- `configuration_card`, `image_set_card`: Markdown for the text tab.
- `confusion_picture`, `hardest_picture` (of `hardest_rows`): pictures for the images tab.
- `chart_layout`: which curves share a chart of the custom-scalars tab; `weight_norms`: sizes of the weights.
- `write_projector` and its like: the points, metadata and thumbnails of the projector tab.
- `explanation_picture`: PNG of one distance, filter by filter, of three `ExplainedImage`.
- `neighbor_montage`: PNG of target images beside their nearest borrowed images.
- `overlay`: an image under the colors of a heat map.
- `pair_montage`: PNG of pairs of images that should not both be there.
- `influence_summary`: histogram and pictures of the target images' influence.
"""

from sjft_tf.summaries.card import configuration_card, image_set_card
from sjft_tf.summaries.confusion import confusion_picture
from sjft_tf.summaries.events import RoundSummaries
from sjft_tf.summaries.explanation import ExplainedImage, explanation_picture
from sjft_tf.summaries.hardest import hardest_picture, hardest_rows
from sjft_tf.summaries.influence import influence_summary
from sjft_tf.summaries.layout import chart_layout
from sjft_tf.summaries.montage import neighbor_montage
from sjft_tf.summaries.overlays import overlay
from sjft_tf.summaries.pairs import Pair, pair_montage
from sjft_tf.summaries.profiling import StepProfiler
from sjft_tf.summaries.projector import projector_made_from, remove_projector, thumbnail_side, write_projector
from sjft_tf.summaries.training import TrainingSummaries
from sjft_tf.summaries.weights import weight_norms

__all__ = [
    "ExplainedImage",
    "Pair",
    "RoundSummaries",
    "StepProfiler",
    "TrainingSummaries",
    "chart_layout",
    "configuration_card",
    "confusion_picture",
    "explanation_picture",
    "hardest_picture",
    "hardest_rows",
    "image_set_card",
    "influence_summary",
    "neighbor_montage",
    "overlay",
    "pair_montage",
    "projector_made_from",
    "remove_projector",
    "thumbnail_side",
    "weight_norms",
    "write_projector",
]
