"""Work divided into shards and done by workers on one machine or many, by Dask (dask.distributed).

What a worker does is a `Work`: a small value that every worker makes ready once and then does to one shard, a list of
rows, after the other. Results go to files of a folder that all can see (`ShardFiles`), so that a job that was broken
off loses no more than the shards in flight.

- `dask_engine`: the workers, started here or found at a scheduler's address.
- `overseeing`: which shard is tried where, and what is given up.
- `on_worker`: what happens in a worker's process.
"""

from sjft_tf.engine.dask_engine import DaskEngine
from sjft_tf.engine.on_worker import Answer, Work, asker, own_cores
from sjft_tf.engine.overseeing import divided
from sjft_tf.engine.shard_files import ShardFiles

__all__ = ["Answer", "DaskEngine", "ShardFiles", "Work", "asker", "divided", "own_cores"]
