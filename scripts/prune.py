"""Which target images hurt: influence on validation loss, a list and pictures, and what to train on without them.

  python scripts/prune.py --target=folder:MY_IMAGES --workdir=runs/mine-prune
  python scripts/train.py --target=folder:MY_IMAGES --target_rows=runs/mine-prune/influence/kept.json ...

Exact on a convex head over the frozen trunk (--trunk, --weights), which takes seconds beside the features;
--influence_layers looks through the network instead. Test images are never used.
"""

from absl import flags
from sjft_tf.scripts import program

# Settings of programs that go on after it, and of what is trained there.
_OF_OTHER_PROGRAMS = (
    *("source", "source_rows", "audit", "exclude_leaks", "target_rows", "prune_target", "pad", "mirror", "resize_max"),
    *("dropout", "reset_from", "batch_norm_momentum", "start_statistics"),
)


def define() -> None:
    program.define_common()
    program.define_config("data", "view", "model", "prune", "engine", without=_OF_OTHER_PROGRAMS)
    flags.DEFINE_integer("seed", 0, "seed of the held-out images, the folds and --verify's choice")
    flags.DEFINE_integer("eval_batch_size", 128, "images a step")
    flags.DEFINE_integer("verify", 0, "train the head again without so many images: predicted against true change")


def main(_: list[str]) -> None:
    config = program.config_from_flags(selector="none")
    config.check_network()
    from sjft_tf.pipeline.programs.prune import prune
    from sjft_tf.workdir import Workdir

    program.start_tensorflow(config.training.seed)
    workdir = Workdir(program.FLAGS.workdir)
    with workdir.locked():
        program.say_lines(prune(config, workdir, program.FLAGS.verify))


def run() -> None:
    program.start(main, define)


if __name__ == "__main__":
    run()
