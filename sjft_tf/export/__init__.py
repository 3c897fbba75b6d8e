"""The last stage: the target's network for wherever it is needed.

Public surface:
    export_saved_model, read_description, check_exported
                                        a SavedModel that answers with TensorFlow alone, and what it says of itself
    load_predictor, Predictor           opens one and predicts in batches
"""

from sjft_tf.export.predictor import LoadedModel, Predictor, load_predictor
from sjft_tf.export.saved_model import (
    DESCRIPTION_FILE,
    DIGESTS_FILE,
    FORMAT,
    SIGNATURES,
    ModelDescription,
    ServedView,
    check_exported,
    export_saved_model,
    read_description,
)

__all__ = [
    "DESCRIPTION_FILE",
    "DIGESTS_FILE",
    "FORMAT",
    "SIGNATURES",
    "LoadedModel",
    "ModelDescription",
    "Predictor",
    "ServedView",
    "check_exported",
    "export_saved_model",
    "load_predictor",
    "read_description",
]
