"""One training step of the joint model (paper section 3.1): both losses, accumulated gradients, one update."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import keras
import numpy as np
import tensorflow as tf

from sjft_tf.compat import KERAS_3
from sjft_tf.errors import InputError
from sjft_tf.models.averaging import WeightAverage
from sjft_tf.models.co_tuning import CoTuning
from sjft_tf.models.contracts import Variable
from sjft_tf.models.losses import binary_head_sums, head_sums, soft_loss_sum, valid_rows
from sjft_tf.models.precision import loss_scale, prepare_gradients, scale_loss

Labels = Mapping[str, tf.Tensor]
"""Of each head int32 [N], -1 where a row is of the other domain; of mixed images also "partner" and "share".
Of several labels the target's are int32 [N, C_t] of 0 and 1, likewise."""
Counts = dict[str, tf.Tensor]
"""Of each term of the loss how many rows have a label, scalar float32."""
Sums = dict[str, list[tf.Tensor]]
"""Of each head loss and hits (see `HeadSums`), of Co-Tuning the loss alone, scalars float32."""
Nested = TypeVar("Nested")
CO_TUNING = "co_tuning"
"""Name of the third term of the loss, beside those of the heads."""


class StepRules:
    """How a step is made; see `JointModel.prepare` for the arguments. Not tracked by Keras: nothing of it is a weight.

    Attributes:
        class_weights: float32 [C_t], what the losses of target rows are multiplied by, by label; None: all are 1.
        steps: int64, training steps made since the run began.
        average: the moving average of the weights, or None.
        several_labels: the target head has a sigmoid for each class.
    """

    def __init__(
        self,
        model: keras.Model,
        loss_weights: Mapping[str, float],
        label_smoothing: float = 0.0,
        clip_norm: float = 0.0,
        accumulate: int = 1,
        average_momentum: float = 0.0,
        co_tuning: CoTuning | None = None,
    ) -> None:
        if accumulate < 1:
            raise InputError(f"`accumulate` must be at least 1. Received: accumulate={accumulate}")
        self.loss_weights = dict(loss_weights)
        self.label_smoothing, self.clip_norm, self.accumulate = float(label_smoothing), float(clip_norm), accumulate
        self.class_weights: np.ndarray | None = None
        self.several_labels = bool(getattr(model, "several_labels", False))
        self.relationship = None if co_tuning is None else co_tuning.relationship
        # Of every term of the loss; the heads' come first.
        self.weights = self.loss_weights | ({} if co_tuning is None else {CO_TUNING: float(co_tuning.weight)})
        self.average = WeightAverage(model, average_momentum) if average_momentum else None
        self.steps = tf.Variable(
            0, dtype=tf.int64, trainable=False, name="steps", aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
        )
        names = ["loss", *(f"{head}_{what}" for head in self.loss_weights for what in ("loss", "accuracy"))]
        names += [f"{CO_TUNING}_loss"] if co_tuning is not None else []
        self.metrics = {name: keras.metrics.Mean(name=name, dtype="float32") for name in names}
        if self.clip_norm:
            self.metrics["gradient_norm"] = keras.metrics.Mean(name="gradient_norm", dtype="float32")


