"""Writes the network of a trained run, of any of its rounds, as a SavedModel or as a file for other runtimes.

  python scripts/export.py --workdir=runs/mine --round=2 --output=models/mine
  python scripts/export.py --workdir=runs/mine --formats=keras,tflite,onnx

Files are checked: their answers to the run's test images must be the model's.
"""

from absl import flags
from sjft_tf.scripts import program

from sjft_tf.catalog import EXPORT_FORMATS, QUANTIZATIONS


def define() -> None:
    program.define_common()
    flags.DEFINE_integer("round", 0, "which round's weights, from 1; 0: the last one, of --early_stopping the best")
    flags.DEFINE_string(
        "output", "", "folder of the SavedModel, and files with their endings added; in the workdir when not given"
    )
    flags.DEFINE_list("formats", ["saved_model"], f"what to write, some of {', '.join(EXPORT_FORMATS)}")
    flags.DEFINE_enum("quantize", "none", list(QUANTIZATIONS), "in what a TFLite file keeps weights; none: float32")
    flags.DEFINE_string("images", "", "labeled images to check files on; the run's own when not given")


def main(_: list[str]) -> None:
    from sjft_tf.owned_folder import refuse_patterns
    from sjft_tf.pipeline.programs.export import ExportRequest, export
    from sjft_tf.workdir import Workdir

    given = program.FLAGS
    refuse_patterns(given.output, "--output")
    request = ExportRequest(given.round, given.output, given.formats, given.quantize, given.images)
    program.start_tensorflow()
    program.say_lines(export(Workdir(given.workdir), request))


def run() -> None:
    program.start(main, define)


if __name__ == "__main__":
    run()
