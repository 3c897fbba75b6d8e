"""Which recipe suits a target and a source: how much data there is, how far away the source is, and what to try first.

  python scripts/advise.py --target=folder:MY_IMAGES --source=folder:LARGE_SET

Looks at labels and at descriptors of samples of both sets, trains nothing. Give the flags the training will have, or
--flagfile=flags/NAME.cfg: the commands it prints carry them. With --workdir it leaves advice.json there.
"""

import contextlib
import tempfile

from absl import flags
from sjft_tf.scripts import program

from sjft_tf.errors import InputError


def define() -> None:
    flags.DEFINE_string("workdir", "", "folder for advice.json; nothing is left when not given")
    program.define_config()
    flags.DEFINE_integer("sample_target", 256, "most target images that are described", lower_bound=2)
    flags.DEFINE_integer("sample_source", 2048, "most source images that are described", lower_bound=1)


def main(_: list[str]) -> None:
    given = program.FLAGS
    if not given.source:
        raise InputError("--source is missing: say which images could be borrowed, e.g. --source=folder:PATH")
    config = program.config_from_flags(selector="nearest")
    from sjft_tf.pipeline.programs.advise import advise
    from sjft_tf.workdir import Workdir

    program.start_tensorflow(config.training.seed)
    with contextlib.ExitStack() as stack:
        workdir = Workdir(given.workdir or stack.enter_context(tempfile.TemporaryDirectory()))
        if given.workdir:
            stack.enter_context(workdir.locked())
        keep = bool(given.workdir)
        program.say_lines(advise(config, workdir, keep, given.sample_target, given.sample_source))


def run() -> None:
    program.start(main, define)


if __name__ == "__main__":
    run()
