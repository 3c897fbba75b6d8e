"""The whole job: borrow images, train on both sets in rounds, evaluate, export.

  python scripts/train.py --target=folder:MY_IMAGES --source=folder:LARGE_SET --workdir=runs/mine

The same command started again continues where it stopped. --selector=none is plain fine-tuning.
"""

import shlex
import sys

from sjft_tf.scripts import program


def define() -> None:
    program.define_common()
    program.define_config()


def main(_: list[str]) -> None:
    config = program.config_from_flags()
    from sjft_tf.pipeline import commands
    from sjft_tf.workdir import Workdir

    program.start_tensorflow(config.training.seed, config.training.deterministic)
    workdir = Workdir(program.FLAGS.workdir)
    with workdir.locked():
        program.say_lines(commands.run(config, workdir, shlex.join(sys.argv)).lines())


def run() -> None:
    program.start(main, define)


if __name__ == "__main__":
    run()
