"""A target with some classes many times larger than others: a word about it, where nothing is done about it."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest

from sjft_tf.config import TrainingConfig
from sjft_tf.pipeline.stages.learning import tell_uneven


@pytest.mark.parametrize(
    ("counts", "training", "told"),
    [
        ([80, 2, 0], {}, True),
        ([19, 2], {}, False),
        ([80, 2], {"class_weight": "balanced"}, False),
        ([80, 2], {"sampling": "balanced"}, False),
    ],
)
def test_a_word(counts, training, told, caplog):
    with caplog.at_level(logging.INFO, "sjft_tf"):
        tell_uneven(SimpleNamespace(class_counts=np.array(counts), label_matrix=None), TrainingConfig(**training))
    assert ("have 2 to 80 images: --class_weight=balanced or --sampling=balanced" in caplog.text) == told
