"""--engine=dask: what of a run's work is divided into shards, and how a worker gets ready for it."""
