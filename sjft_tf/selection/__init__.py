"""Selection: who is borrowed for whom, and who needs more (paper sections 3.2 and 3.3).

- `Selector`, `SELECTORS`, `SourceClasses`, `Borrowing`: a K per target image turned into rows, pools and classes.
- `ClassWeights`, `pool_of_class_weights`, `ImageWeights`, `pool_of_image_weights`: weights of source classes or images,
  and the pool that follows from them.
- `class_weights`: such weights by a classifier of the source (Ngiam et al. 2018).
- `transport_weights`: such weights by optimal transport of class means (Liu et al. 2022).
- `gradient_likeness`: weights of images by their gradients (Xia et al. 2024).
- `entropy`, `hardness`, `update_counts`: the hard-sample rule.
- `smallest_k`: K0 = auto and K0 = share.
- `DrawRule`: which of the rows are drawn how often: mixtures, uniform drawing, a cap.
- `pool_size`, `pool_by_passes`: how many source images a run begins with.
"""

from sjft_tf.catalog import SELECTORS, TABLE_SELECTORS, WEIGHT_SELECTORS
from sjft_tf.selection.borrowing import Borrowing, Selector, SourceClasses
from sjft_tf.selection.class_importance import class_weights
from sjft_tf.selection.drawing import DrawRule
from sjft_tf.selection.expansion import classes_with_enough, smallest_k, union_mask
from sjft_tf.selection.hardness import Hardness, entropy, hardness, update_counts
from sjft_tf.selection.likeness import gradient_likeness
from sjft_tf.selection.pool_size import pool_by_passes, pool_size
from sjft_tf.selection.transport import transport_weights
from sjft_tf.selection.weights import ClassWeights, ImageWeights, pool_of_class_weights, pool_of_image_weights

__all__ = [
    "SELECTORS",
    "TABLE_SELECTORS",
    "WEIGHT_SELECTORS",
    "Borrowing",
    "ClassWeights",
    "DrawRule",
    "Hardness",
    "ImageWeights",
    "Selector",
    "SourceClasses",
    "class_weights",
    "classes_with_enough",
    "entropy",
    "gradient_likeness",
    "hardness",
    "pool_by_passes",
    "pool_of_class_weights",
    "pool_of_image_weights",
    "pool_size",
    "smallest_k",
    "transport_weights",
    "union_mask",
    "update_counts",
]
