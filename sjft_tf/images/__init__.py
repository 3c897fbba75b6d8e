"""Image sets: where labeled images come from and how they reach the other stages.

ImageSet         labeled images with random access by row
open_image_set   opens one from a spec such as "folder:/data/flowers#train", "digits#test" or "glyphs?n=8000"
open_source      opens several specs as one set, label spaces kept apart
default_splits   the train, validation and test specs of a set that comes in splits
concatenate      joins image sets, label spaces kept apart
align_classes    gives a validation or test set the training set's class list
hold_out, fold   a test part or folds of training images that came without
few_of_each      N images of each class, drawn by a seed
check_trainable  refuses sets without two images, two classes, or with an empty class
check_disjoint   refuses two sets that share images
View             the deterministic view of an image: squash-resize and center crop
evaluation_views the views whose predictions are averaged: center, ten crops, or whole images of several sides
reduction_error  what decoding large JPEG images smaller (`ImageSet.reduced`) changes in their views
Augmentation     random crop, scale and mirror of training images
"""

from sjft_tf.images.augment import Augmentation
from sjft_tf.images.combine import align_classes, check_disjoint, check_trainable, concatenate
from sjft_tf.images.dividing import fold, hold_out
from sjft_tf.images.few_shot import few_of_each
from sjft_tf.images.image_set import ImageSet
from sjft_tf.images.reduction import reduction_error
from sjft_tf.images.sources import default_splits, open_image_set, open_source
from sjft_tf.images.views import EVAL_VIEWS, TenCrop, View, WholeImage, dense_sides, evaluation_views

__all__ = [
    "EVAL_VIEWS",
    "Augmentation",
    "ImageSet",
    "TenCrop",
    "View",
    "WholeImage",
    "align_classes",
    "check_disjoint",
    "check_trainable",
    "concatenate",
    "default_splits",
    "dense_sides",
    "evaluation_views",
    "few_of_each",
    "fold",
    "hold_out",
    "open_image_set",
    "open_source",
    "reduction_error",
]
