"""What a study of a factor must know of its image sets beforehand: distances, drawn classes."""

from __future__ import annotations

import math
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.factors import FIXED, FactorSpec, Prepared
from sjft_tf.study import with_classes, write_classes
from sjft_tf.workdir import StudyFiles

_SAMPLED = (256, 2048)
"""Target and source images that are described for a distance, as `advise.py` does."""


def prepared(spec: FactorSpec, root: Path) -> Prepared:
    """Finds out what is not in the workdir yet, in a process of its own: TensorFlow's memory comes back.

    Raises:
        InputError: sets that cannot be opened, or have fewer classes or images than are to be drawn.
    """
    distances, draws = _known_distances(spec, root), _draws(spec, root)
    missing = any(pair not in distances for pair in _pairs(spec))
    if missing or not all(draw.is_there for draw in draws.values()):
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            process.submit(prepare, spec, root).result()
        distances = _known_distances(spec, root)
    return Prepared(
        {pair: distances[pair] for pair in _pairs(spec)},
        {key: draw.settings(spec.base.data.source[0]) for key, draw in draws.items()},
    )


def prepare(spec: FactorSpec, root: Path) -> None:
    """Measures the distances and draws the classes that are missing; raises what `prepared` raises."""
    from sjft_tf.images import few_classes, open_image_set
    from sjft_tf.pipeline.sharding.scanning import open_sets
    from sjft_tf.pipeline.stages.sampling import Samples
    from sjft_tf.run_sets import NO_IMAGES
    from sjft_tf.workdir import Workdir

    shared = Workdir(root / StudyFiles.SHARED)
    known = _known_distances(spec, root)
    for target, source in _pairs(spec):
        if (target, source) in known:
            continue
        sources = [source] if source else list(spec.base.data.source)
        config = spec.base.replace("data", target=target, source=sources, validation=NO_IMAGES, test=NO_IMAGES)
        # A set is measured also where training leaves it alone; few images of a class have no spread to measure by.
        config = config.replace("selection", selector="all").replace("data", per_class=0)
        sets = open_sets(config, shared)
        ratio = Samples.of(sets.target, sets.source_images(), _SAMPLED, 0, len(sources) > 1).distance.ratio
        if not math.isfinite(ratio):
            raise InputError(
                f"The distance from {target} cannot be measured: most of its images have an exact copy among the "
                "others, so that there is no spread to measure by. Remove the copies"
            )
        known[target, source] = ratio
        artifacts.write_json(_distances(root), {"distances": [[*pair, float(value)] for pair, value in known.items()]})
    missing = {key: draw for key, draw in _draws(spec, root).items() if not draw.is_there}
    if not missing:
        return
    images = open_image_set(spec.base.data.source[0], **spec.base.data.reading(), cache=shared.scans)
    size = {"total": spec.source_images} if spec.images == FIXED else {"per_class": spec.source_images}
    for (count, seed), draw in missing.items():
        drawn = few_classes(images, count, seed, **size)
        write_classes(root, draw.name, drawn.class_names)
        if draw.rows is not None:
            with artifacts.atomic_write(draw.rows, "w") as stream:
                stream.writelines(f"{name}\n" for name in drawn.ids)


def _pairs(spec: FactorSpec) -> list[tuple[str, str]]:
    """Targets and sources whose distances are wanted; "" for all sources together."""
    if not spec.measures:
        return []
    sources = spec.base.data.source if spec.factor == "distance" else [""]
    return [(target, source) for target in spec.all_targets for source in sources]


def _distances(root: Path) -> Path:
    return root / StudyFiles.SHARED / "distances.json"


def _known_distances(spec: FactorSpec, root: Path) -> dict[tuple[str, str], float]:
    path = _distances(root)
    if not spec.measures or not path.is_file():
        return {}
    found = artifacts.read_json(path, {"distances": [list]}, "Remove it to have them measured again.")["distances"]
    return {(target, source): ratio for target, source, ratio in found}


@dataclass(frozen=True)
class _Draw:
    """Drawn classes: the name of their list, its file, and the file with the ids of their images, if not all."""

    name: str
    classes: Path
    rows: Path | None

    @property
    def is_there(self) -> bool:
        return self.classes.is_file() and (self.rows is None or self.rows.is_file())

    def settings(self, source: str) -> dict[str, Any]:
        """Of the runs that learn from them."""
        rows = {} if self.rows is None else {"source_rows": str(self.rows)}
        return {"source": [with_classes(source, self.name)], **rows}


def _draws(spec: FactorSpec, root: Path) -> dict[tuple[int, int], _Draw]:
    """By number of classes and seed."""
    if spec.factor != "source_classes":
        return {}
    found, folder = {}, root / StudyFiles.SHARED / StudyFiles.CLASSES
    size = f"{spec.source_images}-{'in-all' if spec.images == FIXED else 'each'}"
    for count in spec.numbers(kind=int):
        for seed in spec.seeds:
            name = f"{count}-seed{seed}"
            rows = folder / f"{name}-{size}-images.txt" if spec.source_images else None
            found[count, seed] = _Draw(name, folder / f"{name}.txt", rows)
    return found
