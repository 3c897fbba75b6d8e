"""A finished run that is trained longer: what its rounds were made from differs by the length of the run alone."""

from __future__ import annotations

from sjft_tf import artifacts


def as_long_as(recorded: artifacts.Stamp, wanted: artifacts.Stamp) -> artifacts.Stamp:
    """What was recorded, with the length that is wanted where a run may get it later on.

    `rounds` may grow: rounds that are finished stay what they are. `early_stopping`, where there is any, may change:
    it says when training ends and which round counts, and no round depends on it.

    Args:
        recorded: what a round, a checkpoint or the settings of the run in a workdir were made from.
        wanted: what this start would record.

    Example:
        >>> as_long_as({"rounds": 1, "seed": 3}, {"rounds": 2, "seed": 4})
        {'rounds': 2, 'seed': 3}
    """
    longer = {}
    if {"rounds"} <= recorded.keys() & wanted.keys() and recorded["rounds"] <= wanted["rounds"]:
        longer["rounds"] = wanted["rounds"]
    if recorded.get("early_stopping") and "early_stopping" in wanted:
        longer["early_stopping"] = wanted["early_stopping"]
    return {**recorded, **longer}
