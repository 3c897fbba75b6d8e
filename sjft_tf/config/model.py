"""The network."""

from __future__ import annotations

from dataclasses import dataclass

from sjft_tf.catalog import PIXELS, PRECISIONS, is_saved, trunk_called
from sjft_tf.config.option import LARGE, Section, option
from sjft_tf.errors import InputError


@dataclass(frozen=True)
class ModelConfig(Section):
    """The network."""

    trunk: str = option(
        "ResNet152V2",
        "a keras.applications name, preact_resnet, plain5 or plain5_bn for small images, model:PATH.keras (a Keras "
        "model of yours) or keras_hub:PRESET (a name or a folder)",
    )
    trunk_layer: str = option(
        "",
        "where a trunk of model: or keras_hub: ends, the name of a layer; empty: the last map before pooling and head",
        later=True,
    )
    preprocessing: str = option(
        "auto",
        "the pixels that a trunk of model: or keras_hub: takes: none (0..255), unit (0..1), symmetric (-1..1), torch "
        "or caffe (as keras.applications); auto: as the model or the preset says itself",
        PIXELS,
        later=True,
    )
    weights: str = option(
        "imagenet",
        "the trunk's weights: imagenet, none or a local file; of model: and keras_hub: imagenet is what they bring",
    )
    partial_weights: bool = option(
        False,
        "take from the file of --weights what matches the trunk's layers by name and shape; the others begin at random",
        later=True,
    )
    alpha: float = option(0.0, "width multiplier of the MobileNets; 0: the family's own default", limits=(0.0, 10.0))
    depth: int = option(20, "trunk=preact_resnet: layers, 6n + 2", limits=(8, 10000))
    width: int = option(
        16, "trunk=preact_resnet: channels of the first stage; trunk=plain5: of the first layer", limits=(1, 65536)
    )
    dropout: float = option(0.0, "dropout between trunk and heads", limits=(0.0, 0.99))
    head_start: str = option(
        "fitted",
        "what the heads begin as: fitted, the best linear classifiers on the features of --weights, or random; with "
        "--weights=none always random",
        ("fitted", "random"),
    )
    precision: str = option(
        "float32",
        "what the trunk computes in; weights, heads and losses stay float32",
        PRECISIONS,
    )
    freeze: str = option(
        "", "train nothing of the trunk up to here: trunk, how many layers, or a layer's or stage's name such as conv3"
    )
    freeze_batch_norm: bool = option(False, "batch normalization keeps its statistics, scales and shifts")
    reset_from: str = option(
        "",
        "this layer of the trunk and all after it start from random weights, the layers before it from --weights; a "
        "number n: all but the first n, counted as for --freeze",
    )
    adapt_steps: int = option(
        0, "steps in which the trunk first learns the source alone, at this image size; 0: none", limits=(0, LARGE)
    )
    adapt_rate: float = option(
        0.01, "learning rate of --adapt_steps at their beginning, falling as a cosine", limits=(1e-12, 1e3)
    )
    batch_norm_momentum: float = option(
        0.0, "momentum of batch normalization's moving statistics; 0: suited to the run's length", limits=(0.0, 0.99999)
    )

    start_statistics: float = option(
        0.75,
        "share of the starting trunk's statistics in the mixture with the batch's that batch normalization goes by in "
        "training, where the trunk starts with any; 0: the batch's alone",
        limits=(0.0, 0.99),
    )

    def check(self) -> None:
        trunk_called(self.trunk)
        if not is_saved(self.trunk):
            for flag, given in (("trunk_layer", self.trunk_layer), ("preprocessing", self.preprocessing != "auto")):
                if given:
                    raise InputError(
                        f"--{flag} is for trunks of model: and keras_hub:; {self.trunk} knows its own. Leave it out"
                    )
        if self.partial_weights and self.weights in ("none", "imagenet"):
            raise InputError(f"--partial_weights is for a file. Received: --weights={self.weights}; leave it out")
        if self.adapt_steps and self.reset_from:
            raise InputError(
                "--adapt_steps teaches the whole trunk the source, and --reset_from would forget a part of it again. "
                "Leave one of them out"
            )
        if self.reset_from and self.weights == "none":
            raise InputError("--reset_from keeps the first layers of --weights, but --weights=none has none to keep")
