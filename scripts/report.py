"""Writes one HTML file about a run, or about a comparison, with charts and pictures; it needs nothing beside it.

python scripts/report.py --workdir=runs/mine

--output=page.md writes Markdown instead, for a repository: text, tables, charts in a folder beside it, no photographs.
--target and --source say where the images lie now, if they have moved since the run was made.
"""

from absl import flags
from sjft_tf.scripts import program


def define() -> None:
    program.define_common()
    flags.DEFINE_string("output", "", "HTML file, or Markdown where it ends in .md; WORKDIR/report.html when not given")
    flags.DEFINE_string("target", "", "target images, for the pictures; where the run found them when not given")
    flags.DEFINE_multi_string("source", [], "source images, likewise; give the flag again for more sets")


def main(_: list[str]) -> None:
    from sjft_tf.pipeline.programs.report import report

    given = program.FLAGS
    program.say_lines(report(given.workdir, given.output, target=given.target, source=given.source))


def run() -> None:
    program.start(main, define)


if __name__ == "__main__":
    run()
