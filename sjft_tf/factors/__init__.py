"""What moves fine-tuning, one factor at a time: which runs a study of it is made of, and what it found.

- `FACTORS`: what may be varied; `FactorSpec`: what is asked for; `Prepared`: what must be known of the sets before.
- `study_of`: the study; `labels`: short names of image sets.
- `best_values`: which value was the best for each target; `told`, `gains_told`: what was found, in words.
"""

from sjft_tf.factors.best import Best, best_values, gains_told, told
from sjft_tf.factors.cells import study_of
from sjft_tf.factors.spec import FACTORS, FIXED, SIZES, FactorSpec, Prepared, labels

__all__ = [
    "FACTORS",
    "FIXED",
    "SIZES",
    "Best",
    "FactorSpec",
    "Prepared",
    "best_values",
    "gains_told",
    "labels",
    "study_of",
    "told",
]
