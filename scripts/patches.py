"""Learns images with several objects patch by patch: which classes an image has, and where they are, as heat maps.

  python scripts/patches.py --target=scenes --workdir=runs/scenes
  python scripts/patches.py --target=coco:train.json?images=DIR --test=coco:val.json?images=DIR --workdir=runs/mine

Targets with boxes are scenes, coco:, voc: and boxes:; of any other set the patches of an image take its label.
The trunk (--trunk, --weights) stays as it is; two new layers are trained on features of its patches.
"""

from absl import flags
from sjft_tf.scripts import program

# Settings of programs that train the whole network, and of what cuts images for it.
_OF_OTHER_PROGRAMS = (
    *("source", "source_rows", "audit", "exclude_leaks", "target_rows", "prune_target", "per_class", "validation"),
    *("validation_fold", "aspect_ratio", "pad", "mirror", "resize", "resize_max", "dropout", "reset_from", "freeze"),
    *("freeze_batch_norm", "batch_norm_momentum", "start_statistics", "adapt_steps", "adapt_rate", "head_start"),
    "precision",
)


def define() -> None:
    from sjft_tf.config import PatchConfig

    program.define_common()
    program.define_config("data", "view", "model", without=_OF_OTHER_PROGRAMS)
    program.define_section(PatchConfig())
    flags.DEFINE_integer("seed", 0, "seed of the patches that are drawn and of the new layers")


def main(_: list[str]) -> None:
    from sjft_tf.config import PatchConfig

    given = program.FLAGS
    settings = program.section_from_flags(PatchConfig)
    config = program.config_from_flags(selector="none", resize=given.image_size)
    config.check_network()
    from sjft_tf.pipeline.programs.patches import patches
    from sjft_tf.workdir import Workdir

    program.start_tensorflow(config.training.seed)
    workdir = Workdir(given.workdir)
    with workdir.locked():
        program.say_lines(patches(config, settings, workdir))


def run() -> None:
    program.start(main, define)


if __name__ == "__main__":
    run()
