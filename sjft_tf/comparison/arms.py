"""The arms of a comparison: each is a named recipe, a few changes of the settings that all arms share.

Every arm sees as many target images in training: rounds x steps x batch of the base settings. Arms whose borrowing does
not change from round to round train in one fit of as many steps, which is the same training without the scoring in
between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sjft_tf.config import CO_TUNING, RELATED, RunConfig
from sjft_tf.errors import InputError
from sjft_tf.study import FROZEN

BASELINE = "fine-tune"
_NO_GROWTH = {"wrong_growth": 0, "uncertain_growth": 0}
_NEAREST = {"selector": "nearest", **_NO_GROWTH}


@dataclass(frozen=True)
class Arm:
    """One arm.

    Attributes:
        name: for `--arms` and for its folder.
        title: for tables.
        description: what it does, a sentence.
        changes: {section: {setting: value}} over the base settings.
        kind: one of `study.KINDS`: "train" is a run of the pipeline, others are classifiers on the frozen trunk; or
            "fusion", the averaged predictions of the rounds of the arm `rounds`.
        grows: keeps the base's rounds, because what is borrowed changes between them.
        learned_bank: takes the bank that `--learned_bank` names.
        adapts: takes `--adapt_steps` of the base settings, or as many as the run itself has; no other arm does.
        co_tunes: takes `--co_tuning` of the base settings, or `CO_TUNING`; but for `auto`, no other arm does.
    """

    name: str
    title: str
    description: str
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    kind: str = "train"
    grows: bool = False
    learned_bank: bool = False
    adapts: bool = False
    co_tunes: bool = False

    @property
    def frozen(self) -> bool:
        """Whether it is a classifier on the trunk as it starts."""
        return self.kind in FROZEN

    @property
    def borrows(self) -> bool:
        """Whether it trains on source images."""
        return self.kind == "train" and self.changes.get("selection", {}).get("selector") != "none"

    @property
    def uses_source(self) -> bool:
        """Whether anything of the run depends on the source, if only what the source's head is taught."""
        return self.borrows or self.co_tunes or self.adapts

    def config(self, base: RunConfig, bank: str = "squeezenet_conv1", bank_weights: str = "") -> RunConfig:
        """The arm's settings, validated.

        Args:
            base: what all arms share.
            bank: the learned bank.
            bank_weights: its weights.

        Raises:
            InputError: the settings do not go together.
        """
        changed = base
        for section, values in self.changes.items():
            changed = changed.replace(section, **values)
        if self.learned_bank:
            changed = changed.replace("retrieval", bank=bank, bank_weights=bank_weights, bank_layers=[])
        steps = (base.model.adapt_steps or base.training.total_steps) if self.adapts else 0
        changed = changed.replace("training", co_tuning=self._co_tuning(base)).replace("model", adapt_steps=steps)
        if not self.grows and not base.training.early_stopping:  # which judges rounds
            changed = changed.replace("training", rounds=1, steps_per_round=base.training.total_steps)
        return self._only_what_it_reads(changed).validate()

    def _co_tuning(self, base: RunConfig) -> str:
        given = base.training.co_tuning
        if self.co_tunes:
            return given if given == RELATED or base.training.fixed_co_tuning() else str(CO_TUNING)
        # What --selector=auto does by itself is a part of it.
        return given if self.changes.get("selection", {}).get("selector") == "auto" else "0"

    def _only_what_it_reads(self, config: RunConfig) -> RunConfig:
        # The rest takes its default, so that a finished run stays finished when that changes.
        plain = RunConfig()
        if config.selection.selector in ("none", "all", "auto"):
            usual = plain.selection
            config = config.replace("selection", k0=usual.k0, source_share=usual.source_share, passes=usual.passes)
            config = config.replace(
                "selection", nearest_share=usual.nearest_share, draws=usual.draws, draw_cap=usual.draw_cap
            )
        if config.selection.selector != "gradients":
            later, rate = plain.selection.gradient_checkpoints, plain.selection.gradient_rate
            config = config.replace("selection", gradient_checkpoints=later, gradient_rate=rate)
        if not self.uses_source:
            config = config.replace("data", source_rows="")
        if not self.borrows:
            config = config.replace("training", source_weight=plain.training.source_weight)
        if self.frozen:
            config = config.replace("training", learning_rate=plain.training.learning_rate)
            # A head at its minimum is not drawn: either way to let classes count alike is the same weights.
            even = "balanced" if config.training.balances_classes else "none"
            config = config.replace("training", class_weight=even, sampling="uniform")
        if not self.adapts:
            config = config.replace("model", adapt_rate=plain.model.adapt_rate)
        if self.frozen or config.model.weights == "none":
            start, share = plain.model.head_start, plain.model.start_statistics
            config = config.replace("model", head_start=start, start_statistics=share)
        return config


