"""Everything that can be judged before retrieval, judged before it: hours of searching must not end in a wrong flag.

`check_settings` needs no image, `check_sets` the opened sets. What training would refuse is asked of the same
functions that training calls, so that the two cannot disagree.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import tensorflow as tf

from sjft_tf import artifacts
from sjft_tf.catalog import MODEL, is_saved
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.images import check_max_per_class
from sjft_tf.models import layers_up_to, make_optimizer, parse_rates, rate_factors, reset_from
from sjft_tf.pipeline.checking.memory import machine_memory, refuse_too_large
from sjft_tf.pipeline.checking.several_labels import refuse_by_class
from sjft_tf.pipeline.inputs import filter_bank
from sjft_tf.pipeline.networks import build_run_trunk, network_origin
from sjft_tf.pipeline.stages.neighbors import list_length
from sjft_tf.run_sets import Sets
from sjft_tf.selection import TABLE_SELECTORS
from sjft_tf.training import augmentation, finished_rounds
from sjft_tf.workdir import Workdir

Result = TypeVar("Result")


def check_settings(config: RunConfig, workdir: Workdir | None = None) -> None:
    """Checks of a training what can be judged without images; weight files are read.

    Not where a round has been trained in `workdir` with these settings: they were looked at before it. Other weights
    are refused there by what the round was made from.

    Raises:
        InputError: a setting that training, or the retrieval before it, would refuse.
    """
    if workdir is not None and _trained_with(config, workdir):
        return
    make_optimizer(config.training.optimizer, config.training.learning_rate)
    rates = parse_rates(config.training.layer_rate)
    augmentation(config.view, config.augmentation)
    config.check_network()
    batches = 2 if config.borrows else 1
    side, count = config.view.image_size, config.training.batch_size
    refuse_too_large(
        batches * count * side * side * 3 * 4,
        f"a batch of {batches * count} images of {side} px (--batch_size={count}, --image_size={side})",
    )
    model, local = config.model, config.model.weights not in ("none", "imagenet")
    if model.freeze or rates or model.reset_from or local or is_saved(model.trunk):
        sight = _sight(config)
        if sight is None or sight not in _seen:
            _aside(lambda: _build_and_look(config, rates))
        if sight is not None:
            _seen.add(sight)
    check_bank(config)


def _trained_with(config: RunConfig, workdir: Workdir) -> bool:
    if not finished_rounds(workdir.rounds):
        return False
    try:
        return workdir.read_config() == config
    except InputError:  # damaged: it is written anew
        return False


_seen: set[str] = set()
"""What was built and looked at in this process: that of a comparison's next run need not be again."""


def _sight(config: RunConfig) -> str | None:
    """All that `_build_and_look` sees; None where that includes other files than the weights, or those are missing."""
    if config.model.reset_from:
        return None
    with contextlib.suppress(InputError):
        origin = network_origin(config.model)
        return artifacts.fingerprint(config.stamp("view", "model") | origin, config.training.layer_rate)
    return None


def check_bank(config: RunConfig) -> None:
    """Opens the filter bank, if neighbors are to be found with one, and lets it look at the size of the view.

    Raises:
        InputError: no such bank or layer, a weight file that is missing, damaged or of other filters, a view too small.
    """
    if config.retrieval.bank != "features" and config.may_search:
        _aside(lambda: _open_bank(config))


def check_sets(config: RunConfig, sets: Sets) -> None:
    """Checks what the settings ask of the opened sets, before they are described, searched or learned.

    Raises:
        InputError: a number that these sets cannot give, or that cannot fit into this machine's memory.
    """
    training = config.training
    refuse_by_class(config, sets.target)
    check_max_per_class(sets.target.labels, training.batch_size, training.max_per_class)
    if config.learns_source and sets.source is not None and sets.source.num_classes < 2:
        raise InputError(
            f"A source must have at least 2 classes. Received: '{sets.source.name}' ({sets.source.origin}) with only "
            f"'{sets.source.class_names[0]}'. If its classes lie deeper, name the folder that holds them"
        )
    if training.early_stopping and sets.validation is None:
        raise InputError(
            f"--early_stopping={training.early_stopping} goes by validation images, and this run has none. Give "
            "--validation=SPEC, put a folder val beside train, or take a part of the training images with "
            "--validation_fold=1/5"
        )
    if sets.source is None or config.selection.selector not in TABLE_SELECTORS:
        return
    k, count, bins = list_length(config, len(sets.source)), len(sets.target), config.retrieval.bins
    refuse_too_large(count * k * 8, f"lists of {k} neighbors of {count} target images (--max_neighbors, --k0)")
    # Opened once more only where the histograms could be large: few banks have more than some hundred filters.
    if config.retrieval.bank != "features" and count * bins * 4 * 10_000 > (machine_memory() or 0):
        channels = _aside(lambda: sum(filter_bank(config).layer_channels))
        refuse_too_large(
            count * channels * bins * 4, f"histograms of {bins} bins x {channels} filters of {count} images (--bins)"
        )


def _build_and_look(config: RunConfig, rates: list[tuple[str, float]]) -> None:
    model = config.model
    # ImageNet's weights change no layer's name: nothing needs to be downloaded to look.
    downloads = model.weights == "imagenet" and not model.trunk.startswith(MODEL)
    trunk = build_run_trunk(config, "none" if downloads else model.weights)
    if model.freeze:
        layers_up_to(trunk, model.freeze)
    rate_factors(trunk, rates)
    if model.reset_from:
        reset_from(trunk, model.reset_from, trunk)


def _open_bank(config: RunConfig) -> None:
    bank, crop = filter_bank(config), config.retrieval.descriptor_crop
    try:
        # Traced, not computed: shapes are all that is asked for.
        tf.function(bank.responses).get_concrete_function(tf.TensorSpec([1, crop, crop, 3], tf.float32))
    except (ValueError, TypeError) as error:
        raise InputError(
            f"--bank={config.retrieval.bank} cannot look at images of --descriptor_crop={crop} px: its filters are "
            f"larger than what is left of the image ({' '.join(str(error).split())[:300]}). Raise --descriptor_crop"
        ) from error


def _aside(function: Callable[[], Result]) -> Result:
    """Calls `function` in a thread of its own.

    Keras numbers layers without a name by thread: built here, they would be called otherwise when training builds
    them (conv2d_95 for conv2d), and flags and weight files that name them would not fit any more.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(function).result()
