"""Scores a labeled image set with a trained run, or with several whose predictions are averaged.

  python scripts/evaluate.py --workdir=runs/mine --images=folder:MORE_IMAGES --output=figures.json

--fuse_with=OTHER_RUN averages with another run of the same classes, --fuse_rounds over all rounds of each run.
"""

from absl import flags
from sjft_tf.scripts import program


def define() -> None:
    program.define_common()
    program.define_config("evaluation")
    flags.DEFINE_string("images", "", "labeled images to score; the run's own test images when not given")
    flags.DEFINE_integer("round", 0, "which round's weights, from 1; 0: the last one, of --early_stopping the best")
    flags.DEFINE_bool("fuse_rounds", False, "average the predictions of all rounds")
    flags.DEFINE_multi_string("fuse_with", [], "workdir of another run to average with; may be given more than once")
    flags.DEFINE_string("output", "", "JSON file for the figures; printed only when not given")


def main(_: list[str]) -> None:
    views = program.evaluation_from_flags()
    from sjft_tf.pipeline.programs.evaluate import EvaluationRequest, evaluate
    from sjft_tf.workdir import Workdir

    program.start_tensorflow()
    given = program.FLAGS
    request = EvaluationRequest(
        given.images, given.round, given.fuse_rounds, given.fuse_with, views, given.all_probabilities
    )
    program.say_lines(evaluate(Workdir(given.workdir), request, given.output))


def run() -> None:
    program.start(main, define)


if __name__ == "__main__":
    run()
