"""Image sets: where labeled images come from and how they reach the other stages.

Opening and putting together

ImageSet         labeled images with random access by row
open_image_set   opens one from a spec such as "folder:/data/flowers#train", "digits#test" or "glyphs?n=8000"
quoted           a path as it is written in a spec
open_source      opens several specs as one set, label spaces kept apart
default_splits   the train, validation and test specs of a set that comes in splits
concatenate      joins image sets, label spaces kept apart
align_classes    gives a validation or test set the training set's class list
hold_out, fold   a test part or folds of training images that came without
few_of_each      N images of each class, drawn by a seed
of_classes       some classes of a set by name, numbered anew; `few_classes` draws them by a seed
share_of_each    the first rows of each class by a share; `deal_into_folds` deals each class over folds

open_objects     an ObjectSet, images with several objects: their boxes, or which classes are there; `object_splits`

class_name       what a class is called, `in_class_order` where it stands among the others

Checking

check_trainable  refuses sets without two images, two classes, or with an empty class
check_disjoint   refuses two sets that share images
check_same_kind  refuses two sets of which one has several labels an image, `refuse_several_labels` those of a source
find_repeats     training images that are in a held-out set too, or in two classes (`Repeats`), told by `told_repeats`
refuse_changed   refuses sets whose files are no longer what they were; `changed_file` says which one it was
find_conflicts   the images that are in another class too, equal or slightly changed
find_leaks       the source images that are target images (`Audit` of `Leak`s), equal or slightly changed

Views and training

View             the deterministic view of an image: squash-resize and center crop
evaluation_views the views whose predictions are averaged: center, ten crops, or whole images of several sides
SixteenViews     the views of an image that a linear classifier learns from and is asked by
reduction_error  what decoding large JPEG images smaller (`ImageSet.reduced`) changes in their views
Augmentation     random crop, scale and mirror of training images, and the `Change`s after it: RandomAffine,
                 RandAugment, ColorJitter, Cutout; Mixing of whole batches
joint_dataset    the batches of training: target images beside images of a `SourceStream`, paired by its `Pools`
                 and, beside them, their `Exchange`
BatchPlan        which steps, of how many target images; of which a `BatchShard` is what one process feeds its devices
BatchComposition hard images more often, few of a class in a batch; `check_max_per_class` refuses what cannot be filled
untuned          a dataset that does not tune itself while it runs

Single files

image_files      the image files below a folder, those named like `image_extensions()`: `IMAGE_EXTENSIONS` and plug-ins'
listed_files     the image files (`ListedFile`s) of a folder, pattern, table or list without their classes, and what is
                 `PassedOver` there, told by `told_passed_over`
decode_text      the text of a file that somebody else wrote, in whatever encoding
read_bytes       a file on the disk or any file system TensorFlow knows (`is_remote`); `most_bytes` of one are read
inspect_image    whether encoded bytes decode; `decode_image` decodes them, at most `MAX_PIXELS`
inspect_files    the same of files, by an `Inspector`'s rule (`JUDGMENT`): a `ScanResult` each; `scan_arrays` to be kept
decode_bytes     JPEG and PNG to the same pixels by TensorFlow's operations alone, for exported models
ValueRange       which values of more than 8 bits are black and white
squared          a wide or tall image cropped or padded to a square, by one of `ASPECT_RATIOS`
visible_name     a path as text that can be printed
"""

