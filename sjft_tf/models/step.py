"""One training step of the joint model (paper section 3.1): both losses, accumulated gradients, one update."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from sjft_tf.compat import KERAS_3
from sjft_tf.errors import InputError
from sjft_tf.models.averaging import WeightAverage
from sjft_tf.models.losses import head_sums, valid_rows
from sjft_tf.models.precision import loss_scale, prepare_gradients, scale_loss


class StepRules:
    """How a step is made; see `JointModel.prepare` for the arguments. Not tracked by Keras: nothing of it is a weight.

    Attributes:
        steps: int64, training steps made since the run began.
        average: the moving average of the weights, or None.
    """

    def __init__(
        self,
        model: keras.Model,
        loss_weights: Mapping[str, float],
        label_smoothing: float = 0.0,
        clip_norm: float = 0.0,
        accumulate: int = 1,
        average_momentum: float = 0.0,
    ) -> None:
        if accumulate < 1:
            raise InputError(f"`accumulate` must be at least 1. Received: accumulate={accumulate}")
        self.loss_weights = dict(loss_weights)
        self.label_smoothing, self.clip_norm, self.accumulate = float(label_smoothing), float(clip_norm), accumulate
        self.average = WeightAverage(model, average_momentum) if average_momentum else None
        self.steps = tf.Variable(
            0, dtype=tf.int64, trainable=False, name="steps", aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
        )
        names = ["loss", *(f"{head}_{what}" for head in self.loss_weights for what in ("loss", "accuracy"))]
        self.metrics = {name: keras.metrics.Mean(name=name, dtype="float32") for name in names}
        if self.clip_norm:
            self.metrics["gradient_norm"] = keras.metrics.Mean(name="gradient_norm", dtype="float32")


@keras.saving.register_keras_serializable(package="sjft_tf")
class JointModel(keras.Model):
    """A functional model with the outputs "target" and, unless it is plain fine-tuning, "source".

    After `prepare` and `compile(optimizer=...)` it is trained by `fit` with batches of
    `(images float32 [N, H, W, 3], {"target": int32 [N], "source": int32 [N]})`, label -1 where a row is of the
    other domain; with a leading axis of micro-batches where gradients are accumulated. What `fit` reports: "loss"
    (weighted sum of the heads'), "target_loss", "source_loss", "target_accuracy", "source_accuracy", and
    "gradient_norm" (before clipping) where it is clipped: means over the steps of the fit.
    """

    rules: StepRules | None = None

    def prepare(
        self,
        loss_weights: Mapping[str, float],
        *,
        label_smoothing: float = 0.0,
        clip_norm: float = 0.0,
        accumulate: int = 1,
        average_momentum: float = 0.0,
    ) -> None:
        """Sets how steps are made.

        Args:
            loss_weights: a weight for each head.
            label_smoothing: see `head_sums`.
            clip_norm: largest norm of the whole gradient, larger ones are shortened to it; 0 does not clip.
            accumulate: micro-batches of a step. Each head's loss is the mean over the valid rows of all of them,
                so that the step equals one with a single large batch, batch normalization aside, and the optimizer,
                its schedule and its momentum see steps, not micro-batches.
            average_momentum: of the moving average of the weights; 0 keeps none.
        """
        if not KERAS_3:
            # Its figures are those of all replicas already; among several processes it would add them up once more.
            self.distribute_reduction_method = "first"
        self.rules = StepRules(self, loss_weights, label_smoothing, clip_norm, accumulate, average_momentum)

    @property
    def metrics(self) -> list[Any]:
        """What `fit` resets at the beginning of an epoch."""
        return list(self.rules.metrics.values()) if self.rules is not None else []

    @property
    def extra_variables(self) -> dict[str, Any]:
        """Variables that are neither weights nor the optimizer's and must be kept to go on, by name."""
        if self.rules is None:
            return {}
        average = self.rules.average
        return {"steps": self.rules.steps} | (average.state() if average is not None else {})

    def train_step(self, data: Any) -> dict[str, Any]:
        """One step; see the class."""
        if self.rules is None:
            raise RuntimeError("call prepare() before fit()")
        images, labels = data[:2]
        # A head's loss is a mean over the valid rows of all micro-batches and replicas, which are counted first.
        counts = _everywhere({head: valid_rows(labels[head]) for head in self.rules.loss_weights})
        variables = self.trainable_variables
        if self.rules.accumulate == 1:
            gradients, sums = self._gradients(images, labels, counts, variables)
        else:
            gradients, sums = self._accumulated(images, labels, counts, variables)
        gradients = prepare_gradients(self.optimizer, gradients)
        figures = _means(_everywhere(sums), counts, self.rules.loss_weights)
        if self.rules.clip_norm:
            gradients, figures["gradient_norm"] = _clipped(gradients, self.rules.clip_norm, loss_scale(self.optimizer))
        self.optimizer.apply_gradients(list(zip(gradients, variables, strict=True)))
        if self.rules.average is not None:
            self.rules.average.update(self.rules.steps)
        self.rules.steps.assign_add(1)
        for name, metric in self.rules.metrics.items():
            value, weight = figures[name], None
            if name == "gradient_norm":
                # That of a step which the loss scale is going to skip is not finite, and would spoil the mean.
                value, weight = _finite(value)
            metric.update_state(value, weight)
        return {name: _reducible(metric.result()) for name, metric in self.rules.metrics.items()}

    def test_step(self, data: Any) -> dict[str, Any]:
        """The same figures without training, as `evaluate` reports them; "gradient_norm" stays 0."""
        if self.rules is None:
            raise RuntimeError("call prepare() before evaluate()")
        images, labels = data[:2]
        counts = _everywhere({head: valid_rows(labels[head]) for head in self.rules.loss_weights})
        outputs = self(images, training=False)
        sums = {head: list(head_sums(labels[head], outputs[head], self.rules.label_smoothing)) for head in counts}
        for name, value in _means(_everywhere(sums), counts, self.rules.loss_weights).items():
            self.rules.metrics[name].update_state(value)
        return {name: metric.result() for name, metric in self.rules.metrics.items()}

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        # With several devices Keras 3 looks at a batch first, to build what is not built yet, and fails among several
        # processes. Here everything is built by `compile_joint`.
        return

    def _gradients(self, images: Any, labels: Any, counts: Any, variables: list[Any]) -> tuple[list[Any], Any]:
        assert self.rules is not None
        with tf.GradientTape() as tape:
            outputs = self(images, training=True)
            sums = {
                head: head_sums(labels[head], outputs[head], self.rules.label_smoothing)
                for head in self.rules.loss_weights
            }
            loss = tf.add_n(
                [
                    weight * tf.math.divide_no_nan(sums[head].loss, counts[head])
                    for head, weight in self.rules.loss_weights.items()
                ]
            )
            loss = scale_loss(self.optimizer, loss)
        gradients = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return gradients, {head: list(parts) for head, parts in sums.items()}

    def _accumulated(self, images: Any, labels: Any, counts: Any, variables: list[Any]) -> tuple[list[Any], Any]:
        assert self.rules is not None
        heads = list(self.rules.loss_weights)

        def add(i: tf.Tensor, gradients: list[Any], sums: dict[str, list[Any]]) -> tuple[tf.Tensor, Any, Any]:
            part, new_sums = self._gradients(images[i], {head: labels[head][i] for head in heads}, counts, variables)
            gradients = [total + new for total, new in zip(gradients, part, strict=True)]
            return i + 1, gradients, tf.nest.map_structure(lambda total, new: total + new, sums, new_sums)

        nothing = [tf.zeros(v.shape, v.dtype) for v in variables]
        _, gradients, sums = tf.while_loop(
            lambda i, *_: i < self.rules.accumulate,  # type: ignore[union-attr]
            add,
            (tf.constant(0), nothing, {head: [tf.zeros([]), tf.zeros([])] for head in heads}),
            maximum_iterations=self.rules.accumulate,
            # Side by side they would need the memory that accumulating saves.
            parallel_iterations=1,
        )
        return gradients, sums


def _everywhere(values: Any) -> Any:
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


def _means(sums: Any, counts: Any, weights: Mapping[str, float]) -> dict[str, tf.Tensor]:
    means = {}
    for head in weights:
        loss, hits = sums[head]
        means[f"{head}_loss"] = tf.math.divide_no_nan(loss, counts[head])
        means[f"{head}_accuracy"] = tf.math.divide_no_nan(hits, counts[head])
    return means | {"loss": tf.add_n([weight * means[f"{head}_loss"] for head, weight in weights.items()])}


def _finite(value: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    good = tf.math.is_finite(value)
    return tf.where(good, value, 0.0), tf.cast(good, tf.float32)


def _clipped(gradients: list[Any], limit: float, scale: Any) -> tuple[list[Any], tf.Tensor]:
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
