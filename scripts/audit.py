"""The leakage audit: source images that are the target's, training images that are held-out ones or in two classes.

  python scripts/audit.py --target=folder:MY_IMAGES --source=folder:LARGE_SET --workdir=runs/mine

Finds equal files and re-encoded, resized, mirrored or slightly cropped ones. Training looks through the source alike by
itself, and for equal files through the target. Without --source only the target's own images are compared.
"""

from absl import flags
from sjft_tf.scripts import program


def define() -> None:
    program.define_common()
    program.define_config(
        "data", "engine", without=("audit", "exclude_leaks")
    )  # these are of programs that go on after it
    flags.DEFINE_integer("seed", 0, "seed of --per_class, that of the training")


def main(_: list[str]) -> None:
    config = program.config_from_flags()
    from sjft_tf.pipeline.programs.audit import audit
    from sjft_tf.workdir import Workdir

    program.start_tensorflow()
    workdir = Workdir(program.FLAGS.workdir)
    with workdir.locked():
        program.say_lines(audit(config, workdir))


def run() -> None:
    program.start(main, define)


if __name__ == "__main__":
    run()
