"""The two-headed model: one trunk, one head for the target's labels and one for the source's."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.models.dropout import ResumableDropout
from sjft_tf.models.step import JointModel

TARGET, SOURCE = "target", "source"
"""Keys of the joint model's outputs; the Dense layers that make them are called `target_head` and `source_head`."""


def build_joint_model(
    trunk: keras.Model,
    num_target_classes: int,
    num_source_classes: int | None,
    dropout: float = 0.0,
    several_labels: bool = False,
) -> JointModel:
    """Puts randomly initialized heads on a trunk (paper section 3.1; label spaces stay separate).

    The model is flat and shares the trunk's layers: what trains here trains `trunk`.

    Args:
        trunk: from `build_trunk`: [N, S, S, 3] to features [N, F].
        num_target_classes: at least 2.
        num_source_classes: at least 2, all source sets together; None for plain fine-tuning (no source head).
        dropout: share of the features dropped before both heads in training, in [0, 1).
        several_labels: an image of the target may be of several classes or of none: the logits of its head are those of
            sigmoids, see `JointModel`; the source's are those of a softmax.

    Returns:
        A `JointModel` with the trunk's input and outputs `{"target": logits, "source": logits}`, float32 [N, classes];
        only "target" without a source.

    Raises:
        InputError: a class count below 2, or `dropout` out of range.
    """
    counts = {TARGET: num_target_classes} | ({} if num_source_classes is None else {SOURCE: num_source_classes})
    for domain, count in counts.items():
        if count < 2:
            raise InputError(f"The {domain} set must have at least 2 classes. Received: {count}")
    if not 0.0 <= dropout < 1.0:
        raise InputError(f"`dropout` must be at least 0 and below 1. Received: dropout={dropout}")
    features = trunk.output
    if dropout:
        features = ResumableDropout(dropout, dtype="float32", name="head_dropout")(features)
    outputs = {}
    for domain, count in counts.items():
        outputs[domain] = keras.layers.Dense(count, dtype="float32", name=f"{domain}_head")(features)
    model = JointModel(trunk.input, outputs, name="joint")
    model.several_labels = several_labels
    return model


def target_activation(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """What makes probabilities of a joint model's target logits: a softmax, or sigmoids where it has several labels."""
    return tf.nn.sigmoid if getattr(model, "several_labels", False) else tf.nn.softmax


def target_logits(model: keras.Model) -> keras.Model:
    """The part of a joint model that answers for the target: same layers and weights, output [N, C] logits.

    Args:
        model: a functional model with one input and a dict output that has the key "target".

    Raises:
        InputError: if the model is not of that form.
    """
    try:
        outputs, inputs = model.output, tf.nest.flatten(model.input)
    except (AttributeError, ValueError) as error:
        raise InputError(f"`model` must be a functional Keras model. Received: {type(model).__name__}") from error
    if not isinstance(outputs, dict) or "target" not in outputs or len(inputs) != 1:
        received = sorted(outputs) if isinstance(outputs, dict) else type(outputs).__name__
        raise InputError(
            'A joint model has one input and a dict of outputs with the key "target". '
            f"Received: {len(inputs)} inputs, outputs {received}"
        )
    # The bare tensor, not a list of one: Keras 3 warns about every call whose nesting differs from the model's.
    return keras.Model(inputs[0], outputs["target"], name="target_logits")