@keras.saving.register_keras_serializable(package="sjft_tf")
class JointModel(keras.Model):
    """A functional model with the outputs "target" and, unless it is plain fine-tuning, "source".

    After `prepare` and `compile(optimizer=...)` it is trained by `fit` with batches of
    `(images float32 [N, H, W, 3], {"target": int32 [N], "source": int32 [N]})`, label -1 where a row is of the
    other domain; with a leading axis of micro-batches where gradients are accumulated. Where target images are mixed,
    "partner" int32 [N] is the label of what was mixed in and "share" float32 [N] how much "target" counts: loss and
    hits of a row are `share` times those of its label plus the rest times those of the partner's. What `fit` reports:
    "loss" (weighted sum of the terms), "target_loss", "source_loss", "target_accuracy", "source_accuracy",
    "gradient_norm" (before clipping) where it is clipped, and "co_tuning_loss" with Co-Tuning: means over the steps of
    the fit.

    With `several_labels` "target" labels are int32 [N, C_t] of 0 and 1, and its loss is `binary_head_sums`; nothing is
    mixed or weighed by class.
    """

    several_labels: bool = False
    rules: StepRules | None = None

    def prepare(
        self,
        loss_weights: Mapping[str, float],
        *,
        label_smoothing: float = 0.0,
        clip_norm: float = 0.0,
        accumulate: int = 1,
        average_momentum: float = 0.0,
        co_tuning: CoTuning | None = None,
        class_weights: np.ndarray | None = None,
    ) -> None:
        """Sets how steps are made.

        Args:
            loss_weights: a weight for each head that learns from labels. A source head without one is there for
                Co-Tuning alone; batches then have target rows only and no labels for it.
            label_smoothing: see `head_sums`.
            clip_norm: largest norm of the whole gradient, larger ones are shortened to it; 0 does not clip.
            accumulate: micro-batches of a step. Each head's loss is the mean over the valid rows of all of them,
                so that the step equals one with a single large batch, batch normalization aside, and the optimizer,
                its schedule and its momentum see steps, not micro-batches.
            average_momentum: of the moving average of the weights; 0 keeps none.
            co_tuning: what the source head is taught on target rows beside its labels; None for nothing.
            class_weights: float [C_t], what the losses of a target row, Co-Tuning's too, are multiplied by, by its
                label; None: all are 1.
        """
        if not KERAS_3:
            # Its figures are those of all replicas already; among several processes it would add them up once more.
            self.distribute_reduction_method = "first"
        self.rules = StepRules(self, loss_weights, label_smoothing, clip_norm, accumulate, average_momentum, co_tuning)
        if class_weights is not None:
            self.rules.class_weights = np.asarray(class_weights, np.float32)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """What `fit` resets at the beginning of an epoch."""
        return list(self.rules.metrics.values()) if self.rules is not None else []

    @property
    def extra_variables(self) -> dict[str, tf.Variable]:
        """Variables that are neither weights nor the optimizer's and must be kept to go on, by name."""
        if self.rules is None:
            return {}
        average = self.rules.average
        return {"steps": self.rules.steps} | (average.state() if average is not None else {})

    def train_step(self, data: tuple[tf.Tensor, Labels]) -> dict[str, tf.Tensor]:
        """One step; see the class."""
        rules = self._prepared("fit")
        images, labels = data[:2]
        # A head's loss is a mean over the valid rows of all micro-batches and replicas, which are counted first.
        counts = _counts(rules, labels)
        variables = self.trainable_variables
        if rules.accumulate == 1:
            gradients, sums = self._gradients(rules, images, labels, counts, variables)
        else:
            gradients, sums = self._accumulated(rules, images, labels, counts, variables)
        gradients = prepare_gradients(self.optimizer, gradients)
        figures = _means(_everywhere(sums), counts, rules.weights)
        if rules.clip_norm:
            gradients, figures["gradient_norm"] = _clipped(gradients, rules.clip_norm, loss_scale(self.optimizer))
        self.optimizer.apply_gradients(list(zip(gradients, variables, strict=True)))
        if rules.average is not None:
            rules.average.update(rules.steps)
        rules.steps.assign_add(1)
        for name, metric in rules.metrics.items():
            value, weight = figures[name], None
            if name == "gradient_norm":
                # That of a step which the loss scale is going to skip is not finite, and would spoil the mean.
                value, weight = _finite(value)
            metric.update_state(value, weight)
        return {name: _reducible(metric.result()) for name, metric in rules.metrics.items()}

    def test_step(self, data: tuple[tf.Tensor, Labels]) -> dict[str, tf.Tensor]:
        """The same figures without training, as `evaluate` reports them; "gradient_norm" stays 0."""
        rules = self._prepared("evaluate")
        images, labels = data[:2]
        sums = _sums(rules, labels, self(images, training=False))
        for name, value in _means(_everywhere(sums), _counts(rules, labels), rules.weights).items():
            rules.metrics[name].update_state(value)
        return {name: metric.result() for name, metric in rules.metrics.items()}

    def _prepared(self, caller: str) -> StepRules:
        if self.rules is None:
            raise RuntimeError(f"call prepare() before {caller}()")
        return self.rules

    def _maybe_symbolic_build(self, iterator: object = None, data_batch: object = None) -> None:
        # With several devices Keras 3 looks at a batch first, to build what is not built yet, and fails among several
        # processes. Here everything is built by `compile_joint`.
        return

    def _gradients(
        self, rules: StepRules, images: tf.Tensor, labels: Labels, counts: Counts, variables: list[Variable]
    ) -> tuple[list[tf.Tensor], Sums]:
        with tf.GradientTape() as tape:
            outputs = self(images, training=True)
            sums = _sums(rules, labels, outputs)
            loss = tf.add_n(
                [weight * tf.math.divide_no_nan(sums[name][0], counts[name]) for name, weight in rules.weights.items()]
            )
            loss = scale_loss(self.optimizer, loss)
        gradients = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return gradients, sums

    def _accumulated(
        self, rules: StepRules, images: tf.Tensor, labels: Labels, counts: Counts, variables: list[Variable]
    ) -> tuple[list[tf.Tensor], Sums]:
        def add(i: tf.Tensor, gradients: list[tf.Tensor], sums: Sums) -> tuple[tf.Tensor, list[tf.Tensor], Sums]:
            of_part = {name: values[i] for name, values in labels.items()}
            part, new_sums = self._gradients(rules, images[i], of_part, counts, variables)
            gradients = [total + new for total, new in zip(gradients, part, strict=True)]
            return i + 1, gradients, tf.nest.map_structure(lambda total, new: total + new, sums, new_sums)

        nothing = [tf.zeros(v.shape, v.dtype) for v in variables]
        _, gradients, sums = tf.while_loop(
            lambda i, *_: i < rules.accumulate,
            add,
            (tf.constant(0), nothing, _nothing(rules)),
            maximum_iterations=rules.accumulate,
            # Side by side they would need the memory that accumulating saves.
            parallel_iterations=1,
        )
        return gradients, sums


