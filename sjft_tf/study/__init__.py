"""A study: runs over axes and seeds, with equal budgets, intervals and a record; `pipeline.studying` does them.

Study, Cell, Axis           what is run: settings at each place of the axes, over several seeds
Run, RunResult              one run as it is done, and what it leaves; on_known_sets, check_base, check_seeds for it
SetsSummary                 what is known of the image sets of runs
with_classes, write_classes some classes of a set, named in a file of the study's workdir
StudyRecord, CellRecord, CellRun, write_tables
                            what is written down, study.json, and as tables
Summary, paired_summary, bootstrap_interval, t_interval, image_interval
                            mean, spread and paired differences with intervals
"""

from sjft_tf.study.cell import TRUNK_FILE, Axis, Cell, Value
from sjft_tf.study.classes import with_classes, write_classes
from sjft_tf.study.numbers import numbers
from sjft_tf.study.records import CellRecord, CellRun, StudyRecord
from sjft_tf.study.results import METRIC, ResultFigures, RunResult
from sjft_tf.study.runs import FROZEN, Run, check_base, check_seeds, on_known_sets
from sjft_tf.study.sets import SetsSummary, held_out_note
from sjft_tf.study.stamps import run_stamp, table_name, uses_table
from sjft_tf.study.statistics import (
    Interval,
    Summary,
    bootstrap_interval,
    differences,
    image_interval,
    paired_summary,
    t_interval,
)
from sjft_tf.study.study import Study
from sjft_tf.study.tables import write_tables

__all__ = [
    "FROZEN",
    "METRIC",
    "TRUNK_FILE",
    "Axis",
    "Cell",
    "CellRecord",
    "CellRun",
    "Interval",
    "ResultFigures",
    "Run",
    "RunResult",
    "SetsSummary",
    "Study",
    "StudyRecord",
    "Summary",
    "Value",
    "bootstrap_interval",
    "check_base",
    "check_seeds",
    "differences",
    "held_out_note",
    "image_interval",
    "numbers",
    "on_known_sets",
    "paired_summary",
    "run_stamp",
    "t_interval",
    "table_name",
    "uses_table",
    "with_classes",
    "write_classes",
    "write_tables",
]
