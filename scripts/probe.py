"""Linear classifiers on the layers of a frozen trunk: which layer, which views, SVM or logistic regression.

  python scripts/probe.py --target=folder:MY_IMAGES --workdir=runs/mine-probe

Nothing of the trunk is trained. Strength and power are chosen on validation images (or folds of the training images),
never on test images; the best by validation is exported as a SavedModel. Every finished result is kept: the same
command goes on. --rank_weights ranks starting weights instead.
"""

import dataclasses
import shlex
import sys

from absl import flags
from sjft_tf.scripts import program

from sjft_tf.config import ProbeConfig

# Settings of what is trained.
_OF_OTHER_PROGRAMS = (
    *("source_rows", "prune_target", "validation_fold", "pad", "mirror", "resize_max", "dropout", "reset_from"),
    *("freeze", "freeze_batch_norm", "batch_norm_momentum", "start_statistics", "head_start", "adapt_steps"),
    *("adapt_rate", "precision"),
)


def define() -> None:
    program.define_common()
    program.define_config("data", "view", "model", "engine", without=_OF_OTHER_PROGRAMS)
    program.define_section(ProbeConfig())
    flags.DEFINE_integer("eval_batch_size", 128, "pictures a forward pass", lower_bound=1)


def main(_: list[str]) -> None:
    given = program.FLAGS
    probe = ProbeConfig(**{item.name: getattr(given, item.name) for item in dataclasses.fields(ProbeConfig)})
    probe.check_fields()
    probe.check()
    config = program.config_from_flags(selector="all" if given.source else "none")
    if not probe.candidates():
        config.check_network()
    from sjft_tf.pipeline.programs.probe import probe as run_probe
    from sjft_tf.workdir import Workdir

    program.start_tensorflow(config.training.seed)
    workdir = Workdir(given.workdir)
    with workdir.locked():
        program.say_lines(run_probe(config, probe, workdir, shlex.join(sys.argv)))


def run() -> None:
    program.start(main, define)


if __name__ == "__main__":
    run()
