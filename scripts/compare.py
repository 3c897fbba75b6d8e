"""Does borrowing help? Several ways to learn a target, their settings chosen alike, over several seeds.

  python scripts/compare.py --target=folder:MY_IMAGES --source=folder:LARGE_SET --workdir=runs/mine-compare

Every run is an ordinary one in WORKDIR/runs/ARM/. Learning rates and source weights are chosen on validation images
(or folds of the training images), never on test images. The same command again goes on; --plan lists the runs.
"""

import shlex
import sys

from absl import flags
from sjft_tf.scripts import program

from sjft_tf.comparison import ARMS, MAIN_ARMS


def define() -> None:
    program.define_common()
    # Flags that recipes set stay, also where an arm or the choice replaces them (--selector, --learning_rate, ...).
    program.define_config(without=("holdout_test", "validation_fold", "source_rows"))
    flags.DEFINE_list("arms", list(MAIN_ARMS), f"ways to learn that are compared; there are {', '.join(ARMS)}")
    program.define_study()
    flags.DEFINE_multi_string(
        "choice_seeds", [], "seeds of the trials that settings are chosen by; default: 0 and 1, with folds 0"
    )
    flags.DEFINE_multi_string(
        "rates", [], "learning rates to choose from; default: 1/3, 1 and 10/3 times --learning_rate"
    )
    flags.DEFINE_integer(
        "choice_steps",
        2,
        "further rates tried at most, one at a time, as long as the best one is the lowest or highest",
        lower_bound=0,
    )
    flags.DEFINE_multi_string(
        "source_weights", [], "weights of the source loss to choose from; default: 1 and 0.3 times --target_weight"
    )
    flags.DEFINE_enum(
        "choice", "coordinate", ["coordinate", "grid"], "all rates at the first weight, then weights; or all pairs"
    )
    flags.DEFINE_integer("choice_folds", 3, "without validation images: most folds of the training images to choose by")
    flags.DEFINE_string("learned_bank", "squeezenet_conv1", "bank of the arm selective-learned, as for --bank")
    flags.DEFINE_string(
        "learned_bank_weights",
        "",
        "weights of --learned_bank; without them, no arm selective-learned",
    )


def main(_: list[str]) -> None:
    given = program.FLAGS
    config = program.config_from_flags(selector="nearest", holdout_test=0.0)
    from sjft_tf.comparison import ComparisonSpec, pick_arms
    from sjft_tf.pipeline.programs.compare import comparison
    from sjft_tf.study import numbers
    from sjft_tf.workdir import Workdir

    spec = ComparisonSpec(
        config,
        tuple(pick_arms(given.arms)),
        seeds=numbers(given.seeds, "--seeds", int),
        choice_seeds=numbers(given.choice_seeds, "--choice_seeds", int),
        rates=numbers(given.rates, "--rates"),
        weights=numbers(given.source_weights, "--source_weights"),
        kind=given.choice,
        steps=given.choice_steps,
        folds=given.choice_folds,
        holdout_test=given.holdout_test,
        bank=given.learned_bank,
        bank_weights=given.learned_bank_weights,
        keep_weights=given.keep_weights,
        command=shlex.join(sys.argv),
    )
    with comparison(spec, Workdir(given.workdir), given.at_once) as compared:
        program.do_study(compared)


def run() -> None:
    program.start(main, define)


if __name__ == "__main__":
    run()