def _counts(rules: StepRules, labels: Labels) -> Counts:
    several = {"target": labels["target"][..., 0]} if rules.several_labels else {}  # a number a row
    counts = _everywhere({head: valid_rows(several.get(head, labels[head])) for head in rules.loss_weights})
    return counts | ({CO_TUNING: counts["target"]} if rules.relationship is not None else {})


def _sums(rules: StepRules, labels: Labels, outputs: Mapping[str, tf.Tensor]) -> Sums:
    weights, sums = rules.class_weights, {}
    for head in rules.loss_weights:
        if head == "target" and rules.several_labels:
            sums[head] = list(binary_head_sums(labels[head], outputs[head], rules.label_smoothing))
            continue
        own = weights if head == "target" else None
        parts = [
            head_sums(one, outputs[head], rules.label_smoothing, own, shares) for one, shares in _learned(labels, head)
        ]
        sums[head] = [tf.add_n(values) for values in zip(*parts, strict=True)]
    if (wanted := rules.relationship) is not None:
        taught = _learned(labels, "target")
        sums[CO_TUNING] = [
            tf.add_n([soft_loss_sum(one, outputs["source"], wanted, weights, shares) for one, shares in taught])
        ]
    return sums


def _learned(labels: Labels, head: str) -> list[tuple[tf.Tensor, tf.Tensor | None]]:
    """The labels that a head learns of each row, and how much they count (None: whole): two where images are mixed."""
    if head != "target" or "partner" not in labels:
        return [(labels[head], None)]
    return [(labels["target"], labels["share"]), (labels["partner"], 1.0 - labels["share"])]


def _nothing(rules: StepRules) -> Sums:
    return {name: [tf.zeros([])] * (2 if name in rules.loss_weights else 1) for name in rules.weights}


def _everywhere(values: Nested) -> Nested:
    # Sums over the replicas; several small numbers travel together.
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return values
    flat = tf.nest.flatten(values)
    total = context.all_reduce(tf.distribute.ReduceOp.SUM, tf.stack(flat))
    return tf.nest.pack_sequence_as(values, tf.unstack(total, len(flat)))


def _reducible(value: tf.Tensor) -> tf.Tensor:
    # What a step returns is equal on all replicas. Among several processes Keras 3 nevertheless takes its mean over the
    # replicas' rows, for which it must have one.
    return value[tf.newaxis] if KERAS_3 and _multi_worker() else value


def _multi_worker() -> bool:
    return isinstance(tf.distribute.get_strategy(), tf.distribute.MultiWorkerMirroredStrategy)


def _means(sums: Sums, counts: Counts, weights: Mapping[str, float]) -> dict[str, tf.Tensor]:
    means = {}
    for name in weights:
        loss, *hits = sums[name]
        means[f"{name}_loss"] = tf.math.divide_no_nan(loss, counts[name])
        if hits:
            means[f"{name}_accuracy"] = tf.math.divide_no_nan(hits[0], counts[name])
    return means | {"loss": tf.add_n([weight * means[f"{name}_loss"] for name, weight in weights.items()])}


def _finite(value: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    good = tf.math.is_finite(value)
    return tf.where(good, value, 0.0), tf.cast(good, tf.float32)


def _clipped(gradients: list[tf.Tensor], limit: float, scale: tf.Tensor | float) -> tuple[list[tf.Tensor], tf.Tensor]:
    # The norm is that of the sum over the replicas, which the optimizer adds up only later: each replica shortens its
    # share by the same factor.
    context = tf.distribute.get_replica_context()
    whole = gradients
    if context is not None and context.num_replicas_in_sync > 1:
        whole = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
    norm = tf.linalg.global_norm(whole) / scale
    factor = tf.minimum(1.0, tf.math.divide_no_nan(limit, norm))
    # A norm that is not finite must stay visible: to the loss scale, or to the user as a loss of NaN.
    factor = tf.where(tf.math.is_finite(norm), factor, norm)
    return [gradient * tf.cast(factor, gradient.dtype) for gradient in gradients], norm
