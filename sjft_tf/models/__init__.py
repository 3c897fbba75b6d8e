"""The networks and what trains them: trunk, heads, masked loss, optimizer, schedule.

Public surface:
    build_trunk, trunk_names            pixels to pooled features, preprocessing and starting weights included
    save_trunk                          a trained trunk, to start another model with
    reset_from                          hybrid starts: first layers pre-trained, the rest random
    FusedBatchNormalization, replace_batch_norm, momentum_for_run
                                        fast batch normalization with a momentum that suits the run's length
    build_joint_model, target_logits    the two-headed model, and its target half
    Scorer                              probabilities of the target classes for whole image sets
    MaskedCrossEntropy, MaskedAccuracy  per-head loss and metric over the rows that have a label (-1: none)
    make_schedule, make_optimizer       learning-rate schedules over the global step; SGD with coupled L2 and others
    optimizer_state, restore_optimizer_state
                                        the optimizer's variables as arrays, for exact continuation
"""

from sjft_tf.models.families import trunk_names
from sjft_tf.models.hybrid import reset_from
from sjft_tf.models.joint import build_joint_model, target_logits
from sjft_tf.models.losses import MaskedAccuracy, MaskedCrossEntropy
from sjft_tf.models.normalization import FusedBatchNormalization, momentum_for_run, replace_batch_norm
from sjft_tf.models.optimizers import OPTIMIZERS, make_optimizer, optimizer_state, restore_optimizer_state
from sjft_tf.models.schedules import SCHEDULES, StepDecay, make_schedule
from sjft_tf.models.scoring import Scorer, View
from sjft_tf.models.trunks import build_trunk, save_trunk

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "FusedBatchNormalization",
    "MaskedAccuracy",
    "MaskedCrossEntropy",
    "Scorer",
    "StepDecay",
    "View",
    "build_joint_model",
    "build_trunk",
    "make_optimizer",
    "make_schedule",
    "momentum_for_run",
    "optimizer_state",
    "replace_batch_norm",
    "reset_from",
    "restore_optimizer_state",
    "save_trunk",
    "target_logits",
    "trunk_names",
]
