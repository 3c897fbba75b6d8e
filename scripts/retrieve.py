"""Descriptors and retrieval without training: the ranked neighbors of every target image.

  python scripts/retrieve.py --target=folder:MY_IMAGES --source=folder:LARGE_SET --k0=100 --rounds=1 --workdir=runs/mine

Give the flags the training will have: it then uses the table made here. With a table in the workdir, the same command
with --montage=ID_OR_ROW or --explain=ID_OR_ROW shows single target images more closely, without a new search.
"""

from absl import flags
from sjft_tf.scripts import program


def define() -> None:
    program.define_common()
    program.define_config("data", "view", "retrieval", "selection", "model", "training", "engine")
    flags.DEFINE_multi_string(
        "explain",
        [],
        "target image (id as in borrowed.csv, or row) whose distances to its nearest and its median neighbor are "
        "divided into the bank's filters; give the flag again for more",
    )
    flags.DEFINE_multi_string(
        "montage", [], "target image (id or row) to draw beside its neighbors; give the flag again for more"
    )
    flags.DEFINE_integer("montage_neighbors", 8, "neighbors of each image in the montage")
    flags.DEFINE_string("montage_output", "", "PNG file of the montage; default: montage.png in the workdir")


def main(_: list[str]) -> None:
    config = program.config_from_flags()
    config.check_bank()
    from sjft_tf.pipeline.programs.retrieve import InspectionRequest, retrieve
    from sjft_tf.workdir import Workdir

    program.start_tensorflow()
    given = program.FLAGS
    inspection = InspectionRequest(given.explain, given.montage, given.montage_neighbors, given.montage_output)
    workdir = Workdir(given.workdir)
    with workdir.locked():
        program.say_lines(retrieve(config, workdir, inspection))


def run() -> None:
    program.start(main, define)


if __name__ == "__main__":
    run()
