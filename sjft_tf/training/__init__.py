"""Training: the loop of fits over a growing borrowing (paper section 3).

- `RunConfig` and its sections: every setting.
- `train_rounds`, `TrainingSets`: the loop; `compile_joint`: losses and optimizer.
- `HardSampleMining`: the callback that scores the target and expands neighbors between fits.
- `RoundState`, `finished_rounds`, `load_round_weights`: what a round leaves behind.

Names are loaded on first use, because settings are read where TensorFlow must not be imported yet (`--help`).
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "RunConfig": "config",
    "TrainingSets": "rounds",
    "train_rounds": "rounds",
    "compile_joint": "compiling",
    "HardSampleMining": "callbacks",
    "RoundState": "state",
    "finished_rounds": "state",
    "load_round_weights": "state",
    "read_round": "state",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
