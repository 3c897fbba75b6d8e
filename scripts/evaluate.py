"""Scores a labeled image set with a trained run.

python scripts/evaluate.py --workdir=runs/mine --images=folder:MORE_IMAGES --output=figures.json
"""

from absl import flags
from sjft_tf.scripts import program


def define() -> None:
    program.define_common()
    flags.DEFINE_string("images", "", "labeled images to score; the run's own test images when not given")
    flags.DEFINE_integer("round", 0, "which round's weights, from 1; 0: the last one")
    flags.DEFINE_string("output", "", "JSON file for the figures; printed only when not given")


def main(_: list[str]) -> None:
    from sjft_tf.pipeline import commands
    from sjft_tf.workdir import Workdir

    program.start_tensorflow()
    given = program.FLAGS
    program.say_lines(commands.evaluate(Workdir(given.workdir), given.images, given.round, given.output))


def run() -> None:
    program.start(main, define)


if __name__ == "__main__":
    run()
