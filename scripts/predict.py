"""Names the class of image files with an exported model.

  python scripts/predict.py --workdir=runs/mine --images=NEW_IMAGES --output=answers.csv

--images is a file, a folder (searched through) or a pattern such as 'photos/*.jpg'; give it again for more.
"""

from absl import flags
from sjft_tf.scripts import program


def define() -> None:
    flags.DEFINE_string("workdir", "", "a trained run, whose saved_model is used")
    flags.DEFINE_string("model", "", "or the folder of a SavedModel")
    flags.DEFINE_multi_string("images", [], "image file, folder or pattern; may be given more than once")
    flags.DEFINE_string("output", "", "CSV file for all answers; the screen when not given")


def main(_: list[str]) -> None:
    from sjft_tf.pipeline.prediction import predict

    program.start_tensorflow()
    given = program.FLAGS
    program.say_lines(predict(given.workdir, given.model, given.images, given.output))


def run() -> None:
    program.start(main, define)


if __name__ == "__main__":
    run()
