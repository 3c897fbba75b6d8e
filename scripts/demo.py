"""Five labeled images of each handwritten digit, thousands of rendered letters to borrow from: does borrowing help?

  python scripts/demo.py --workdir=runs/demo

Trains from scratch, by plain fine-tuning of a network that has learned the letters, and by joint fine-tuning of the
same network on digits and letters, with the same number of digit images seen, over five draws of the labeled digits,
and tests on the 1,547 digits of each draw that are neither among the labeled ones nor among those the recipe
(flags/demo.cfg) was chosen on. Needs no download, and no more than five minutes on two cores.
"""

import sys
import time

from absl import flags
from sjft_tf.scripts import program
from sjft_tf.scripts.recipes import RECIPES


def define() -> None:
    program.define_common()
    program.define_config()
    flags.DEFINE_integer("seeds", 5, "how many draws of the labeled digits")
    flags.DEFINE_integer("first_seed", 0, "seed of the first draw")
    flags.DEFINE_enum("judge", "test", ["test", "validation"], "images the table is about")


def main(_: list[str]) -> None:
    given, begun = program.FLAGS, time.perf_counter()
    config = program.config_from_flags()
    from sjft_tf.pipeline.programs.demo import Demo

    program.start_tensorflow(config.training.seed, config.training.deterministic)
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    program.say_lines(Demo(config, given.workdir, seeds, given.judge).run())
    program.say(f"The demo took {time.perf_counter() - begun:.0f} s.")


def run() -> None:
    if not any(argument.lstrip("-").startswith("flagfile") for argument in sys.argv[1:]):
        sys.argv.insert(1, f"--flagfile={RECIPES / 'demo.cfg'}")
    program.start(main, define)


if __name__ == "__main__":
    run()
