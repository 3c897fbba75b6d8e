"""All benchmarks of speed as docs/benchmarks.md gives them, what is asked of them, and small sizes to try them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

from comparing import HIGHER, LOWER, Goal


class Benchmark(NamedTuple):
    """One command.

    Attributes:
        name: in the results.
        command: program and arguments, where DATA stands for the folder of image sets.
        quick: arguments that make it short.
        goals: what is asked, by figure.
    """

    name: str
    command: str
    quick: str = ""
    goals: dict[str, Goal] = {}  # noqa: RUF012

    @property
    def program(self) -> str:
        return self.command.split(".py")[0]

    def words(self, data: str, quick: bool = False) -> list[str]:
        """Program and arguments; quick ones stand after the others (before a `--`), where they win."""
        own, *after = self.command.split(" -- ")
        words = [*shlex.split(own), *shlex.split(self.quick if quick else "")]
        words += ["--", *shlex.split(after[0])] if after else []
        return [word.replace("DATA/", f"{data}/") for word in words]

    def absent(self, data: str) -> list[str]:
        """Those of the folders and files it needs that are not in `data`."""
        needed = dict.fromkeys(re.findall(r"DATA/([^\s#?]+)", self.command))
        return [f"DATA/{name}" for name in needed if not data or not Path(data, name).exists()]


_FLOWERS_X_TINY = "--target=folder:DATA/flowers102#train --source=folder:DATA/tiny_imagenet"
_PERMUTED = (
    "permuted_source.py --target=folder:DATA/flowers102/train --source=folder:DATA/tiny_imagenet "
    "--crop={} --targets=1020 --targets=306"
)
_SAME_BITS = {"tables of the same bits / tables": Goal(least=1)}
_TABLES = {"identical tables / searches": Goal(least=1)}
_SCORING = {"images/s, files, again / bare": Goal(least=0.9)}
_STAGES = {"every stage / last alone": Goal(most=1.3)}
_NORMALIZED = {"ours / stock": HIGHER, "mixed / ours": HIGHER}
_BY_WORKERS = {"workers / one process": Goal(most=1.15)}

SUITE = (
    Benchmark(
        "search",
        "search.py --targets=1000 --sources=20000 --channels=96 --bins=32 --k=1000 --repeats=9",
        "--targets=100 --sources=2000 --k=100 --repeats=3",
        {"search / products": Goal(most=1.2), "faiss / search": Goal(least=1.5)},
    ),
    Benchmark(
        "search_memory",
        "search_memory.py --sources 50000 400000 --memory_mb=256",
        "--sources 2000 8000 --targets=100 --k=100",
        {"last / first, peak": Goal(most=1.05), "last / first, above start": Goal(most=1.05)},
    ),
    Benchmark(
        "sharded_search",
        "sharded_search.py --images=1280000 --targets=1020 --k=5000 --shard_images=20000 --workers=2",
        "--images=4000 --targets=100 --k=500 --shard_images=1000",
        _BY_WORKERS,
    ),
    Benchmark(
        "sharded_search_12000",
        "sharded_search.py --images=128000 --targets=12000 --k=5000 --shard_images=20000 --workers=2",
        "--images=4000 --targets=1000 --k=500 --shard_images=1000",
        _BY_WORKERS,
    ),
    Benchmark(
        "killed_worker",
        "killed_search.py --times=20 --who=worker -- --target=folder:DATA/flowers102 "
        "--source=folder:DATA/tiny_imagenet --descriptor_resize=64 --descriptor_crop=64 --k0=1000 --rounds=1 "
        "--engine=dask --workers=2 --noaudit",
        "--times=1",
        _TABLES,
    ),
    Benchmark("permuted_source_64", _PERMUTED.format(64), "--targets=50", _SAME_BITS),
    Benchmark("permuted_source_71", _PERMUTED.format(71), "--targets=50", _SAME_BITS),
    Benchmark(
        "extraction_alexnet",
        "extraction.py --bank=alexnet-random --images=folder:DATA/flowers102/train --number=512",
        "--number=32 --repeats=3",
        {"histogramming / convolutions": Goal(most=1), "whole / (decoding + filters)": Goal(most=1.3)},
    ),
    Benchmark(
        "extraction_gabor",
        "extraction.py --bank=gabor --resize=64 --crop=64 --images=folder:DATA/tiny_imagenet --number=4000",
        "--number=256 --repeats=3",
        {"whole / (decoding + filters)": Goal(most=1.3)},
    ),
    Benchmark(
        "extraction_gabor_224",
        "extraction.py --bank=gabor --number=120 --repeats=7",
        "--number=16 --repeats=3",
        {"whole / (decoding + filters)": Goal(most=1.3)},
    ),
    Benchmark(
        "retrieval",
        f"retrieval.py {_FLOWERS_X_TINY} --resize=64 --crop=64 --k=2000",
        "--repeats=1",
        {"whole / (decoding + filters)": Goal(most=1.3)},
    ),
    Benchmark(
        "killed_search",
        "killed_search.py --times=20 -- --target=digits#train?per_class=20 --source=glyphs?n=8000 "
        "--descriptor_resize=64 --descriptor_crop=64 --k0=2000 --rounds=1 --checkpoint_images=1000 --noaudit",
        "--times=1",
        _TABLES,
    ),
    Benchmark(
        "killed_training",
        "killed_training.py --times=20 -- --target=digits#train?per_class=3 --source=glyphs?n=240 --image_size=32 "
        "--resize=32 --pad=2 --bins=8 --descriptor_resize=32 --descriptor_crop=32 --k0=10 --trunk=preact_resnet "
        "--weights=none --depth=8 --width=8 --dropout=0.2 --rounds=3 --steps_per_round=40 --batch_size=10 "
        "--eval_batch_size=32 --checkpoint_steps=5 --selector=nearest --noaudit",
        "--times=1",
        {"identical weights / trainings": Goal(least=1)},
    ),
    Benchmark(
        "approximate_search",
        "approximate_search.py --targets=1000 --images=40000 --k=1000",
        "--targets=100 --images=2000 --k=100 --repeats=2",
        {
            f"{figure}, {dimensions} dimensions, {candidates} K candidates": goal
            for dimensions in (64, 128)
            for candidates in (1.5, 2)
            for figure, goal in (("approximate / exact", LOWER), ("recall", HIGHER))
        },
    ),
    Benchmark(
        "training_mobilenet",
        "training.py --trunk=MobileNetV2 --alpha=0.35 --image_size=96 --batch_size=64",
        "--image_size=32 --batch_size=8 --steps=3 --repeats=3",
        {"stock / ours": Goal(least=1.5, older=0.95)},
    ),
    Benchmark(
        "training_resnet",
        "training.py --trunk=ResNet50 --image_size=64 --batch_size=64 --steps=4",
        "--image_size=32 --batch_size=8 --steps=2 --repeats=3",
        {"stock / ours": Goal(least=1.1, older=0.95)},
    ),
    Benchmark(
        "input_arrays",
        "input_pipeline.py --repeats=11",
        "--image_size=32 --batch_size=16 --images=200 --steps=4 --repeats=3",
        {"stream / prepared": Goal(most=1.05)},
    ),
    Benchmark(
        "input_files",
        "input_pipeline.py --files --image_size=64",
        "--batch_size=16 --images=200 --steps=4 --repeats=3",
        {"stream / prepared": Goal(most=1.05)},
    ),
    Benchmark(
        "scoring_64",
        "scoring.py --target=folder:DATA/flowers102#train --image_size=64 --repeats=15",
        "--repeats=3 --targets=500",
        _SCORING,
    ),
    Benchmark(
        "scoring_96",
        "scoring.py --target=folder:DATA/flowers102#train --image_size=96 --repeats=15",
        "--repeats=3 --targets=500",
        _SCORING,
    ),
    Benchmark(
        "audit",
        "audit.py --target=folder:DATA/flowers102 --source=folder:DATA/tiny_imagenet --copies=60 --seed=1",
        "--copies=4 --repeats=1",
        {
            "copies found / planted": Goal(least=0.95),
            "false alarms / source images": Goal(most=10 / 40_000),
            "audit / decoding": LOWER,
        },
    ),
    Benchmark(
        "influence_memory",
        "influence_memory.py --images 4000 16000 64000",
        "--images 1000 2000",
        {"memory, most / fewest images": LOWER},
    ),
    Benchmark(
        "influence_leave_one_out",
        "influence_leave_one_out.py --per_class --l2 0 --flowers=DATA/flowers102 "
        "--weights=DATA/weights/mobilenet_v2_0.35_224_notop.weights.h5",
        "--retrainings=5",
    ),
    Benchmark("batch_norm_64", "batch_norm.py --repeats=9 --steps=40", "--repeats=3 --steps=4", _NORMALIZED),
    Benchmark(
        "batch_norm_96",
        "batch_norm.py --repeats=5 --steps=20 --image_size=96",
        "--image_size=32 --repeats=3 --steps=4",
        _NORMALIZED,
    ),
    Benchmark(
        "layer_features_mobilenetv2",
        "layer_features.py --target=folder:DATA/flowers102#train --repeats=5",
        "--repeats=2",
        _STAGES,
    ),
    Benchmark(
        "layer_features_mobilenet",
        "layer_features.py --target=folder:DATA/flowers102#train --trunk=MobileNet --alpha=0.75 --repeats=3",
        "--repeats=2",
        _STAGES,
    ),
)
"""In the order of docs/benchmarks.md, which shows the same commands; a test holds the two together."""


def chosen(only: str, suite: tuple[Benchmark, ...] = SUITE) -> list[Benchmark]:
    """Those that `only` names, between commas, by their names or programs; all for "".

    Raises:
        ValueError: there is none of such a name.
    """
    wanted = [name for name in only.split(",") if name]
    known = {name for one in suite for name in (one.name, one.program)}
    if unknown := [name for name in wanted if name not in known]:
        raise ValueError(f"no benchmark {', '.join(unknown)}; there are {', '.join(one.name for one in suite)}")
    return [one for one in suite if not wanted or one.name in wanted or one.program in wanted]
