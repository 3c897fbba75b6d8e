"""Selective joint fine-tuning in Keras/TensorFlow: transfer learning by borrowing data.

    import sjft_tf

    run = sjft_tf.fine_tune(target=(x, y), source="folder:LARGE_SET", trunk="ResNet50V2", rounds=3)
    run.figures, run.predict(new_images), run.export("saved_model")

The stages, in the order data flows through them: `images`, `descriptors`, `retrieval`, `selection`, `models`,
`training`, `evaluation`, `export`. Importing this package does not import TensorFlow: what it offers is loaded on first
use.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

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
