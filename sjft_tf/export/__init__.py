"""The last stage: the target's network for wherever it is needed.

Public surface:
    export_saved_model, read_description, check_exported
                                        a SavedModel that answers with TensorFlow alone, and what it says of itself
    export_patches                      the same of patches: scores of images of any size, and heat maps
    load_predictor, Predictor           opens one and predicts in batches
    export_file, Sample, Agreement      one file for Keras, TFLite or ONNX, checked on images before it is written
    named, refuse_replacing, check_installed
                                        where such a file goes, and what is refused beforehand
"""

from sjft_tf.export.files import Agreement, Sample, export_file, named, refuse_replacing
from sjft_tf.export.kinds import check_installed
from sjft_tf.export.patches import PATCHES_FORMAT, export_patches
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
    "PATCHES_FORMAT",
    "SIGNATURES",
    "Agreement",
    "LoadedModel",
    "ModelDescription",
    "Predictor",
    "Sample",
    "ServedView",
    "check_exported",
    "check_installed",
    "export_file",
    "export_patches",
    "export_saved_model",
    "load_predictor",
    "named",
    "read_description",
    "refuse_replacing",
]
