"""The devices that share a run's batches: one, several of this host, or several processes.

Every replica has the model and an equal part of each batch. Losses are means over the valid rows of all replicas and
gradients are summed, so a step is the one-device step of the same batch, batch normalization aside: that normalizes by
the statistics of a replica's own rows. Moving statistics and the states of dropout layers lie on each replica without
exchange; `Cluster.join` averages the former when a fit ends. A moving average is linear, so that is the moving average
of the averaged statistics, whenever it is done.

What is not training runs once: `Cluster.once` lets the chief do it and gives its result to all processes.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from sjft_tf.config import DistributionConfig
from sjft_tf.errors import InputError
from sjft_tf.images import WHOLE_BATCH, BatchShard
from sjft_tf.models import plain
from sjft_tf.training.joining import join_workers
from sjft_tf.training.tf_config import Place, place_in_cluster

Arrays = dict[str, np.ndarray]

_ROOM = 2**24  # numbers in one piece of a broadcast: 64 MiB


class Cluster:
    """The replicas of a run, and the processes ("workers") they are in.

    Args:
        strategy: how variables and batches are distributed; None trains on one device as if there were no cluster.
        worker: number of this process, the chief's is 0.
        workers: number of processes.

    Attributes:
        replicas: devices that share a batch, in all processes together.
        is_chief: whether this process does what is done once, and writes.
    """

    def __init__(self, strategy: tf.distribute.Strategy | None = None, worker: int = 0, workers: int = 1) -> None:
        self.strategy = strategy
        self.is_chief = worker == 0
        self.replicas = 1 if strategy is None else int(strategy.num_replicas_in_sync)
        local = self.replicas // workers
        self._shard = WHOLE_BATCH if strategy is None else BatchShard(self.replicas, worker * local, local)
        self._joining: tuple[keras.Model, Callable[[], None]] | None = None
        self._broadcast = None if workers == 1 else _Broadcast(strategy, self.is_chief)

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Variables made inside lie on every replica: optimizers and what else goes with a model."""
        if self.strategy is None:
            yield
            return
        with self.strategy.scope():
            yield

    @contextlib.contextmanager
    def building(self) -> Iterator[None]:
        """The scope in which a model is built: what is not trained belongs to each replica until `join`.

        Otherwise a layer that assigns to such a variable exchanges it at once, at every step, which is not possible
        inside the loop over micro-batches; Keras 3's own layers cannot assign to them at all.
        """
        with self.scope(), tf.variable_creator_scope(_apart) if self.strategy else contextlib.nullcontext():
            yield

    def distribute(
        self, stream: Callable[[BatchShard], tf.data.Dataset]
    ) -> tf.data.Dataset | tf.distribute.DistributedDataset:
        """The batches for `fit`: those of `stream`, which is given the part of them that this process feeds."""
        if self.strategy is None:
            return stream(WHOLE_BATCH)
        return self.strategy.distribute_datasets_from_function(lambda _: stream(self._shard))

    def join(self, model: keras.Model) -> None:
        """Averages over the replicas what `building` made of floating point: the moving statistics."""
        if self.strategy is None or self.replicas == 1:
            return
        if self._joining is None or self._joining[0] is not model:
            variables = [v for v in model.non_trainable_variables if _is_apart(v) and tf.as_dtype(v.dtype).is_floating]
            self._joining = model, _averaging(self.strategy, variables)
        self._joining[1]()

    def once(self, function: Callable[[], Arrays]) -> Arrays:
        """Calls `function` in the chief; every process gets the arrays it returned.

        All processes must come here in the same order.

        Args:
            function: without arguments; its arrays must not be of objects.

        Raises:
            InputError: in the other processes, what `function` raised in the chief.
        """
        if self._broadcast is None:
            return function()
        if not self.is_chief:
            received = self._broadcast({})
            if "error" in received:
                raise InputError(f"The chief stopped: {received['error']}")
            return received
        try:
            arrays = function()
        except Exception as error:
            self._broadcast({"error": np.array(str(error))})
            raise
        return self._broadcast(arrays)

    def check_equal(self, what: Mapping[str, str | None]) -> None:
        """Checks that all processes work with the same things, known by name and fingerprint.

        Raises:
            InputError: in a process where one differs from the chief's.
        """
        chiefs = self.once(lambda: {name: np.array(str(value)) for name, value in what.items()})
        other = [name for name, value in what.items() if str(value) != str(chiefs[name])]
        if other:
            raise InputError(
                f"This process does not have the chief's {' and '.join(other)}. All processes of a run need the same "
                "flags and equal copies of the images."
            )

    def share(self, variables: list[tf.Variable]) -> None:
        """Gives the variables of all processes the chief's values."""
        if self._broadcast is None:
            return
        values = self.once(lambda: {f"{i:05d}": np.array(v.numpy()) for i, v in enumerate(variables)})
        if not self.is_chief:
            for i, variable in enumerate(variables):
                variable.assign(values[f"{i:05d}"])


