"""Model fusion: several models' predictions for the same images become one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sjft_tf.errors import InputError


def average_probabilities(probabilities: Sequence[np.ndarray]) -> np.ndarray:
    """Averages the predictions of several models, each with the same weight.

    The paper's model fusion (section 4): the predictions of the models saved after each round are averaged.

    Args:
        probabilities: at least one array float [N, C], all for the same images and classes in the same order.

    Returns:
        float32 [N, C]; summed in float64, so that the order of the models does not matter.

    Raises:
        InputError: if there is none, or their shapes differ.
    """
    if not len(probabilities):
        raise InputError("Model fusion needs the predictions of at least one model. Received: none")
    shapes = [np.shape(p) for p in probabilities]
    if len(shapes[0]) != 2 or len(set(shapes)) > 1:
        raise InputError(
            "Model fusion needs predictions of one shape [images, classes] from every model. "
            f"Received: {', '.join(map(str, shapes))}. Score all models on the same images."
        )
    total = np.zeros(shapes[0], np.float64)
    for p in probabilities:
        total += p
    return (total / len(probabilities)).astype(np.float32)


def aligned(
    probabilities: np.ndarray, class_names: Sequence[str], wanted: Sequence[str], whose: str = "The other model"
) -> np.ndarray:
    """The columns of another model's predictions in the order of these classes, matched by name.

    Args:
        probabilities: float [N, C].
        class_names: the C names of its columns.
        wanted: the C names in the order asked for.
        whose: the model, for the message.

    Raises:
        InputError: if the names are not the same.
    """
    missing, more = [n for n in wanted if n not in class_names], [n for n in class_names if n not in wanted]
    if missing or more:
        raise InputError(
            f"{whose} was trained for other classes: {len(missing)} are missing (e.g. {missing[:3]}), {len(more)} are "
            f"unknown here (e.g. {more[:3]}). Models can be fused that answer for the same classes."
        )
    column_of = {name: column for column, name in enumerate(class_names)}
    return probabilities[:, [column_of[name] for name in wanted]]
