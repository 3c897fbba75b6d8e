"""Only the first stage: bin edges and descriptors of the target images, kept in the working directory.

python scripts/extract.py --target=folder:MY_IMAGES --workdir=runs/mine
"""

from absl import flags
from sjft_tf.scripts import program


def define() -> None:
    program.define_common()
    program.define_config("data", "retrieval")
    flags.DEFINE_integer("seed", 0, "seed of --per_class, that of the training")


def main(_: list[str]) -> None:
    config = program.config_from_flags(selector="none")
    config.retrieval.check_bank()
    from sjft_tf.pipeline.programs.extract import extract
    from sjft_tf.workdir import Workdir

    program.start_tensorflow()
    workdir = Workdir(program.FLAGS.workdir)
    with workdir.locked():
        program.say_lines(extract(config, workdir))


def run() -> None:
    program.start(main, define)


if __name__ == "__main__":
    run()
