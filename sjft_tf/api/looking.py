"""What can be looked at without training: image sets, neighbors, harmful images, advice."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sjft_tf.advice import Advice
from sjft_tf.advice import advise as advice_for
from sjft_tf.api.inputs import Images, given, listed
from sjft_tf.api.settings import INPUTS, Setting, started
from sjft_tf.errors import InputError
from sjft_tf.images import MAX_PIXELS, SQUASH, ImageSet, open_source, quoted
from sjft_tf.pipeline.programs.advise import measure
from sjft_tf.pipeline.programs.prune import judged_images
from sjft_tf.pipeline.programs.retrieve import retrieve
from sjft_tf.retrieval import NeighborTable
from sjft_tf.workdir import Workdir


@contextlib.contextmanager
def _opened(workdir: str | Path | None) -> Iterator[Workdir]:
    """The workdir, locked; a temporary one where none was named."""
    with contextlib.ExitStack() as stack:
        folder = workdir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sjft-"))) / "run"
        opened = Workdir(folder)
        stack.enter_context(opened.locked())
        yield opened


def open_images(
    images: Images | list[Images],
    workdir: str | Path | None = None,
    *,
    bad_images: str = "error",
    max_pixels: int = MAX_PIXELS,
    value_range: tuple[float, float] | None = None,
    aspect_ratio: str = SQUASH,
) -> ImageSet:
    """Opens an image set, or several as one.

    Args:
        images: as for `fine_tune`; a list is joined, label spaces kept apart.
        workdir: where arrays and datasets are kept as files; None: they are read into memory.
        bad_images: "error" or "skip", for files that cannot be decoded.
        max_pixels: a file whose header claims more is a bad one.
        value_range: the values that are black and white in images of more than 8 bits; None: what their type says.
        aspect_ratio: "squash", or "crop" or "pad" for images as squares that keep it.

    Raises:
        InputError: it cannot be opened.

    Example:
        >>> import numpy as np
        >>> open_images((np.zeros((4, 8, 8), np.uint8), [0, 1, 0, 1])).num_classes
        2
    """
    with contextlib.ExitStack() as stack:
        folder = Path(workdir or stack.enter_context(tempfile.TemporaryDirectory(prefix="sjft-images-")))
        sets = [given(one, "given", folder / INPUTS) for one in listed(images)]
        if workdir is None and any(one.spec.startswith(f"folder:{quoted(str(folder))}") for one in sets):
            raise InputError("Images of different sizes are kept as files: name a `workdir` for them.")
        for one in sets:
            one.write()
        specs = [one.spec for one in sets]
        # An array file is read whole here.
        return open_source(
            specs,
            bad_images=bad_images,
            max_pixels=max_pixels,
            value_range=value_range,
            aspect_ratio=aspect_ratio,
        )


def neighbors(
    target: Images, source: Images | list[Images], *, workdir: str | Path | None = None, **settings: Setting
) -> NeighborTable:
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
    with _opened(workdir) as folder, started({"target": target, "source": source}, folder, settings) as config:
        retrieve(config, folder)
        return NeighborTable.load(folder.neighbors)


def influence_scores(
    target: Images, *, validation: Images | None = None, workdir: str | Path | None = None, **settings: Setting
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
    with _opened(workdir) as folder, started({"target": target, "validation": validation}, folder, settings) as config:
        return judged_images(config, folder)


def advise(
    target: Images, source: Images | list[Images], *, workdir: str | Path | None = None, **settings: Setting
) -> Advice:
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
        'borrow'
    """
    with _opened(workdir) as folder, started({"target": target, "source": source}, folder, settings) as config:
        return advice_for(measure(config, folder), config.model.trunk, config.model.weights != "none")
