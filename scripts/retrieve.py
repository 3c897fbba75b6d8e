"""Descriptors and retrieval without training: the ranked neighbors of every target image.

  python scripts/retrieve.py --target=folder:MY_IMAGES --source=folder:LARGE_SET --k0=100 --rounds=1 --workdir=runs/mine

Give the flags the training will have: it then uses the table made here.
"""

from sjft_tf.scripts import program


def define() -> None:
    program.define_common()
    program.define_config("data", "retrieval", "selection", "training")


def main(_: list[str]) -> None:
    config = program.config_from_flags()
    from sjft_tf.pipeline import commands
    from sjft_tf.workdir import Workdir

    program.start_tensorflow()
    workdir = Workdir(program.FLAGS.workdir)
    with workdir.locked():
        program.say_lines(commands.retrieve(config, workdir))


def run() -> None:
    program.start(main, define)


if __name__ == "__main__":
    run()