class _Broadcast:
    """Called with arrays in the chief, and with any in the other processes: gives all of them the chief's.

    They go by way of a sum to which nobody else adds. Every device can add float32, and numbers of 16 bits are exact in
    it, so any array comes through bit by bit.
    """

    def __init__(self, strategy: tf.distribute.Strategy, is_chief: bool) -> None:
        self._strategy, self._is_chief = strategy, is_chief
        self._add = tf.function(self._first_replicas, reduce_retracing=True)

    def __call__(self, arrays: Arrays) -> Arrays:
        stream = io.BytesIO()
        np.savez(stream, **arrays)  # type: ignore[arg-type]
        own = np.frombuffer(stream.getvalue() + b"\0" * (len(stream.getvalue()) % 2), np.uint16).astype(np.float32)
        size = np.array([len(own) // 4096, len(own) % 4096], np.float32)
        high, low = self._chiefs(size)
        length = int(high) * 4096 + int(low)
        if not self._is_chief:
            own = np.zeros(length, np.float32)
        pieces = [self._chiefs(own[i : i + _ROOM]) for i in range(0, length, _ROOM)]
        with np.load(io.BytesIO(np.concatenate(pieces).astype(np.uint16).tobytes()), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}

    def _chiefs(self, numbers: np.ndarray) -> np.ndarray:
        return self._strategy.experimental_local_results(self._add(tf.constant(numbers)))[0].numpy()

    def _first_replicas(self, numbers: tf.Tensor) -> tf.Tensor:
        def add() -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            mine = tf.equal(context.replica_id_in_sync_group, 0)
            return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.where(mine, numbers, tf.zeros_like(numbers)))

        return self._strategy.run(add)


class JoinReplicas(keras.callbacks.Callback):
    """`Cluster.join` when a fit ends, before its weights are finished and scored."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__()
        self._cluster = cluster

    def on_train_end(self, logs: dict | None = None) -> None:
        self._cluster.join(self.model)


def _apart(make: Callable[..., tf.Variable], **options: Any) -> tf.Variable:
    if not options.get("trainable"):
        options["synchronization"] = tf.VariableSynchronization.ON_READ
        # Read outside of a step it is the first replica's. An average would be a collective: all processes would have
        # to read at the same time, where only the chief scores and writes.
        options["aggregation"] = tf.VariableAggregation.ONLY_FIRST_REPLICA
    return make(**options)


def _averaging(strategy: tf.distribute.Strategy, variables: list[tf.Variable]) -> Callable[[], None]:
    if not variables:
        return lambda: None

    def average() -> None:
        context = tf.distribute.get_replica_context()
        # Copies lie on the replica's device; a bare reading among several processes has no place yet.
        values = [tf.identity(tf.convert_to_tensor(v)) for v in variables]
        means = context.all_reduce(tf.distribute.ReduceOp.MEAN, values)
        for variable, mean in zip(variables, means, strict=True):
            variable.assign(mean)

    def everywhere() -> None:
        strategy.run(average)

    return tf.function(everywhere)


def _is_apart(variable: tf.Variable) -> bool:
    variable = plain(variable)
    return (variable.synchronization, variable.aggregation) == (
        tf.VariableSynchronization.ON_READ,
        tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )


ALONE = Cluster()
"""One device."""


def open_cluster(settings: DistributionConfig, batch_size: int) -> Cluster:
    """The cluster that the settings ask for, which divides each batch of `batch_size` among its devices.

    Several processes must come here before TensorFlow has done anything.

    Raises:
        InputError: TF_CONFIG is missing or not understood, a process does not come in time, or the batch cannot be
            divided among the devices.
    """
    name = settings.strategy
    if name == "none":
        return Cluster()
    place = Place(0, ("this host",)) if name == "mirrored" else place_in_cluster()
    if len(place.workers) == 1:
        kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
        cluster = Cluster(tf.distribute.MirroredStrategy([d.name for d in tf.config.list_logical_devices(kind)]))
    else:
        join_workers(place, settings.join_timeout)
        cluster = Cluster(tf.distribute.MultiWorkerMirroredStrategy(), place.own, len(place.workers))
    if batch_size % cluster.replicas:
        raise InputError(
            f"--batch_size={batch_size} cannot be divided equally among the {cluster.replicas} devices of "
            f"--strategy={name}. Choose a multiple of their number."
        )
    return cluster
