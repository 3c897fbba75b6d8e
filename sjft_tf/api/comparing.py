"""The comparison from Python."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sjft_tf import artifacts
from sjft_tf.api.inputs import Images
from sjft_tf.api.settings import prepared
from sjft_tf.comparison import MAIN_ARMS, ComparisonSpec, pick_arms
from sjft_tf.config import Setting
from sjft_tf.errors import InputError
from sjft_tf.pipeline.comparing.comparison import Comparison
from sjft_tf.pipeline.studying.program import launcher_for
from sjft_tf.workdir import ComparisonFiles, Workdir

log = logging.getLogger(__name__)


def compare(
    target: Images,
    source: Images | list[Images],
    *,
    validation: Images | None = None,
    test: Images | None = None,
    arms: Sequence[str] = MAIN_ARMS,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    rates: Sequence[float] = (),
    workdir: str | Path | None = None,
    at_once: int = 1,
    **settings: Setting,
) -> dict[str, Any]:
    """Does borrowing help? Several ways to learn a target, their settings chosen alike, over several seeds.

    Runs are done in processes apart. Learning rates are chosen on validation images, never on test images.

    Args:
        target, source, validation, test: as for `fine_tune`.
        arms: ways to learn, e.g. `("fine-tune", "selective")`.
        seeds: of the runs.
        rates: learning rates to choose from; none: 1/3, 1 and 10/3 times `learning_rate`. Of several, where the best is
            the lowest or highest, up to two beyond it are tried too.
        workdir: keeps all runs and the page about them; the same call goes on there. None: a temporary folder.
        at_once: runs done at the same time.
        **settings: by the names of the flags.

    Returns:
        What comparison.json holds: "arms", each with its chosen settings, runs and a summary of paired differences.

    Raises:
        InputError: sets or settings that do not fit, or a run that failed.

    Example:
        >>> import numpy as np
        >>> x, y = np.random.default_rng(0).integers(0, 256, (36, 8, 8, 3), np.uint8), np.arange(36) % 3
        >>> small = {"trunk": "preact_resnet", "weights": "none", "depth": 8, "width": 4, "image_size": 8, "resize": 8,
        ...     "descriptor_resize": 8, "descriptor_crop": 8, "k0": "2", "rounds": 1, "steps_per_round": 2}
        >>> result = compare((x[:12], y[:12]), "glyphs?n=104&size=8", validation=(x[12:24], y[12:24]),
        ...     test=(x[24:], y[24:]), arms=("fine-tune", "selective"), seeds=(0,), rates=(0.01,),
        ...     batch_size=4, **small)
        >>> {arm["name"]: 0 <= arm["summary"]["mean"] <= 1 for arm in result["arms"]}
        {'fine-tune': True, 'selective': True}
    """
    sets = {"target": target, "source": source, "validation": validation, "test": test}
    with tempfile.TemporaryDirectory(prefix="sjft-compare-") as temporary:
        folder = Workdir(workdir if workdir is not None else Path(temporary) / "runs")
        with folder.locked(), prepared(sets, folder, {"selector": "nearest", **settings}) as config:
            spec = ComparisonSpec(config, tuple(pick_arms(list(arms))), seeds=tuple(seeds), rates=tuple(rates))
            launcher = launcher_for(config, folder.root, at_once)
            comparison = Comparison(spec, folder, launcher, launcher.at_once, launcher.stop, launcher.close)
            try:
                for line in comparison.run():
                    log.info("%s", line)
            finally:
                launcher.close()
            if comparison.failed:
                raise InputError("; ".join(f"{name}: {why}" for name, why in comparison.failed.items()))
            return artifacts.read_json(folder.root / ComparisonFiles.RECORD, {"arms": list})
