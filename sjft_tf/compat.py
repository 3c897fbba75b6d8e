"""Which of the two dependency stacks is installed, and the few differences our code has to know."""

from __future__ import annotations

from importlib.metadata import version

# Read from what is installed: the settings are checked before Keras, which brings TensorFlow, is imported.
KERAS_3: bool = int(version("keras").split(".")[0]) >= 3
"""True on the default stack (Keras 3), False on the `addons` stack (Keras 2.15)."""
