"""Selective joint fine-tuning in Keras/TensorFlow: transfer learning by borrowing data.

The stages, in the order data flows through them: `images`, `descriptors`, `retrieval`, `selection`,
`models`, `training`, `evaluation`, `export`. Importing this package does not import TensorFlow.
"""

__version__ = "0.1.0"
