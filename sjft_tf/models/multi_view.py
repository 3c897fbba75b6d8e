"""Scoring with several views of each image: ten crops, or the network applied densely at several scales.

Dense evaluation in the manner of VGG (Simonyan & Zisserman 2015, section 3.2) makes the classifier convolutional,
applies it to the whole image, and averages the map of class scores over its positions. Our trunks end in a global
average of their last map f(x, y), and the head is linear: the mean over (x, y) of W f(x, y) + b is W mean(f) + b. So
the network applied to a larger image as it stands gives the logits of that averaged map exactly; their softmax is then
averaged over scales and mirror images.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from sjft_tf.compat import KERAS_3
from sjft_tf.errors import InputError
from sjft_tf.models.contracts import ImageDataset, SizedView
from sjft_tf.models.joint import TARGET, target_logits
from sjft_tf.models.scoring import Scorer


def at_side(model: keras.Model, side: int) -> keras.Model:
    """The target half of a joint model for images [side, side, 3]; a copy with weights of its own, those of `model`.

    Args:
        model: the joint model.
        side: pixels.

    Raises:
        InputError: the network cannot be applied to images of this size.
    """
    try:
        copy = sized_copy(target_logits(model), side)
    except ValueError as error:
        raise InputError(f"The network cannot be applied to images of {side} px ({error}). Choose others.") from error
    sized = keras.Model(copy.input, {TARGET: copy.output})
    sized.several_labels = bool(getattr(model, "several_labels", False))
    return sized


def sized_copy(model: keras.Model, side: int | None) -> keras.Model:
    """A flat network for images [side, side, 3], None: of any height and width; with weights of its own, the same.

    Raises:
        ValueError: one of its layers does not go with that size.
    """

    def fresh(layer: keras.layers.Layer) -> keras.layers.Layer:
        # A nested Sequential would insist on the size it was built for.
        if isinstance(layer, keras.Sequential):
            # With an input of its own, as the old one has since it was called: Keras 2.15 counts a layer's calls from
            # there, and looks for one that does not come, forever, where the two differ.
            given = [] if KERAS_3 else [keras.Input((None, None, layer.input_shape[-1]))]
            return keras.Sequential([*given, *(fresh(inner) for inner in layer.layers)], name=layer.name)
        return type(layer).from_config(layer.get_config())

    inputs = keras.Input((side, side, 3), dtype="float32")
    copy = keras.models.clone_model(model, input_tensors=inputs, clone_function=fresh)
    copy.set_weights(model.get_weights())
    for layer in copy._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # it computes with tensors made at build time, which set_weights does not refresh
    return copy


class MultiViewScorer:
    """Gives the mean target probabilities over all views of each image; called as a `Scorer` is.

    It follows the model. One pass over the images for each entry of `views`, so memory is that of one of them.

    Args:
        model: the joint model.
        views: `images.evaluation_views`; each counts as often as it has pictures.
        batch_size: pictures a forward pass.

    Attributes:
        num_classes: C.
    """

    def __init__(self, model: keras.Model, views: Sequence[SizedView], batch_size: int = 128) -> None:
        if not views:
            raise InputError("`views` must name at least one view. Received: none")
        self._model = target_logits(model)
        self.num_classes = int(self._model.output.shape[-1])
        side = self._model.input.shape[1]
        self._parts = []
        for view in views:
            sized = model if side in (None, view.crop) else at_side(model, view.crop)
            self._parts.append((view.views, sized if sized is not model else None, Scorer(sized, view, batch_size)))

    def __call__(
        self, image_set: ImageDataset, rows: np.ndarray | None = None, description: str = "Scoring"
    ) -> np.ndarray:
        """float32 [M, C] probabilities, in the order of `rows` (default: all)."""
        weights = self._model.get_weights()
        total = np.zeros(())
        for count, copy, scorer in self._parts:
            if copy is not None:
                copy.set_weights(weights)
            total = total + count * scorer(image_set, rows, description).astype(np.float64)
        return (total / sum(count for count, *_ in self._parts)).astype(np.float32)


def make_scorer(model: keras.Model, views: Sequence[SizedView], batch_size: int = 128) -> Scorer | MultiViewScorer:
    """The scorer for these views: the plain one where a single picture is all there is."""
    if len(views) == 1 and views[0].views == 1:
        return Scorer(model, views[0], batch_size)
    return MultiViewScorer(model, views, batch_size)
