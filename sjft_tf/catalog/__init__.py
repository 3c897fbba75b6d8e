"""What there is to choose from by name, known without importing TensorFlow, so that a wrong name is refused at once.

- `trunk_names`, `trunk_called`, `is_saved`, `check_trunk`, `check_form`: the trunks, their smallest images, widths and
  weights; `MODEL` and `KERAS_HUB`, what the names of saved ones begin with, and `PIXELS`, what pixels they may want.
- `OPTIMIZERS`, `ADDONS_OPTIMIZERS`, `check_optimizer`, `parse_rates`: the optimizers, and rates of single layers.
- `BANKS`, `check_bank_name`, `check_bank`: the filter banks, and what each wants beside its name.
- `SELECTORS`, `TABLE_SELECTORS`, `WEIGHT_SELECTORS`: what can be borrowed, for which of it there must be a neighbor
  table, and for which weights of the source.
- `SCHEDULES`, `PRECISIONS`: learning-rate schedules, and what a trunk can compute in.
- `ASPECT_RATIOS`, `SQUASH`: how wide and tall images become squares.
- `EXPORT_FORMATS`, `QUANTIZATIONS`: what a trained network is exported as.

The settings are checked by these functions, and so are the models and banks when they are built: one message each.
"""

from sjft_tf.catalog.aspect_ratios import ASPECT_RATIOS, SQUASH
from sjft_tf.catalog.banks import BANKS, WEIGHT_ARRAYS, bank_applications, check_bank, check_bank_name
from sjft_tf.catalog.exports import EXPORT_FORMATS, QUANTIZATIONS
from sjft_tf.catalog.optimizers import ADDONS_OPTIMIZERS, OPTIMIZERS, SCHEDULES, check_optimizer, parse_rates
from sjft_tf.catalog.selectors import SELECTORS, TABLE_SELECTORS, WEIGHT_SELECTORS
from sjft_tf.catalog.trunks import (
    KERAS_HUB,
    MODEL,
    PIXELS,
    PLAIN,
    PREACT_RESNET,
    PRECISIONS,
    SMALL,
    check_form,
    check_trunk,
    has_alpha,
    is_saved,
    trunk_called,
    trunk_names,
)

__all__ = [
    "ADDONS_OPTIMIZERS",
    "ASPECT_RATIOS",
    "BANKS",
    "EXPORT_FORMATS",
    "KERAS_HUB",
    "MODEL",
    "OPTIMIZERS",
    "PIXELS",
    "PLAIN",
    "PREACT_RESNET",
    "PRECISIONS",
    "QUANTIZATIONS",
    "SCHEDULES",
    "SELECTORS",
    "SMALL",
    "SQUASH",
    "TABLE_SELECTORS",
    "WEIGHT_ARRAYS",
    "WEIGHT_SELECTORS",
    "bank_applications",
    "check_bank",
    "check_bank_name",
    "check_form",
    "check_optimizer",
    "check_trunk",
    "has_alpha",
    "is_saved",
    "parse_rates",
    "trunk_called",
    "trunk_names",
]
