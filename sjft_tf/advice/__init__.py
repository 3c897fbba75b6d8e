"""Which recipe suits a target and a source: the lecture's decision table over two measured axes.

- `Measurement`: images a class, and the source's distance in units of the target's spread.
- `advise`: Measurement -> `Advice`, pure rules; `Recipe`: settings with their reason.
- `decide`: what --selector=auto takes, from the `Distances` of the source: a `ChosenSelector`.
- `early_stage`, `middle_stage`: where these end in the known trunks.
- `command`: settings as the command that runs it.
"""

from sjft_tf.advice.commands import command, flags_of
from sjft_tf.advice.deciding import FAR, Distances, decide
from sjft_tf.advice.measurement import BANK, BINS, DIFFERENT, LITTLE, SIDE, Measurement
from sjft_tf.advice.rules import Advice, Recipe, advise
from sjft_tf.advice.trunk_stages import early_stage, middle_stage

__all__ = [
    "BANK",
    "BINS",
    "DIFFERENT",
    "FAR",
    "LITTLE",
    "SIDE",
    "Advice",
    "Distances",
    "Measurement",
    "Recipe",
    "advise",
    "command",
    "decide",
    "early_stage",
    "flags_of",
    "middle_stage",
]
