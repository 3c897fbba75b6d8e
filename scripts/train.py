"""The whole job: borrow images, train on both sets in rounds, evaluate, export.

  python scripts/train.py --target=folder:MY_IMAGES --source=folder:LARGE_SET --workdir=runs/mine

The same command started again continues where it stopped; SIGTERM writes a checkpoint first.
--selector=none is plain fine-tuning; by default the selector is decided from the sets and the length of training.
"""

import shlex
import sys

from sjft_tf.scripts import program


def define() -> None:
    program.define_common()
    program.define_config()


def main(_: list[str]) -> None:
    config = program.config_from_flags()
    config.check_network()
    config.check_bank()
    from sjft_tf.pipeline.programs.train import assist, train
    from sjft_tf.training import StopRequest, open_cluster
    from sjft_tf.workdir import Workdir

    program.start_tensorflow(
        config.training.seed, config.training.deterministic, logical_cpus=config.distribution.logical_cpus
    )
    cluster = open_cluster(config.distribution, config.training.batch_size)
    if cluster.replicas > 1:
        program.say(f"Training on {cluster.replicas} devices (--strategy={config.distribution.strategy})")
    if not cluster.is_chief:
        assist(config, cluster)
        return
    workdir = Workdir(program.FLAGS.workdir)
    with workdir.locked():
        command = shlex.join(sys.argv)
        program.say_lines(train(config, workdir, StopRequest(), cluster, command).lines())


def run() -> None:
    program.start(main, define)


if __name__ == "__main__":
    run()
