"""Does borrowing help? Arms, the choice of their settings, statistics and tables; `pipeline.comparing` runs them.

ARMS, Arm, pick_arms        named recipes: changes of a run's settings
ComparisonSpec, SetsSummary, Trial
                            what is compared, what is known of the images, one run
Choice, next_points, best_point
                            which rates and source weights are tried, and which are chosen
paired_summary, bootstrap_interval, t_interval, image_interval
                            mean, spread and paired differences with intervals
"""

from sjft_tf.comparison.arms import ARMS, BASELINE, MAIN_ARMS, Arm, pick_arms
from sjft_tf.comparison.choice import Choice, Point, best_point, next_points
from sjft_tf.comparison.planning import ComparisonSpec, SetsSummary
from sjft_tf.comparison.statistics import Interval, bootstrap_interval, image_interval, paired_summary, t_interval
from sjft_tf.comparison.trials import Trial

__all__ = [
    "ARMS",
    "BASELINE",
    "MAIN_ARMS",
    "Arm",
    "Choice",
    "ComparisonSpec",
    "Interval",
    "Point",
    "SetsSummary",
    "Trial",
    "best_point",
    "bootstrap_interval",
    "image_interval",
    "next_points",
    "paired_summary",
    "pick_arms",
    "t_interval",
]
