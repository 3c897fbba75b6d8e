"""How transferable are a network's layers? Bases on A and on B, and networks on B whose first n layers come from one.

  python scripts/transferability.py --target=folder:MANY_CLASSES --trunk=plain5 --image_size=32 --resize=32 \\
      --workdir=runs/transferability

A and B are random halves of the target's classes, two lists of classes, the sides of a word list, or two sets: --source
is A then, --target B. All are ordinary runs in WORKDIR/runs/. The same command again goes on; --plan lists the runs.
"""

import shlex
import sys

from absl import flags
from sjft_tf.scripts import program

KINDS = ("BnB", "BnB+", "AnB", "AnB+", "random")
WITHOUT = (
    *("holdout_test", "validation_fold", "source_rows", "target_rows", "prune_target", "freeze", "reset_from"),
    *("selector", "head_start", "partial_weights", "source", "adapt_steps", "adapt_rate", "co_tuning", "shard_images"),
)


def define() -> None:
    program.define_common()
    program.define_config(
        *(
            "data",
            "view",
            "augmentation",
            "model",
            "training",
            "checkpoints",
            "evaluation",
            "distribution",
            "engine",
            "monitor",
        ),
        without=WITHOUT,
    )
    # What the bases start from, and what batch normalization goes by, would differ between them and what follows.
    program.FLAGS.set_default("weights", "none")
    program.FLAGS.set_default("start_statistics", 0.0)
    program.define_study()
    flags.DEFINE_list("kinds", list(KINDS), "what the first n layers are; + trains them on B, without they are frozen")
    flags.DEFINE_multi_string(
        "layers", [], "values of n, counted as --freeze counts them; default: up to seven, evenly over the trunk"
    )
    flags.DEFINE_string("source", "", "the set that base A learns; the target is B's then, and not divided")
    flags.DEFINE_string("classes_a", "", "file with A's classes, one a line; with --classes_b")
    flags.DEFINE_string("classes_b", "", "file with B's classes, one a line")
    flags.DEFINE_string("words", "", "file with a line SIDE: word, word, ... for each side, A's first")
    flags.DEFINE_string("class_names", "", "for --words: file with a class, a tab and what it is on each line")
    flags.DEFINE_integer(
        "split_seed", -1, "random halves are drawn by this seed for all runs; -1: by each run's", lower_bound=-1
    )


def main(_: list[str]) -> None:
    given = program.FLAGS
    config = program.config_from_flags(selector="none", head_start="random", source=[], holdout_test=0.0)
    if given.source:
        config = config.replace("data", source=[given.source])
    from sjft_tf.pipeline.programs.transferability import transferability
    from sjft_tf.study import numbers
    from sjft_tf.transferability import TransferSpec
    from sjft_tf.workdir import Workdir

    spec = TransferSpec(
        config,
        tuple(given.kinds),
        layers=numbers(given.layers, "--layers", int),
        seeds=numbers(given.seeds, "--seeds", int),
        other=given.source,
        classes_a=given.classes_a,
        classes_b=given.classes_b,
        words=given.words,
        class_names=given.class_names,
        split_seed=given.split_seed,
        holdout_test=given.holdout_test,
        keep_weights=given.keep_weights,
        command=shlex.join(sys.argv),
    )
    with transferability(spec, Workdir(given.workdir), given.at_once) as study:
        program.do_study(study)


def run() -> None:
    program.start(main, define)


if __name__ == "__main__":
    run()
