"""How the network is trained."""

from __future__ import annotations

from dataclasses import dataclass

from sjft_tf.catalog import SCHEDULES, check_optimizer, parse_rates
from sjft_tf.config.option import LARGE, Section, option
from sjft_tf.errors import InputError

CO_TUNING = 2.3
"""Weight of Co-Tuning where none was given: its authors' (You et al. 2020)."""
RELATED = "related"
"""--co_tuning with that weight, where source classes tell the target's."""
_MOST_CO_TUNING = 1000


@dataclass(frozen=True)
class TrainingConfig(Section):
    """How the network is trained."""

    rounds: int = option(
        5,
        "fits, with hard-sample scoring and neighbor expansion between them; a finished run takes more",
        limits=(1, 1000),
    )
    steps_per_round: int = option(3200, "training steps of each round", limits=(1, LARGE))
    early_stopping: int = option(
        0,
        "end when so many rounds in a row have not bettered the best mean class accuracy on validation images; what is "
        "told and exported is the best round; 0: all rounds, and the last one",
        limits=(0, 1000),
    )
    batch_size: int = option(10, "target images a step; as many source images come beside them", limits=(1, 65536))
    max_per_class: int = option(0, "target images of one class in a batch at most; 0: no limit", limits=(0, 65536))
    class_weight: str = option(
        "none",
        "weight of a target image's losses; balanced: N / (C n_c) of N images in C classes, n_c in its own",
        ("none", "balanced"),
    )
    sampling: str = option(
        "uniform",
        "how target images are drawn: each alike, or (balanced) each class equally often",
        ("uniform", "balanced"),
    )
    optimizer: str = option("sgd", "sgd (momentum, coupled L2), adam, adamw, or tfa:NAME on the addons stack")
    learning_rate: float = option(0.003, "initial learning rate", limits=(1e-12, 1e3))
    schedule: str = option("cosine", "learning rate over the global step", SCHEDULES)
    decay_steps: int = option(
        0, "schedule=step: divide the rate by 10 every so many steps; 0: a quarter of the run", limits=(0, LARGE)
    )
    warmup_steps: int = option(0, "steps over which the rate rises linearly from zero", limits=(0, LARGE))
    accumulate: int = option(
        1, "batches whose gradients are added up before one step (the paper: 10 of 10 + 10 images)", limits=(1, 10000)
    )
    layer_rate: list[str] = option(
        [], "PLACE:FACTOR on the rate of the trunk up to PLACE (as --freeze names it), e.g. trunk:0.1; may be repeated"
    )
    clip_norm: float = option(0.0, "largest norm of the whole gradient; 0 does not clip", limits=(0.0, 1e9))
    label_smoothing: float = option(0.0, "share of the wanted probability spread over all classes", limits=(0.0, 0.99))
    l2_sp: float = option(
        0.0,
        "L2 of the trunk's kernels toward their starting values, in place of --weight_decay there",
        limits=(0.0, 1e3),
    )
    average_weights: float = option(
        0.0, "momentum of a moving average of the weights, which is then what is scored and kept", limits=(0.0, 0.99999)
    )
    recompute_batch_norm: int = option(
        0, "after each round, make batch normalization's statistics anew over so many batches", limits=(0, LARGE)
    )
    jit: bool = option(False, "compile the training step with XLA")
    momentum: float = option(0.9, "momentum of sgd", limits=(0.0, 0.99999))
    weight_decay: float = option(1e-4, "L2 on weights (not on biases and batch norms)", limits=(0.0, 1e3))
    target_weight: float = option(
        1.0, "weight of the target loss beside a source; alone it counts whole", limits=(0.0, 1e3)
    )
    source_weight: float = option(0.3, "weight of the source loss", limits=(0.0, 1e3))
    co_tuning: str = option(
        "auto",
        "weight of Co-Tuning: on target images the source head is taught which source classes theirs looks like; "
        "needs a --source, also with --selector=none; related: 2.3 (You et al. 2020), or 0 where the source's classes "
        "do not tell the target's; auto: related with --selector=auto, else 0",
    )
    eval_batch_size: int = option(128, "images a step in scoring and evaluation", limits=(1, 65536), free=True)
    view_cache_mb: int = option(
        256,
        "MiB in which prepared images that are scored every round are kept, as far as they fit",
        limits=(0, LARGE),
        free=True,
    )
    steps_per_execution: int = option(
        1, "steps run in one call of the compiled loop: more is faster on small networks", limits=(1, 10000), free=True
    )
    seed: int = option(0, "seed of weights, batches, augmentation and random selection", limits=(0, 2**31 - 1))
    deterministic: bool = option(
        False, "bit-equal results for the same seed and machine, at some cost in speed", free=True
    )

    @property
    def total_steps(self) -> int:
        """Training steps of all rounds."""
        return self.rounds * self.steps_per_round

    @property
    def total_draws(self) -> int:
        """Target images drawn in all rounds; where something is borrowed, as many source images."""
        return self.total_steps * self.batch_size * self.accumulate

    @property
    def balances_classes(self) -> bool:
        """Whether the target's classes count alike in training, however many images they have."""
        return "balanced" in (self.class_weight, self.sampling)

    def fixed_co_tuning(self) -> float | None:
        """The weight of Co-Tuning if it was given as a number."""
        return None if self.co_tuning in ("auto", RELATED) else float(self.co_tuning)

    def check(self) -> None:
        check_optimizer(self.optimizer)
        self._check_co_tuning()
        parse_rates(self.layer_rate)
        if self.early_stopping and self.rounds < 2:
            raise InputError(
                f"--early_stopping={self.early_stopping} looks at validation images after every round, and --rounds=1 "
                f"has no two to choose from. Give more and shorter rounds, e.g. --rounds=20 "
                f"--steps_per_round={max(1, self.steps_per_round // 20)}, or leave it out"
            )
        if self.class_weight == self.sampling == "balanced":
            raise InputError(
                "--class_weight=balanced and --sampling=balanced each let every class count alike; both together would "
                "let rare classes count for more than frequent ones. Leave one of them out"
            )
        if self.decay_steps and self.schedule != "step":
            raise InputError(
                f"--decay_steps={self.decay_steps} is of --schedule=step. Received: --schedule={self.schedule}. Give "
                "--schedule=step, or leave --decay_steps out"
            )
        if self.warmup_steps >= self.total_steps:
            raise InputError(
                f"--warmup_steps must be below the {self.total_steps} steps of the run (--rounds x --steps_per_round). "
                f"Received: {self.warmup_steps}"
            )

    def _check_co_tuning(self) -> None:
        try:
            weight = self.fixed_co_tuning() or 0.0
        except ValueError:
            weight = float("nan")
        if not 0 <= weight <= _MOST_CO_TUNING:
            raise InputError(
                f"--co_tuning must be a number from 0 to {_MOST_CO_TUNING}, {RELATED} or auto. "
                f"Received: {self.co_tuning[:99]!r}"
            )
