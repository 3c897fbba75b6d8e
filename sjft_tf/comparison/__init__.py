"""Does borrowing help? Arms, the choice of their settings, statistics and tables; `pipeline.comparing` runs them.

ARMS, Arm, pick_arms        named recipes: changes of a run's settings
ComparisonSpec, SetsSummary, Trial
                            what is compared, what is known of the images, one run
ArmResult, ComparisonRecord, write_tables
                            what is written down of a run, of all arms, and as tables
Choice, next_points, best_point
                            which rates and source weights are tried, and which are chosen
paired_summary, bootstrap_interval, t_interval, image_interval
                            mean, spread and paired differences with intervals
"""

from sjft_tf.comparison.arms import ARMS, BASELINE, MAIN_ARMS, Arm, pick_arms
from sjft_tf.comparison.choice import Choice, Point, Score, best_point, next_points
from sjft_tf.comparison.planning import (
    ComparisonSpec,
    SetsSummary,
    held_out_note,
    numbers,
    run_stamp,
    table_name,
    uses_table,
)
from sjft_tf.comparison.records import ArmRecord, ArmResult, ComparisonRecord, ResultFigures, RunRecord, TrialRecord
from sjft_tf.comparison.statistics import (
    ArmSummary,
    Interval,
    bootstrap_interval,
    image_interval,
    paired_summary,
    t_interval,
)
from sjft_tf.comparison.tables import write_tables
from sjft_tf.comparison.trials import Trial

__all__ = [
    "ARMS",
    "BASELINE",
    "MAIN_ARMS",
    "Arm",
    "ArmRecord",
    "ArmResult",
    "ArmSummary",
    "Choice",
    "ComparisonRecord",
    "ComparisonSpec",
    "Interval",
    "Point",
    "ResultFigures",
    "RunRecord",
    "Score",
    "SetsSummary",
    "Trial",
    "TrialRecord",
    "best_point",
    "bootstrap_interval",
    "held_out_note",
    "image_interval",
    "next_points",
    "numbers",
    "paired_summary",
    "pick_arms",
    "run_stamp",
    "t_interval",
    "table_name",
    "uses_table",
    "write_tables",
]
