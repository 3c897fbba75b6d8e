"""What moves fine-tuning? One factor at a time: rate, depth, source classes, distance, images, width.

  python scripts/factors.py --factor=rate --target=folder:MY_IMAGES --workdir=runs/mine-rate

Every run is an ordinary one in WORKDIR/runs/CELL/SEED/, all with as many target images in training; only what the
factor says differs. study.json has every figure, report.html the curves. The same command again goes on; --plan lists
the runs.
"""

import shlex
import sys

from absl import flags
from sjft_tf.scripts import program

from sjft_tf.errors import InputError
from sjft_tf.factors import FACTORS, SIZES


def define() -> None:
    program.define_common()
    program.define_config(without=("holdout_test", "validation_fold"))
    flags.DEFINE_enum("factor", None, list(FACTORS), "; ".join(f"{name}: {what}" for name, what in FACTORS.items()))
    flags.DEFINE_multi_string(
        "values",
        [],
        "what it takes on; default: rates a tenth to ten times --learning_rate, early, middle and all stages of the "
        "trunk, 1, 2, 5 and 10 images a class, the usual widths",
    )
    flags.DEFINE_multi_string("targets", [], "several targets, each with all values; give the flag again for more")
    flags.DEFINE_enum(
        "images",
        SIZES[0],
        list(SIZES),
        "of source_classes: as many images of each class (per_class), or in all (fixed)",
    )
    flags.DEFINE_integer(
        "source_images", 0, "so many images of each source class, or in all; 0: all there are", lower_bound=0
    )
    program.define_study()
    flags.DEFINE_bool(
        "drift", False, "measure what changed inside: each stage's weights and features against the start"
    )
    flags.DEFINE_integer("drift_images", 1000, "test images that features are compared on, at most", lower_bound=2)


def main(_: list[str]) -> None:
    given = program.FLAGS
    if given.factor is None:
        raise InputError(f"--factor is missing: say what is to be varied, one of {', '.join(FACTORS)}")
    fixed = {} if given.target or not given.targets else {"target": given.targets[0]}
    config = program.config_from_flags(holdout_test=0.0, **fixed)
    from sjft_tf.factors import FactorSpec
    from sjft_tf.pipeline.programs.factors import factors
    from sjft_tf.study import numbers
    from sjft_tf.workdir import Workdir

    spec = FactorSpec(
        given.factor,
        config,
        tuple(word for text in given.values for word in text.split(",") if word),
        tuple(given.targets),
        given.images,
        given.source_images,
        numbers(given.seeds, "--seeds", int),
        given.holdout_test,
        given.keep_weights,
        given.drift_images if given.drift else 0,
        shlex.join(sys.argv),
    )
    with factors(spec, Workdir(given.workdir), given.at_once) as studied:
        program.do_study(studied)


def run() -> None:
    program.start(main, define)


if __name__ == "__main__":
    run()
