"""How a run looks at its images: the views, and the filter bank."""

from __future__ import annotations

from sjft_tf.config import RunConfig
from sjft_tf.descriptors import FilterBank, open_bank
from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet, View
from sjft_tf.images import evaluation_views as views_of


def descriptor_view(config: RunConfig) -> View:
    """The part of an image that the filter bank sees."""
    return View(config.retrieval.descriptor_resize, config.retrieval.descriptor_crop)


def for_descriptors(config: RunConfig, images: ImageSet) -> ImageSet:
    """The images as the filter bank gets them."""
    return images.reduced(config.retrieval.descriptor_resize) if config.retrieval.reduced_decoding else images


def network_view(config: RunConfig) -> View:
    """The part of an image that the network sees when it is evaluated."""
    return View(config.view.resize, config.view.image_size)


def evaluation_views(config: RunConfig) -> list[View]:
    """The views whose predictions are averaged for the figures."""
    kind, sides = config.evaluation.eval_views, config.evaluation.sides()
    return views_of(kind, config.view.resize, config.view.image_size, sides)


def views_stamp(config: RunConfig) -> str:
    """What figures and probabilities are made from beside weights and images: the views, as text."""
    views = evaluation_views(config)
    sides = ", ".join(str(view.crop) for view in views)
    return config.evaluation.eval_views + (f" {sides}" if config.evaluation.eval_views == "dense" else "")


def filter_bank(config: RunConfig) -> FilterBank:
    """The configured filter bank.

    Raises:
        InputError: --bank=features, which has none; or see `open_bank`.
    """
    settings = config.retrieval
    if settings.bank == "features":
        raise InputError(
            "--bank=features compares images by the trunk's features: it has no filters to describe or explain images "
            "with. Choose a filter bank such as --bank=gabor."
        )
    return open_bank(
        settings.bank,
        layers=tuple(settings.bank_layers),
        weights=settings.bank_weights,
        before_nonlinearity=settings.bank_before_nonlinearity,
    )
