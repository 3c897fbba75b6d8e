"""How transferable are a network's layers? The study of Yosinski et al. (2014).

TransferSpec      what is asked for; its `study` has the cells base A, base B, BnB, BnB+, AnB, AnB+ and random
KINDS             the lines of its chart
Division          the classes of one set on two sides: random_halves, listed_halves, worded_halves
"""

from sjft_tf.transferability.asked import KINDS, TransferSpec
from sjft_tf.transferability.halves import (
    Division,
    listed_halves,
    random_halves,
    read_texts,
    read_words,
    worded_halves,
)

__all__ = [
    "KINDS",
    "Division",
    "TransferSpec",
    "listed_halves",
    "random_halves",
    "read_texts",
    "read_words",
    "worded_halves",
]
