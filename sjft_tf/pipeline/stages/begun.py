"""What a run that is trained longer keeps of its first plan."""

from __future__ import annotations

from sjft_tf.config import RunConfig
from sjft_tf.training import finished_rounds, round_made_from
from sjft_tf.workdir import Workdir


def as_begun(config: RunConfig, workdir: Workdir) -> RunConfig:
    """The settings with the rounds that the run in `workdir` was begun with; as they are where none is finished.

    How long lists of neighbors are and how many source images a pool has follows from the planned length of a run.
    What a longer one borrows from stays what it is: the search may have taken hours, and finished rounds depend on it.
    """
    if not finished_rounds(workdir.rounds):
        return config
    rounds = round_made_from(workdir.rounds, 0).get("rounds", config.training.rounds)
    return config.replace("training", rounds=min(rounds, config.training.rounds))