from sjft_tf.images.audit import (
    AUDIT_SETTINGS,
    MIN_AUDITED_SIDE,
    Audit,
    Leak,
    LeakSearcher,
    Thumbnails,
    find_conflicts,
    find_leaks,
    near_copies,
)
from sjft_tf.images.audit.repeats import Repeats, find_repeats, told_repeats
from sjft_tf.images.augment import Augmentation, Change, ColorJitter, Cutout, Mixing, RandAugment, RandomAffine
from sjft_tf.images.batches.joint import Exchange, Pools, SourceStream, joint_dataset
from sjft_tf.images.batches.order import BatchComposition, check_max_per_class
from sjft_tf.images.batches.positions import WHOLE_BATCH, BatchPlan, BatchShard
from sjft_tf.images.decoding.decode import MAX_PIXELS, decode_image, most_bytes
from sjft_tf.images.decoding.in_graph import decode_bytes
from sjft_tf.images.decoding.values import ValueRange
from sjft_tf.images.objects.object_set import ObjectSet
from sjft_tf.images.objects.sources import object_splits, open_objects
from sjft_tf.images.places.class_names import class_name, in_class_order
from sjft_tf.images.places.paths import read_bytes
from sjft_tf.images.places.spec import is_remote, quoted
from sjft_tf.images.places.walking import IMAGE_EXTENSIONS, PassedOver, image_extensions, image_files, visible_name
from sjft_tf.images.places.watching import changed_file, refuse_changed
from sjft_tf.images.sets.class_subset import few_classes, of_classes
from sjft_tf.images.sets.combine import (
    align_classes,
    check_disjoint,
    check_same_kind,
    check_trainable,
    concatenate,
    refuse_several_labels,
)
from sjft_tf.images.sets.dividing import deal_into_folds, fold, hold_out, share_of_each
from sjft_tf.images.sets.few_shot import few_of_each
from sjft_tf.images.sets.findings import told_passed_over
from sjft_tf.images.sets.image_set import ImageSet, untuned
from sjft_tf.images.sets.reduction import reduction_error
from sjft_tf.images.sets.scan import Inspector, inspect_files, inspect_image
from sjft_tf.images.sets.scan_results import JUDGMENT, SCAN_ARRAYS, ScanResult, scan_arrays, scan_results
from sjft_tf.images.sets.sixteen_views import SixteenViews
from sjft_tf.images.sets.square import ASPECT_RATIOS, SQUASH, squared
from sjft_tf.images.sets.views import EVAL_VIEWS, TenCrop, View, WholeImage, dense_sides, evaluation_views
from sjft_tf.images.sources import default_splits, open_image_set, open_source
from sjft_tf.images.tables.listing import ListedFile, listed_files
from sjft_tf.images.tables.table_text import decode as decode_text

__all__ = [
    "ASPECT_RATIOS",
    "AUDIT_SETTINGS",
    "EVAL_VIEWS",
    "IMAGE_EXTENSIONS",
    "JUDGMENT",
    "MAX_PIXELS",
    "MIN_AUDITED_SIDE",
    "SCAN_ARRAYS",
    "SQUASH",
    "WHOLE_BATCH",
    "Audit",
    "Augmentation",
    "BatchComposition",
    "BatchPlan",
    "BatchShard",
    "Change",
    "ColorJitter",
    "Cutout",
    "Exchange",
    "ImageSet",
    "Inspector",
    "Leak",
    "LeakSearcher",
    "ListedFile",
    "Mixing",
    "ObjectSet",
    "PassedOver",
    "Pools",
    "RandAugment",
    "RandomAffine",
    "Repeats",
    "ScanResult",
    "SixteenViews",
    "SourceStream",
    "TenCrop",
    "Thumbnails",
    "ValueRange",
    "View",
    "WholeImage",
    "align_classes",
    "changed_file",
    "check_disjoint",
    "check_max_per_class",
    "check_same_kind",
    "check_trainable",
    "class_name",
    "concatenate",
    "deal_into_folds",
    "decode_bytes",
    "decode_image",
    "decode_text",
    "default_splits",
    "dense_sides",
    "evaluation_views",
    "few_classes",
    "few_of_each",
    "find_conflicts",
    "find_leaks",
    "find_repeats",
    "fold",
    "hold_out",
    "image_extensions",
    "image_files",
    "in_class_order",
    "inspect_files",
    "inspect_image",
    "is_remote",
    "joint_dataset",
    "listed_files",
    "most_bytes",
    "near_copies",
    "object_splits",
    "of_classes",
    "open_image_set",
    "open_objects",
    "open_source",
    "quoted",
    "read_bytes",
    "reduction_error",
    "refuse_changed",
    "refuse_several_labels",
    "scan_arrays",
    "scan_results",
    "share_of_each",
    "squared",
    "told_passed_over",
    "told_repeats",
    "untuned",
    "visible_name",
]
