"""Selective joint fine-tuning in Keras/TensorFlow: transfer learning by borrowing data.

    import sjft_tf

    run = sjft_tf.fine_tune(target=(x, y), source="folder:LARGE_SET", trunk="ResNet50V2", rounds=3)
    run.figures, run.predict(new_images), run.export("saved_model")

The stages, in the order data flows through them: `images`, `descriptors`, `retrieval`, `selection`, `models`,
`training`, `evaluation`, `export`. Importing this package does not import TensorFlow: what it offers is loaded on first
use.
"""

import importlib
import os
import platform
import sys
from typing import Any

__version__ = "0.1.0"

# TensorFlow leaves oneDNN off on x86-64 processors without AVX-512, where it trains 1.7 times as fast with it. It reads
# this at its import; where it has been imported already, subprocesses must not round otherwise than this process does.
if platform.machine() in ("x86_64", "AMD64") and "tensorflow" not in sys.modules:
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

_HOME = {
    **dict.fromkeys(("fine_tune", "load_run", "Run"), "sjft_tf.api"),
    **dict.fromkeys(("neighbors", "influence_scores", "advise", "compare", "open_images"), "sjft_tf.api"),
    "RunConfig": "sjft_tf.config",
    "InputError": "sjft_tf.errors",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
