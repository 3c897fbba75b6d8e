"""Workers by Dask: a cluster started here, or one that is there already."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any, Self

import numpy as np

from sjft_tf.artifacts import fingerprint
from sjft_tf.engine.on_worker import Answer, Work, do, end_worker
from sjft_tf.engine.overseeing import Overseer
from sjft_tf.errors import InputError
from sjft_tf.parallel import cores

log = logging.getLogger(__name__)

_CONNECT_SECONDS = 30
# Signals come to a whole group of processes, from a terminal or a batch system. Workers of our own end with the process
# that started them, which may have something to finish first. Nothing is ignored: their children do not inherit this.
_DEAF = """
import signal
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: None)
"""


def _distributed() -> ModuleType:
    try:
        import distributed
    except ImportError as error:
        raise InputError("--engine=dask needs Dask: pip install 'sjft_tf[cluster]'") from error
    return distributed


class DaskEngine:
    """Has shards done by the workers of a Dask cluster; to be used as a context manager.

    Without `scheduler`, workers are processes of this machine, each on its share of the cores, that are started when
    the first shard is sent and end with this process, however it ends. Nothing is listened to from outside.

    Args:
        workers: processes to start; 0: one a core.
        scheduler: address of a Dask scheduler that is running, e.g. tcp://10.0.0.1:8786, or the file (.json) in which
            it wrote that; its workers are taken. TLS is by Dask's own configuration.
        patience: see `Overseer`.
        dashboard: start Dask's page about the workers too, and tell its address.

    Raises:
        InputError: Dask (or Bokeh, for the page) is not installed; nobody answers at `scheduler`.

    Example:
        >>> with DaskEngine(workers=2) as engine:
        ...     for rows, value in engine.each(work, divided(rows, 1000)):
        ...         print(len(rows), value)
    """

    def __init__(self, workers: int = 0, scheduler: str = "", patience: float = 0, dashboard: bool = False) -> None:
        _distributed()
        if dashboard and importlib.util.find_spec("bokeh") is None:
            raise InputError("--dashboard needs Bokeh: pip install bokeh")
        self._count, self._scheduler, self._patience = workers or cores(), scheduler, patience
        self._dashboard = dashboard
        self._ending = contextlib.ExitStack()
        self._client: Any = None
        self._starting = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client = None
        try:
            self._ending.close()
        except OSError:
            # On a machine with too much to do: what was asked for is done, and they end with this process.
            log.warning("The workers did not end in time")

    def each(
        self,
        work: Work,
        shards: Sequence[np.ndarray],
        hint: Callable[[], Any] = lambda: None,
        named: Callable[[np.ndarray], str] = lambda rows: f"rows {rows[0]} to {rows[-1]}",
    ) -> Iterator[tuple[np.ndarray, Any]]:
        """Has every shard done: yields its rows and what the work gave, in the order in which they come.

        Args:
            work: what is done.
            shards: rows int32 [n] each.
            hint: called when a shard is sent, for what goes along.
            named: what rows are called in messages.

        Raises:
            InputError: a shard failed with every worker that may try, no worker can do this work, or all are gone.
        """
        self.start()
        yield from Overseer(self, work, named, self._patience).each(shards, hint)

    def start(self) -> None:
        """Starts the workers, or finds them, if that was not done yet; several threads may ask for it.

        Raises:
            InputError: nobody answers at `scheduler`.
        """
        with self._starting:
            if self._client is None:
                self._start()

    def _start(self) -> None:
        distributed = _distributed()
        if self._scheduler:
            try:
                where = {"scheduler_file" if self._scheduler.endswith(".json") else "address": self._scheduler}
                client = distributed.Client(**where, timeout=_CONNECT_SECONDS, set_as_default=False)
            except (OSError, ValueError) as error:
                raise InputError(
                    f"--scheduler={self._scheduler}: no Dask scheduler answers there ({error}). Start one with `dask "
                    "scheduler`, and workers with `dask worker ADDRESS --nthreads 1`; or leave it out."
                ) from error
        else:
            cluster = self._ending.enter_context(self._own_cluster(distributed))
            client = distributed.Client(cluster, set_as_default=False)
        self._client = self._ending.enter_context(client)
        if self._dashboard:
            log.info("Dask's page about the workers: %s", client.dashboard_link)

    def _own_cluster(self, distributed: ModuleType) -> Any:
        """A scheduler in this process, and workers of this machine."""
        import dask

        logging.getLogger("distributed").propagate = False  # of its own workers' coming and going
        # By Dask's own settings matrices are multiplied by one thread, as many shards as threads being at work, and
        # every larger piece of memory goes back to the system at once: one worker of two cores took a seventh longer.
        share = str(max(1, cores() // self._count))
        threads = {f"{name}_NUM_THREADS": share for name in ("OMP", "OPENBLAS", "MKL")}
        with dask.config.set({"distributed.nanny.pre-spawn-environ": threads}):
            return distributed.LocalCluster(
                n_workers=self._count,
                threads_per_worker=1,
                host="127.0.0.1",
                memory_limit=None,  # it knows nothing of TensorFlow's memory
                dashboard_address="127.0.0.1:0",  # any free port: more than one cluster may be here
                scheduler_kwargs={"dashboard": self._dashboard},
                silence_logs=logging.CRITICAL,
                preload=_DEAF,
            )

    # What `Overseer` asks for.

    def addresses(self) -> list[str]:
        """See `Workers`."""
        return list(self._workers())

    def send(self, work: Work, rows: np.ndarray, hint: Any, to: Sequence[str]) -> Any:
        """See `Workers`."""
        key = fingerprint(repr(work))
        # A worker that is killed comes back under another address: what only the old one might do would wait for ever.
        where = {"workers": list(to), "allow_other_workers": True} if to else {}
        return self._client.submit(do, key, work, rows, hint, self._places(), pure=False, **where)

    def answer(self, future: Any) -> Answer | None:
        """See `Workers`."""
        distributed = _distributed()
        try:
            return future.result(timeout=_CONNECT_SECONDS)
        except distributed.scheduler.KilledWorker:
            return None
        except (OSError, distributed.CancelledError) as error:
            if self._client.status == "running":
                return None
            raise InputError(
                f"The scheduler of the workers went away ({error}). Start it again; the same command goes on."
            ) from error

    def cancel(self, future: Any) -> None:
        """See `Workers`."""
        with contextlib.suppress(OSError):
            future.cancel()

    def restart(self, future: Any) -> str:
        """See `Workers`."""
        for address, keys in self._client.processing().items():
            if future.key in keys:
                with contextlib.suppress(KeyError):  # it left since: the shard waits for another one
                    # By Dask's own restart a process whose thread hangs would be waited for.
                    self._client.run(end_worker, workers=[address], nanny=True, on_error="ignore")
                    return address
        return ""

    def tell(self, future: Any, function: Callable[..., bool], *arguments: object) -> bool:
        """Calls a function in the process that is at this shard, beside it: what it gave, False if none is at it."""
        with contextlib.suppress(OSError):
            for address, keys in self._client.processing().items():
                if future.key in keys:
                    told = self._client.run(function, *arguments, workers=[address], on_error="ignore")
                    return told.get(address, False)
        return False

    def _workers(self) -> dict[str, dict[str, Any]]:
        """What the scheduler knows of each worker, by its address."""
        return self._client.scheduler_info(n_workers=-1)["workers"]

    def _places(self) -> dict[str, tuple[int, int]]:
        """Of each worker, by its name, which of how many on its machine it is.

        One that is started again has another address and the same name: it keeps its place, on which a run's cores
        and so its figures depend.
        """
        info = self._workers()
        if not self._scheduler:
            return {str(one["name"]): (int(one["name"]), self._count) for one in info.values()}
        hosts = Counter(one["host"] for one in info.values())
        seen: Counter[str] = Counter()
        places = {}
        for one in sorted(info.values(), key=lambda worker: str(worker["name"])):
            places[str(one["name"])] = (seen[one["host"]], hosts[one["host"]])
            seen[one["host"]] += 1
        return places
