"""Writes the SavedModel of a trained run, of any of its rounds.

python scripts/export.py --workdir=runs/mine --round=2 --output=models/mine
"""

from absl import flags
from sjft_tf.scripts import program


def define() -> None:
    program.define_common()
    flags.DEFINE_integer("round", 0, "which round's weights, from 1; 0: the last one, of --early_stopping the best")
    flags.DEFINE_string("output", "", "folder of the SavedModel; WORKDIR/saved_model when not given")


def main(_: list[str]) -> None:
    from sjft_tf.owned_folder import refuse_patterns
    from sjft_tf.pipeline.programs.export import export
    from sjft_tf.workdir import Workdir

    given = program.FLAGS
    refuse_patterns(given.output, "--output")
    program.start_tensorflow()
    program.say_lines(export(Workdir(given.workdir), given.round, given.output))


def run() -> None:
    program.start(main, define)


if __name__ == "__main__":
    run()
