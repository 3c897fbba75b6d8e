"""What a study of transferability is asked for, and the cells that it becomes.

Yosinski, Clune, Bengio & Lipson (2014), "How transferable are features in deep neural networks?"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sjft_tf import artifacts
from sjft_tf.config import RunConfig, Setting
from sjft_tf.errors import InputError
from sjft_tf.study import Axis, Cell, Study, check_seeds, with_classes
from sjft_tf.transferability.halves import Division, listed_halves, random_halves, read_texts, read_words, worded_halves

DEFAULT_LAYERS = 7
"""At most so many values of n, where none are given."""


class Kind(NamedTuple):
    """What the first n layers of a network are, and whether they are trained on B: a line of the chart."""

    name: str
    base: str
    frozen: bool
    title: str
    description: str


_KINDS = (
    Kind("BnB", "B", True, "B{n}B", "The {first} of base B, frozen; the others start anew"),
    Kind("BnB+", "B", False, "B{n}B+", "The {first} of base B; the others start anew; all are trained"),
    Kind("AnB", "A", True, "A{n}B", "The {first} of base A, frozen; the others start anew"),
    Kind("AnB+", "A", False, "A{n}B+", "The {first} of base A; the others start anew; all are trained"),
    Kind("random", "", True, "R{n}", "The {first} random and frozen"),
)
KINDS: dict[str, Kind] = {kind.name: kind for kind in _KINDS}


@dataclass(frozen=True)
class TransferSpec:
    """What is asked for.

    Attributes:
        base: what all runs share; its target is divided, or B's where `other` is given.
        kinds: names of `KINDS`.
        layers: values of n; empty: up to `DEFAULT_LAYERS`, evenly over the trunk.
        seeds: of the runs.
        other: the set that base A learns; "" to divide the target's classes.
        classes_a, classes_b: files with the classes of each side.
        words: a file of words for each side, see `halves.worded_halves`.
        class_names: a file that says what classes are, for the words.
        split_seed: random halves are drawn by it; -1: by the seed of each run, so that intervals cover the draw.
        holdout_test: share of each class set aside for testing where there are no test images.
        keep_weights: keep the weights of every round of every run.
        command: the command line, for the record.
    """

    base: RunConfig
    kinds: tuple[str, ...] = tuple(KINDS)
    layers: tuple[int, ...] = ()
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    other: str = ""
    classes_a: str = ""
    classes_b: str = ""
    words: str = ""
    class_names: str = ""
    split_seed: int = -1
    holdout_test: float = 0.3
    keep_weights: bool = False
    command: str = ""

    def check(self) -> TransferSpec:
        """Itself, if its settings go together.

        Raises:
            InputError: what does not.
        """
        check_seeds(self.seeds)
        if unknown := [kind for kind in self.kinds if kind not in KINDS]:
            raise InputError(f"--kinds={','.join(unknown)}: there is no such kind. Kinds: {', '.join(KINDS)}")
        if not self.kinds:
            raise InputError(f"--kinds must name at least one of {', '.join(KINDS)}")
        if bool(self.classes_a) != bool(self.classes_b):
            raise InputError("--classes_a and --classes_b go together: a file with the classes of each side")
        ways = {"--source": self.other, "--classes_a": self.classes_a, "--words": self.words}
        given = [flag for flag, value in ways.items() if value]
        if len(given) > 1 or (given and self.split_seed >= 0):
            named = [*given, *(["--split_seed"] if self.split_seed >= 0 else [])]
            raise InputError(f"{' and '.join(named)} each say what A is: give one of them")
        if self.class_names and not self.words:
            raise InputError("--class_names says what classes are for --words: give both, or none")
        if self.words:  # not after the images were opened
            read_words(self.words)
            read_texts(self.class_names)
        model = self.base.model
        if model.freeze or model.reset_from:
            raise InputError("--freeze and --reset_from are what this study varies: leave them out")
        return self

    def divisions(self, names: Sequence[str]) -> dict[int, Division]:
        """How the target's classes are divided for each seed; empty where A is another set."""
        if self.other:
            return {}
        if self.classes_a:
            return dict.fromkeys(self.seeds, listed_halves(names, self.classes_a, self.classes_b))
        if self.words:
            return dict.fromkeys(self.seeds, worded_halves(names, self.words, read_texts(self.class_names)))
        fixed = self.split_seed
        return {seed: random_halves(names, fixed if fixed >= 0 else seed) for seed in self.seeds}

    def values_of_n(self, count: int) -> tuple[int, ...]:
        """The values of n for a trunk of `count` layers with kernels.

        Raises:
            InputError: a trunk has fewer.
        """
        if wrong := [n for n in self.layers if not 1 <= n <= count]:
            raise InputError(f"--layers must be from 1 to {count}, the trunk's layers with kernels. Received: {wrong}")
        even = np.linspace(1, count, min(count, DEFAULT_LAYERS)).round().astype(int)
        return tuple(sorted(set(self.layers))) or tuple(even.tolist())

    def study(self, layers: Sequence[str], divisions: Mapping[int, Division]) -> Study:
        """The study it is.

        Args:
            layers: names of the trunk's layers with kernels.
            divisions: from `divisions`; each side's list of a seed is `list_name(side, seed)`.
        """
        training = self.base.training
        base = self.base.replace("data", source=[]).replace("selection", selector="none")
        base = base.replace("model", head_start="random")
        if not training.early_stopping:  # nothing changes between rounds
            base = base.replace("training", rounds=1, steps_per_round=training.total_steps)
        wanted = {KINDS[name].base for name in self.kinds}
        own = {side: {seed: self._data(side, seed) for seed in self.seeds} for side in "AB"}
        cells = [Cell("base-B", "base B", {"first layers": "base B"}, by_seed=own["B"])]
        if "A" in wanted:
            cells.insert(0, Cell("base-A", "base A, of its own classes", by_seed=own["A"], reference="base-A"))
        for n in self.values_of_n(len(layers)):
            cells += [self._cell(KINDS[name], n, len(layers), own["B"], layers[n - 1]) for name in self.kinds]
        facts: dict[str, Setting] = {"A": self._told()}
        if divisions:
            halves = {seed: (one.a, one.b) for seed, one in divisions.items()}
            facts["classes"] = artifacts.fingerprint(sorted({name for one in halves[self.seeds[0]] for name in one}))
        return Study(
            "transferability",
            "How transferable are the layers?",
            base,
            (Axis("first layers", "first layers"), Axis("n", "layers kept (n)")),
            tuple(cells),
            self.seeds,
            x="n",
            reference="base-B",
            holdout_test=self.holdout_test,
            keep_weights=self.keep_weights,
            facts=facts,
            notes=self._notes(divisions),
            command=self.command,
        )

    def _notes(self, divisions: Mapping[int, Division]) -> tuple[str, ...]:
        """What must be said of A and B, where they are not halves of a kind."""
        if self.other:
            return (f"A is {self.other}, B is {self.base.data.target}.",)
        given = self.classes_a or self.words
        return (f"A and B: {divisions[self.seeds[0]].told()}. classes.csv has them all.",) if given else ()

    def _told(self) -> str:
        if self.other:
            return self.other
        if self.classes_a or self.words:
            return f"classes of {self.classes_a or self.words}"
        return "random halves by each seed" if self.split_seed < 0 else f"random halves by seed {self.split_seed}"

    def list_name(self, side: str, seed: int) -> str:
        """What the list of a side's classes is called."""
        drawn = not self.classes_a and not self.words and self.split_seed < 0
        return f"{side}-seed{seed}" if drawn else side

    def _data(self, side: str, seed: int) -> dict[str, Setting]:
        data = self.base.data
        if self.other:
            return {} if side == "B" else {"target": self.other, "validation": "", "test": ""}
        name = self.list_name(side, seed)
        given = {"target": data.target, "validation": data.validation, "test": data.test}
        return {role: with_classes(spec, name) if spec not in ("", "none") else spec for role, spec in given.items()}

    def _cell(self, kind: Kind, n: int, count: int, data: Mapping[int, Mapping[str, Setting]], last: str) -> Cell:
        changes: dict[str, Setting] = {"freeze": str(n)} if kind.frozen else {}
        if kind.base and n < count:
            changes["reset_from"] = str(n)
        if not kind.base:
            changes["weights"] = "none"
        return Cell(
            kind.title.format(n=n),
            kind.title.format(n=n),
            {"first layers": kind.name, "n": n},
            changes,
            data,
            after=f"base-{kind.base}" if kind.base else "",
            description=kind.description.format(first=f"first {n} layers" if n > 1 else "first layer")
            + f"; layer {n} is {last}.",
        )
