"""Instance-based transfer: which target images hurt (IDTL, Wang, Huan & Zhu 2018; Koh & Liang 2017).

On a frozen trunk with a convex head, where influence is exact:
    Scaling, Examples               features of chosen images, in blocks
    SoftmaxObjective, fit_head, Head, choose_l2, least_l2
                                    L2-regularized multinomial logistic regression, trained to its minimum
    HeadSolver, influence, influence_matrix
                                    influence of every image on validation loss, by conjugate gradients or directly
    cross_fitted, parts, parts_with_validation, held_out_probabilities
                                    each image judged by heads that did not train on it
    leave_one_out                   predicted against true change, by training again
Over the layers of a network:
    NetworkLoss                     products with its Hessian or Gauss-Newton matrix, influence by forward mode
    conjugate_gradients, lissa, arnoldi, Solution
                                    solvers that report their residual
What follows from it:
    held_out, folds, in_focus       which images judge
    choose, ranks, Bootstrap        which images to drop
    save_kept, kept_rows            the list of images that are left
    by_loss, by_confident_learning, at_random
                                    other ways to choose
"""

from sjft_tf.influence.alternatives import at_random, by_confident_learning, by_loss
from sjft_tf.influence.blocks import Examples
from sjft_tf.influence.crossfit import cross_fitted, held_out_probabilities, parts, parts_with_validation
from sjft_tf.influence.head import Head, choose_l2, fit_head, least_l2
from sjft_tf.influence.holdout import folds, held_out, in_focus
from sjft_tf.influence.kept import kept_rows, save_kept
from sjft_tf.influence.leave_one_out import LeaveOneOut, leave_one_out
from sjft_tf.influence.network import PRODUCT_COST, NetworkLoss
from sjft_tf.influence.recursion import arnoldi, largest_eigenvalue, lissa
from sjft_tf.influence.rule import Bootstrap, choose, ranks
from sjft_tf.influence.scores import HeadSolver, Scores, influence, influence_matrix
from sjft_tf.influence.softmax import SoftmaxObjective
from sjft_tf.influence.solve import Solution, conjugate_gradients
from sjft_tf.models import Scaling

__all__ = [
    "PRODUCT_COST",
    "Bootstrap",
    "Examples",
    "Head",
    "HeadSolver",
    "LeaveOneOut",
    "NetworkLoss",
    "Scaling",
    "Scores",
    "SoftmaxObjective",
    "Solution",
    "arnoldi",
    "at_random",
    "by_confident_learning",
    "by_loss",
    "choose",
    "choose_l2",
    "conjugate_gradients",
    "cross_fitted",
    "fit_head",
    "folds",
    "held_out",
    "held_out_probabilities",
    "in_focus",
    "influence",
    "influence_matrix",
    "kept_rows",
    "largest_eigenvalue",
    "least_l2",
    "leave_one_out",
    "lissa",
    "parts",
    "parts_with_validation",
    "ranks",
    "save_kept",
]
