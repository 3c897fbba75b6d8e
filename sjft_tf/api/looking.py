"""What can be looked at without training: image sets, neighbors, harmful images, advice."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sjft_tf.advice import Advice
from sjft_tf.advice import advise as judged
from sjft_tf.api.inputs import given, listed
from sjft_tf.api.settings import INPUTS, settings_of, started
from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet, open_source
from sjft_tf.pipeline.programs.advise import measure
from sjft_tf.pipeline.programs.prune import judged_images
from sjft_tf.pipeline.programs.retrieve import retrieve
from sjft_tf.retrieval import NeighborTable
from sjft_tf.workdir import Workdir


@contextlib.contextmanager
def _place(workdir: str | Path | None) -> Iterator[Workdir]:
    """The workdir, locked; a temporary one where none was named."""
    with contextlib.ExitStack() as stack:
        folder = workdir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sjft-"))) / "run"
        place = Workdir(folder)
        stack.enter_context(place.locked())
        yield place


def open_images(images: Any, workdir: str | Path | None = None, **settings: Any) -> ImageSet:
    """Opens an image set, or several as one.

    Args:
        images: as for `fine_tune`; a list is joined, label spaces kept apart.
        workdir: where arrays and datasets are kept as files; None: they are read into memory.
        **settings: `bad_images`, `max_pixels`.

    Raises:
        InputError: it cannot be opened.

    Example:
        >>> import numpy as np
        >>> open_images((np.zeros((4, 8, 8), np.uint8), [0, 1, 0, 1])).num_classes
        2
    """
    with contextlib.ExitStack() as stack:
        folder = Path(workdir or stack.enter_context(tempfile.TemporaryDirectory(prefix="sjft-images-")))
        found = [given(one, "given", folder / INPUTS) for one in listed(images)]
        if workdir is None and any(one.spec.startswith(f"folder:{folder}") for one in found):
            raise InputError("Images of different sizes are kept as files: name a `workdir` for them.")
        for one in found:
            one.write()
        return open_source([one.spec for one in found], **settings)  # an array file is read whole here


def neighbors(target: Any, source: Any, *, workdir: str | Path | None = None, **settings: Any) -> NeighborTable:
    """The source images most like each target image: rows int32 and distances float32 [N_t, K_max], nearest first.

    Args:
        target, source: as for `fine_tune`.
        workdir: keeps table and edges; `fine_tune` with the same settings there uses them.
        **settings: by the names of the flags, e.g. `k0="100"`, `rounds=1`, `bank="alexnet"`.

    Raises:
        InputError: sets or settings that do not fit.

    Example:
        >>> import numpy as np
        >>> x, y = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), np.uint8), np.arange(12) % 3
        >>> table = neighbors((x, y), "glyphs?n=104&size=8", k0="2", rounds=1, descriptor_resize=8, descriptor_crop=8)
        >>> table.rows.shape
        (12, 2)
    """
    with _place(workdir) as place:
        config = settings_of({"target": target, "source": source}, place, settings)
        started(config)
        list(retrieve(config, place))
        return NeighborTable.load(place.neighbors)


def influence_scores(
    target: Any, *, validation: Any = None, workdir: str | Path | None = None, **settings: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Which target images hurt: what dropping each would do to the validation loss, and which are to be dropped.

    Args:
        target, validation: as for `fine_tune`.
        workdir: keeps the list and its pictures.
        **settings: by the names of the flags, e.g. `trunk`, `weights`, `cross_fit=5`.

    Returns:
        Scores float64 [N], positive where the image hurts, NaN for one that judged instead; and bool [N], dropped.

    Raises:
        InputError: sets or settings that do not fit.

    Example:
        >>> import numpy as np
        >>> x, y = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 3), np.uint8), np.arange(30) % 3
        >>> scores, dropped = influence_scores((x, y), trunk="preact_resnet", weights="none", depth=8, width=4,
        ...     image_size=8, resize=8)
        >>> scores.shape
        (30,)
    """
    with _place(workdir) as place:
        config = settings_of({"target": target, "validation": validation}, place, settings)
        started(config)
        return judged_images(config, place)


def advise(target: Any, source: Any, *, workdir: str | Path | None = None, **settings: Any) -> Advice:
    """Which recipe suits a target and a source; trains nothing.

    Args:
        target, source: as for `fine_tune`.
        workdir: where checked files are noted.
        **settings: those the training will have, by the names of the flags.

    Raises:
        InputError: sets that do not fit.

    Example:
        >>> import numpy as np
        >>> x, y = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), np.uint8), np.arange(12) % 3
        >>> advise((x, y), "glyphs?n=104&size=8", trunk="preact_resnet", weights="none").recipes[0].name
        'borrow-all'
    """
    with _place(workdir) as place:
        config = settings_of({"target": target, "source": source}, place, settings)
        started(config)
        return judged(measure(config, place), config.model.trunk, config.model.weights != "none")
