"""Which of the two dependency stacks is installed, and the few differences our code has to know."""

from __future__ import annotations

import keras

KERAS_3: bool = int(keras.__version__.split(".")[0]) >= 3
"""True on the default stack (Keras 3), False on the `addons` stack (Keras 2.15)."""
