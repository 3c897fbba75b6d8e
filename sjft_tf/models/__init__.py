"""The networks and what trains them: trunk, heads, masked loss, optimizer, schedule.

Public surface:
    build_trunk, trunk_names, find_family
                                        pixels to pooled features, preprocessing and starting weights included
    open_saved, write_architecture      trunks that were saved, as Keras models or presets of KerasHub; what
                                        a run keeps of one
    save_trunk, load_trunk_weights      a trained trunk, to start another model with
    match_weights, matches_in_words     what of a weight file fits a trunk that it fits in part
    FeatureStream, trunk_features       what a frozen trunk makes of images
    Call, calls_of                      the calls of layers in a network, in the order of computation
    dense_maps                          a trunk's last maps for images of any size
    Scaling, strongest_to_weakest, block_slices
                                        what both convex heads share: scaled features, the choice of L2, blocks of rows
    fit_softmax_head, fit_by_folds      a convex softmax head on such features, fitted quickly
    fit_several_labels                  likewise a head of sigmoids, where images may have several labels
    class_relationship, related, CoTuning, temperature
                                        what a source head is taught on target images: p(source class | target class)
    spread_rows                         some rows, of every class its share
    GradientStream, HeadedTrunk, LinearHead
                                        what images would change in the trunk's last kernel, in a few directions
    reset_from                          hybrid starts: first layers pre-trained, the rest random
    FusedBatchNormalization, replace_batch_norm, momentum_for_run, mix_start_statistics
                                        fast batch normalization with a momentum that suits the run's length
    build_joint_model, target_logits, target_network, target_activation
                                        the two-headed model, its target half (logits or probabilities), its activation
    stock_layers                        a copy of a network that is loaded without this package
    Scorer                              probabilities of the target classes for whole image sets
    HeatMaps                            where a network looks for a class, of single images
    JointModel                          its training step: masked losses, accumulation, clipping, weight average
    head_sums, valid_rows               a head's loss and hits over the rows that have a label (-1: none)
    balanced_weights                    class weights that let every class count alike
    freeze, layers_up_to, counted_layers, rate_factors, parse_rates
                                        layers by their place in the trunk
    precision_scope, with_loss_scale    16-bit trunks
    recompute_statistics                moving statistics of batch normalization, made anew
    make_schedule, make_optimizer       learning-rate schedules over the global step; SGD with coupled L2 and others
    optimizer_state, restore_optimizer_state
                                        the optimizer's variables as arrays, for exact continuation
"""

from sjft_tf.catalog import OPTIMIZERS, PRECISIONS, SCHEDULES, parse_rates, trunk_names
from sjft_tf.models.addons import make_multi_optimizer
from sjft_tf.models.architecture import write_architecture
from sjft_tf.models.averaging import plain, shadow
from sjft_tf.models.class_weights import balanced_weights
from sjft_tf.models.co_tuning import CoTuning, Relationship, class_relationship, related, temperature
from sjft_tf.models.contracts import FeatureBlocks, ImageDataset, ImageView, SizedView, Variable
from sjft_tf.models.convex_head import BLOCK_BYTES, Scaling, block_slices, strongest_to_weakest
from sjft_tf.models.dense_maps import dense_maps
from sjft_tf.models.depth import TRUNK, counted_layers, freeze, layers_up_to, rate_factors
from sjft_tf.models.dropout import ResumableDropout
from sjft_tf.models.families import find_family
from sjft_tf.models.features import Elsewhere, FeatureStream, trunk_features
from sjft_tf.models.flattening import Call, calls_of
from sjft_tf.models.heat_maps import HeatMaps
from sjft_tf.models.hybrid import reset_from
from sjft_tf.models.joint import build_joint_model, target_activation, target_logits
from sjft_tf.models.losses import head_sums, valid_rows
from sjft_tf.models.multi_view import MultiViewScorer, make_scorer
from sjft_tf.models.normalization import (
    FusedBatchNormalization,
    mix_start_statistics,
    momentum_for_run,
    replace_batch_norm,
)
from sjft_tf.models.optimizer_state import (
    build_optimizer,
    optimizer_state,
    optimizer_variables,
    restore_optimizer_state,
)
from sjft_tf.models.optimizers import make_optimizer
from sjft_tf.models.partial_weights import Match, match_weights, matches_in_words
from sjft_tf.models.precision import precision_scope, with_loss_scale
from sjft_tf.models.projected_gradients import GRADIENT_WIDTH, GradientStream, HeadedTrunk, LinearHead, Sides
from sjft_tf.models.saved_trunks import SavedTrunk, open_saved
from sjft_tf.models.schedules import StepDecay, make_schedule
from sjft_tf.models.scoring import Scorer
from sjft_tf.models.several_heads import fit_several_labels, log_odds
from sjft_tf.models.softmax_head import SoftmaxHead, fit_by_folds, fit_softmax_head, spread_rows
from sjft_tf.models.statistics import recompute_statistics
from sjft_tf.models.step import JointModel
from sjft_tf.models.stock import stock_layers, target_network
from sjft_tf.models.trunks import FEATURES, build_trunk, check_trunk, save_trunk, trunk_of
from sjft_tf.models.weights import check_weight_file, load_trunk_weights

__all__ = [
    "BLOCK_BYTES",
    "FEATURES",
    "GRADIENT_WIDTH",
    "OPTIMIZERS",
    "PRECISIONS",
    "SCHEDULES",
    "TRUNK",
    "Call",
    "CoTuning",
    "Elsewhere",
    "FeatureBlocks",
    "FeatureStream",
    "FusedBatchNormalization",
    "GradientStream",
    "HeadedTrunk",
    "HeatMaps",
    "ImageDataset",
    "ImageView",
    "JointModel",
    "LinearHead",
    "Match",
    "MultiViewScorer",
    "Relationship",
    "ResumableDropout",
    "SavedTrunk",
    "Scaling",
    "Scorer",
    "Sides",
    "SizedView",
    "SoftmaxHead",
    "StepDecay",
    "Variable",
    "balanced_weights",
    "block_slices",
    "build_joint_model",
    "build_optimizer",
    "build_trunk",
    "calls_of",
    "check_trunk",
    "check_weight_file",
    "class_relationship",
    "counted_layers",
    "dense_maps",
    "find_family",
    "fit_by_folds",
    "fit_several_labels",
    "fit_softmax_head",
    "freeze",
    "head_sums",
    "layers_up_to",
    "load_trunk_weights",
    "log_odds",
    "make_multi_optimizer",
    "make_optimizer",
    "make_schedule",
    "make_scorer",
    "match_weights",
    "matches_in_words",
    "mix_start_statistics",
    "momentum_for_run",
    "open_saved",
    "optimizer_state",
    "optimizer_variables",
    "parse_rates",
    "plain",
    "precision_scope",
    "rate_factors",
    "recompute_statistics",
    "related",
    "replace_batch_norm",
    "reset_from",
    "restore_optimizer_state",
    "save_trunk",
    "shadow",
    "spread_rows",
    "stock_layers",
    "strongest_to_weakest",
    "target_activation",
    "target_logits",
    "target_network",
    "temperature",
    "trunk_features",
    "trunk_names",
    "trunk_of",
    "valid_rows",
    "with_loss_scale",
    "write_architecture",
]
