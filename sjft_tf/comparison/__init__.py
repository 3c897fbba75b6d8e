"""Does borrowing help? Arms, the choice of their settings, statistics and tables; `pipeline.comparing` runs them.

ARMS, Arm, pick_arms        named recipes: changes of a run's settings
ComparisonSpec, SetsSummary, Trial
                            what is compared, what is known of the images, one run
ArmResult, ComparisonRecord, write_tables
                            what is written down of a run, of all arms, and as tables
Choice, search, Decision    which rates and source weights are tried, which are chosen, and how sure that is
paired_summary, bootstrap_interval, t_interval, image_interval
                            mean, spread and paired differences with intervals
"""

from sjft_tf.comparison.arms import ARMS, BASELINE, MAIN_ARMS, Arm, pick_arms
from sjft_tf.comparison.choice import Choice, Point
from sjft_tf.comparison.choice_record import CHOICE_RULE, ChoiceRecord, SecondRecord, SettingRecord, choice_sentence
from sjft_tf.comparison.decision import Decision, Search, Tried, search
from sjft_tf.comparison.judging import Estimate, Standing
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
    "CHOICE_RULE",
    "MAIN_ARMS",
    "Arm",
    "ArmRecord",
    "ArmResult",
    "ArmSummary",
    "Choice",
    "ChoiceRecord",
    "ComparisonRecord",
    "ComparisonSpec",
    "Decision",
    "Estimate",
    "Interval",
    "Point",
    "ResultFigures",
    "RunRecord",
    "Search",
    "SecondRecord",
    "SetsSummary",
    "SettingRecord",
    "Standing",
    "Trial",
    "TrialRecord",
    "Tried",
    "bootstrap_interval",
    "choice_sentence",
    "held_out_note",
    "image_interval",
    "numbers",
    "paired_summary",
    "pick_arms",
    "run_stamp",
    "search",
    "t_interval",
    "table_name",
    "uses_table",
    "write_tables",
]
