"""Names the class of image files with an exported model.

  python scripts/predict.py --workdir=runs/mine --images=NEW_IMAGES --output=answers.csv

--images is a file, a folder (searched through), a pattern such as 'photos/*.jpg', a table or list (.csv, .tsv, .txt, or
csv:FILE?image=COLUMN&root=DIR&suffix=.jpg), or - for one path a line on standard input; give it again for more.
--heat_maps=FOLDER draws where the network looks for the class that it answers, one PNG an image; it needs --workdir.
--output=answers.json gives a list in JSON, answers.jsonl a line of JSON an image.
"""

from absl import flags
from sjft_tf.scripts import program

from sjft_tf.catalog import HEAT_MAP_KINDS
from sjft_tf.config import DataConfig


def define() -> None:
    flags.DEFINE_string("workdir", "", "a trained run, whose saved_model is used")
    flags.DEFINE_string("model", "", "folder of a SavedModel, in place of --workdir")
    flags.DEFINE_multi_string("images", [], "image file, folder, pattern, table or -; may be given more than once")
    flags.DEFINE_string("output", "", "file for all answers; the screen when not given")
    flags.DEFINE_enum(
        "format", None, ["csv", "json", "jsonl"], "form of the answers; default: what --output ends in, or csv"
    )
    flags.DEFINE_integer("top_k", 1, "classes an image, the most probable first", lower_bound=1)
    flags.DEFINE_string("heat_maps", "", "new folder for pictures of where the network looks, one PNG an image")
    flags.DEFINE_enum(
        "heat_map_kind",
        "auto",
        list(HEAT_MAP_KINDS),
        "class_activation is exact, for networks that end with a global average; gradcam is for all; auto: the first "
        "that the network has",
    )
    flags.DEFINE_string("heat_map_class", "", "look for this class in every image, not for the one that is answered")
    program.define_config("evaluation")
    default = DataConfig().max_pixels
    flags.DEFINE_integer("max_pixels", default, "a file whose header claims more pixels is left out", lower_bound=1)


def main(_: list[str]) -> None:
    views = program.evaluation_from_flags()
    given = program.FLAGS
    from sjft_tf.owned_folder import refuse_patterns
    from sjft_tf.pipeline.programs.predict import AnswerFormat, HeatMapRequest, predict

    refuse_patterns(given.model, "--model")
    if not given.model:
        refuse_patterns(given.workdir, "--workdir")
    program.start_tensorflow(aside=not given.output)
    form = AnswerFormat(given.output, given.format or "", given.top_k, given.all_probabilities)
    drawn = HeatMapRequest(given.heat_maps, given.heat_map_kind, given.heat_map_class)
    program.say_lines(predict(given.workdir, given.model, given.images, form, views, given.max_pixels, drawn))


def run() -> None:
    program.start(main, define)


if __name__ == "__main__":
    run()