_ALL = (
    Arm(
        "frozen",
        "Frozen trunk + linear classifier",
        "A convex softmax head on the features of the trunk as it starts; its L2 is chosen on the validation images.",
        {"selection": {"selector": "none"}},
        kind="head",
    ),
    Arm(
        BASELINE,
        "Plain fine-tuning",
        "The whole network trained on the target alone.",
        {"selection": {"selector": "none"}},
    ),
    Arm("all", "Joint, all of the source", "Joint training with the whole source.", {"selection": {"selector": "all"}}),
    Arm(
        "random",
        "Joint, random source images",
        "Joint training with as many source images as `selective` borrows, drawn at random.",
        {"selection": {"selector": "random", **_NO_GROWTH}},
    ),
    Arm(
        "selective",
        "Selective, one round",
        "Joint training with the nearest source images; what is borrowed stays the same.",
        {"selection": _NEAREST},
    ),
    Arm(
        "rounds",
        "Selective, rounds",
        "Selective joint fine-tuning: after each round hard images get more neighbors.",
        {"selection": {"selector": "nearest"}},
        grows=True,
    ),
    Arm(
        "auto",
        "Automatic",
        "What the program does by itself (`--selector=auto`): it borrows the whole source, or nothing of one far away, "
        "and co-tunes unless `--co_tuning=0`.",
        {"selection": {"selector": "auto"}},
    ),
    Arm(
        "fusion",
        "Selective, rounds fused",
        "The predictions of the models after each round of `rounds`, averaged; nothing is trained for it.",
        {"selection": {"selector": "nearest"}},
        kind="fusion",
        grows=True,
    ),
    Arm(
        "mixture",
        "Selective, mixed with the source",
        "As `selective`, but a fifth of the source images drawn from the nearest and the others from the whole source.",
        {"selection": {**_NEAREST, "nearest_share": 0.2}},
    ),
    Arm(
        "selective-gabor",
        "Selective by Gabor filters",
        "As `selective`, neighbors by the Gabor bank.",
        {"selection": _NEAREST, "retrieval": {"bank": "gabor", "bank_weights": "", "bank_layers": []}},
    ),
    Arm(
        "selective-learned",
        "Selective by learned filters",
        "As `selective`, neighbors by the first layers of a trained network.",
        {"selection": _NEAREST},
        learned_bank=True,
    ),
    Arm(
        "scratch",
        "From scratch",
        "The network from random weights, trained on the target alone.",
        {"selection": {"selector": "none"}, "model": {"weights": "none", "partial_weights": False}},
    ),
    Arm(
        "scratch-selective",
        "From scratch, selective",
        "The network from random weights, with the nearest source images.",
        {"selection": _NEAREST, "model": {"weights": "none", "partial_weights": False}},
    ),
    Arm(
        "class-importance",
        "Joint, important source classes",
        "Joint training with the source classes that a classifier of the source finds in the target.",
        {"selection": {"selector": "class_importance", **_NO_GROWTH}},
    ),
    Arm(
        "uot",
        "Joint, transported source classes",
        "Joint training with the source classes that optimal transport of class means moves the target to.",
        {"selection": {"selector": "uot", **_NO_GROWTH}},
    ),
    Arm(
        "gradients",
        "Joint, images of like gradients",
        "Joint training with the source images that would change the network as a target class does.",
        {"selection": {"selector": "gradients", **_NO_GROWTH}},
    ),
    Arm(
        "features",
        "Selective by trunk features",
        "As `selective`, neighbors by the features of the trunk instead of low-level statistics.",
        {"selection": _NEAREST, "retrieval": {"bank": "features", "bank_weights": "", "bank_layers": []}},
    ),
    Arm(
        "co-tuning",
        "Co-Tuning",
        "Fine-tuning in which the source's head learns on target images which source classes theirs looks like.",
        {"selection": {"selector": "none"}},
        co_tunes=True,
    ),
    Arm(
        "all-co-tuning",
        "Joint, all of the source, and Co-Tuning",
        "Joint training with the whole source, whose head also learns on target images, as in `co-tuning`.",
        {"selection": {"selector": "all"}},
        co_tunes=True,
    ),
    Arm(
        "batch-statistics",
        "Plain fine-tuning by the batch's statistics",
        "As `fine-tune`, but batch normalization in training goes by each batch alone (`--start_statistics=0`).",
        {"selection": {"selector": "none"}, "model": {"start_statistics": 0.0}},
    ),
    Arm(
        "svm",
        "Frozen trunk + linear SVM",
        "A linear SVM, one against the rest, on the features of the trunk as it starts, each of unit length.",
        {"selection": {"selector": "none"}},
        kind="svm",
    ),
    Arm(
        "svm-augmented",
        "Frozen trunk + linear SVM, 16 views",
        "As `svm`, on sixteen views of each image, raised to a power where that is better on held-out images.",
        {"selection": {"selector": "none"}},
        kind="svm-augmented",
    ),
    Arm(
        "stage-svm",
        "Best stage of the trunk + linear SVM",
        "As `svm`, on that stage of the trunk which is best on held-out images.",
        {"selection": {"selector": "none"}},
        kind="stage-svm",
    ),
    Arm(
        "adapted",
        "Fine-tuning of a trunk that has learned the source",
        "The trunk first learns the source alone, at the run's image size, then the target alone.",
        {"selection": {"selector": "none"}},
        adapts=True,
    ),
)


ARMS: dict[str, Arm] = {arm.name: arm for arm in _ALL}
"""All arms by name, in the order of tables."""

MAIN_ARMS = ("frozen", BASELINE, "all", "random", "selective", "rounds", "fusion")


def pick_arms(names: Sequence[str]) -> list[Arm]:
    """The arms of these names (default: `MAIN_ARMS`), each once, in the order of tables.

    Raises:
        InputError: there is no such arm, or `fusion` is asked for without the rounds it fuses.
    """
    wanted = list(names) or list(MAIN_ARMS)
    if unknown := [name for name in wanted if name not in ARMS]:
        raise InputError(f"--arms={','.join(unknown)}: there is no such arm. Arms: {', '.join(ARMS)}")
    if "fusion" in wanted and "rounds" not in wanted:
        raise InputError("--arms=fusion averages the predictions of the arm `rounds`: add it")
    return [arm for name, arm in ARMS.items() if name in wanted]
