"""Does borrowing help? A study whose cells are arms, with a choice of their settings; `pipeline.comparing` runs it.

ARMS, Arm, pick_arms        named recipes: changes of a run's settings
ComparisonSpec, Trial       what is compared, one run
ComparisonRecord, write_tables
                            what is written down of all arms, and as tables
Choice, search, Decision    which rates and source weights are tried, which are chosen, and how sure that is
"""

from sjft_tf.comparison.arms import ARMS, BASELINE, MAIN_ARMS, Arm, pick_arms
from sjft_tf.comparison.choice import Choice, Point
from sjft_tf.comparison.choice_record import CHOICE_RULE, ChoiceRecord, SecondRecord, SettingRecord, choice_sentence
from sjft_tf.comparison.decision import Decision, Search, Tried, search
from sjft_tf.comparison.judging import Estimate, Standing
from sjft_tf.comparison.planning import ComparisonSpec
from sjft_tf.comparison.records import ArmRecord, ComparisonRecord, RunRecord, TrialRecord
from sjft_tf.comparison.tables import write_tables
from sjft_tf.comparison.trials import Trial

__all__ = [
    "ARMS",
    "BASELINE",
    "CHOICE_RULE",
    "MAIN_ARMS",
    "Arm",
    "ArmRecord",
    "Choice",
    "ChoiceRecord",
    "ComparisonRecord",
    "ComparisonSpec",
    "Decision",
    "Estimate",
    "Point",
    "RunRecord",
    "Search",
    "SecondRecord",
    "SettingRecord",
    "Standing",
    "Trial",
    "TrialRecord",
    "Tried",
    "choice_sentence",
    "pick_arms",
    "search",
    "write_tables",
]
