#!/bin/bash
# One job of SLURM: a scheduler, 31 workers and the search of a large source for a small target. Everything lies on a file
# system that all nodes see. Killed or out of time: submit it again, it goes on.
#
#   sbatch examples/slurm.sh folder:/shared/mine folder:/shared/imagenet /shared/runs/mine
#
#SBATCH --job-name=sjft --nodes=4 --ntasks=33 --cpus-per-task=4 --mem-per-cpu=2G --time=24:00:00
set -euo pipefail
target=$1 source=$2 workdir=$3
file=$workdir.scheduler.json  # beside the workdir, which is the run's own
rm -f "$file"

# By scheduler, workers and launcher alike; 4 cores a worker are given by SLURM, and kept to.
start() { srun --exact --ntasks="$1" --cpus-per-task=4 "${@:2}"; }

# Else Dask has a worker's matrices multiplied by one thread.
export DASK_DISTRIBUTED__NANNY__PRE_SPAWN_ENVIRON='{"OMP_NUM_THREADS": 4, "OPENBLAS_NUM_THREADS": 4}'

start 1 python -m distributed.cli.dask_scheduler --scheduler-file "$file" --no-dashboard &
until [ -s "$file" ]; do sleep 1; done
start 31 python -m distributed.cli.dask_worker --scheduler-file "$file" --nthreads 1 --memory-limit 0 --no-dashboard &

# The launcher searches with them, and then trains on its own node.
start 1 python scripts/train.py --target="$target" --source="$source" --selector=nearest --workdir="$workdir" \
    --engine=dask --scheduler="$file"
