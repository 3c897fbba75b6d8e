"""Targets with several objects an image: learned patch by patch, and shown as heat maps (Oquab et al. 2014).

- `Tiling`: where patches lie; `LabelRule`, `drawn`: which class each gets, and which are trained on.
- `PatchNetwork`: features of an image's patches, by a frozen trunk; `KINDS` of computing them.
- `PatchHead`, `HeadTraining`: the two new layers; `PatchModel`: network and head together.
- `image_scores`, `heat_map`, `peaks`, `in_a_box`: what the patches' scores say of image and pixels.
- `average_precisions`, `mean_average_precision`: figures; `fit_whole_image`: what patches are compared with.
"""

from sjft_tf.patches.head import HeadTraining, PatchHead
from sjft_tf.patches.labeling import UNCLEAR, LabelRule, drawn
from sjft_tf.patches.model import PatchModel
from sjft_tf.patches.network import KINDS, PatchNetwork
from sjft_tf.patches.ranking import average_precisions, fit_whole_image, mean_average_precision
from sjft_tf.patches.scoring import heat_map, image_scores, in_a_box, peaks
from sjft_tf.patches.tiling import Tiling

__all__ = [
    "KINDS",
    "UNCLEAR",
    "HeadTraining",
    "LabelRule",
    "PatchHead",
    "PatchModel",
    "PatchNetwork",
    "Tiling",
    "average_precisions",
    "drawn",
    "fit_whole_image",
    "heat_map",
    "image_scores",
    "in_a_box",
    "mean_average_precision",
    "peaks",
]
