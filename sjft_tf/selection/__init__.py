"""Selection: who is borrowed for whom, and who needs more (paper sections 3.2 and 3.3).

- `Selector`, `SELECTORS`, `SourceClasses`, `Borrowing`: a K per target image turned into rows, pools and classes.
- `class_weights`, `importance_pool`: class importance (Ngiam et al. 2018), and the pool that follows from it.
- `entropy`, `hardness`, `update_counts`: the hard-sample rule.
- `smallest_k`: K0 = auto and K0 = share.
- `DrawRule`: which of the rows are drawn how often: mixtures, uniform drawing, a cap.
- `pool_size`, `pool_by_passes`: how many source images a run begins with.
"""

from sjft_tf.catalog import SELECTORS, TABLE_SELECTORS
from sjft_tf.selection.borrowing import Borrowing, Selector, SourceClasses
from sjft_tf.selection.class_importance import ClassWeights, class_weights, importance_pool
from sjft_tf.selection.drawing import DrawRule
from sjft_tf.selection.expansion import classes_with_enough, smallest_k, union_mask
from sjft_tf.selection.hardness import Hardness, entropy, hardness, update_counts
from sjft_tf.selection.pool_size import pool_by_passes, pool_size

__all__ = [
    "SELECTORS",
    "TABLE_SELECTORS",
    "Borrowing",
    "ClassWeights",
    "DrawRule",
    "Hardness",
    "Selector",
    "SourceClasses",
    "class_weights",
    "classes_with_enough",
    "entropy",
    "hardness",
    "importance_pool",
    "pool_by_passes",
    "pool_size",
    "smallest_k",
    "union_mask",
    "update_counts",
]
