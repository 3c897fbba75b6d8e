"""A study: a list of cells over axes, each with several seeds, all of the same budget."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from sjft_tf import artifacts
from sjft_tf.catalog import WEIGHT_SELECTORS
from sjft_tf.config import RunConfig, Setting
from sjft_tf.errors import InputError
from sjft_tf.study.cell import TRUNK_FILE, Axis, Cell
from sjft_tf.study.classes import at
from sjft_tf.study.runs import Run, check_base, check_seeds, on_known_sets
from sjft_tf.study.sets import SetsSummary
from sjft_tf.study.stamps import uses_table

FOLDS = 3
"""Without validation images a head's penalty is chosen by so many folds of the training images at most."""


@dataclass(frozen=True)
class Study:
    """What is run.

    Attributes:
        name: what it studies, for its record; a workdir holds a study of one name.
        title: of its page.
        base: settings that all cells share.
        axes: in the order of tables.
        cells: in the order of tables, a cell after those whose trunks it starts from.
        seeds: of all cells that have none of their own.
        x: the axis that lies across the chart; the cells of each place on the others are a line. "" for no chart.
        reference: name of the cell that others are compared with, of the same seed; "" for none.
        budget_axis: the axis on which cells see more or fewer target images in training; "": all see as many.
        holdout_test: share of each class set aside for testing where a cell has no test images.
        keep_weights: keep the weights of every round of every run.
        facts: what else the study was made with, by name: another value is refused where it was begun.
        notes: what must be said above its tables.
        command: the command line, for the record.
    """

    name: str
    title: str
    base: RunConfig
    axes: tuple[Axis, ...]
    cells: tuple[Cell, ...]
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    x: str = ""
    reference: str = ""
    budget_axis: str = ""
    holdout_test: float = 0.3
    keep_weights: bool = False
    facts: Mapping[str, Setting] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    command: str = ""

    @cached_property
    def by_name(self) -> dict[str, Cell]:
        """Its cells."""
        return {cell.name: cell for cell in self.cells}

    @cached_property
    def begun_from(self) -> frozenset[str]:
        """Names of the cells whose trunks others start from."""
        return frozenset(cell.after for cell in self.cells if cell.after)

    def seeds_of(self, cell: Cell) -> tuple[int, ...]:
        """The seeds a cell is run with."""
        return cell.seeds or self.seeds

    def reference_of(self, cell: Cell) -> str:
        """Name of the cell that it is compared with; "" for none."""
        name = cell.reference or self.reference
        return "" if name == cell.name else name

    def runs(self) -> list[tuple[Cell, int]]:
        """All runs, in the order in which they are done: of one seed everything, then of the next."""
        seeds = dict.fromkeys(seed for cell in self.cells for seed in self.seeds_of(cell))
        return [(cell, seed) for seed in seeds for cell in self.cells if seed in self.seeds_of(cell)]

    def config(self, cell: Cell, seed: int, root: Path | None = None) -> RunConfig:
        """The settings of a run; `root` is the study's workdir, where trunks and lists of classes lie."""
        trunk = ""
        if cell.after:
            trunk = str((root or Path()) / self.by_name[cell.after].folder(seed) / TRUNK_FILE)
        config = cell.config(self.base, seed, trunk)
        if root is None:
            return config
        data = config.data
        specs = {name: at(root, getattr(data, name)) for name in ("target", "validation", "test")}
        return config.replace("data", **specs, source=[at(root, spec) for spec in data.source])

    def sets_key(self, cell: Cell, seed: int) -> str:
        """What the image sets of a run are known by before they are opened: the settings that name and read them."""
        data = {k: v for k, v in dataclasses.asdict(self.config(cell, seed).data).items() if k != "per_class"}
        return artifacts.fingerprint(data)[:8]

    def run(self, cell: Cell, seed: int, sets: Mapping[str, SetsSummary], root: Path) -> Run:
        """A run, ready to be done.

        Args:
            cell: one of the cells.
            seed: one of its seeds.
            sets: what is known of image sets, by `sets_key`.
            root: the study's workdir.
        """
        config = self.config(cell, seed, root)
        key = self.sets_key(cell, seed)
        known = sets[key]
        origin = self.run(self.by_name[cell.after], seed, sets, root).stamp if cell.after else ""
        config = on_known_sets(config, known, config.uses_source).validate()
        kept = cell.name in self.begun_from
        table = config if cell.kind == "train" and uses_table(config) else None
        return Run(
            cell.folder(seed),
            config,
            known,
            cell.kind,
            table,
            table_key=_table_key(config, key, origin) if table else "",
            folds=0 if known.validation else min(FOLDS, known.smallest, config.data.per_class or FOLDS),
            trunk=kept,
            origin=origin,
            files=(TRUNK_FILE,) if kept else (),
        )

    def settings(self) -> dict[str, Setting]:
        """What all runs of its workdir have in common."""
        data = {name: getattr(self.base.data, name) for name in ("per_class", "exclude_leaks")}
        stamp = self.base.stamp("view", "augmentation", "retrieval", "selection", "model", "training")
        stamp |= {name: value for name, value in data.items() if value}
        varied = {"seed"}.union(*(set(cell.changes) for cell in self.cells))
        return {"study": self.name, **{name: v for name, v in stamp.items() if name not in varied}, **self.facts}

    def check(self) -> Study:
        """Itself, if it can be done.

        Raises:
            InputError: what cannot, and what to do.
            ValueError: cells that do not go together.
        """
        check_base(self.base)
        seen: set[str] = set()
        for cell in self.cells:
            check_seeds(self.seeds_of(cell))
            # A cell that is run starts after those that it needs: so nothing goes round in a circle.
            begun = not cell.after or (
                cell.after in seen and set(self.seeds_of(cell)) <= set(self.seeds_of(self.by_name[cell.after]))
            )
            known = set(cell.axes) <= {axis.name for axis in self.axes}
            if cell.name in seen or not begun or not known or self.reference_of(cell) not in ("", *self.by_name):
                raise ValueError(
                    f"A cell needs its own name, known axes, and what it needs before it. Received: {cell}"
                )
            seen.add(cell.name)
            for seed in self.seeds_of(cell):
                self.config(cell, seed).validate()
        self._check_budget()
        return self

    def _check_budget(self) -> None:
        draws: dict[int, str] = {}
        for cell in self.cells:
            if cell.kind == "train":
                draws.setdefault(self.config(cell, self.seeds_of(cell)[0]).training.total_draws, cell.name)
        if len(draws) > 1 and not self.budget_axis:
            said = ", ".join(f"{name} {count}" for count, name in draws.items())
            raise InputError(f"All cells of a study must see as many target images in training. Received: {said}")


def _table_key(config: RunConfig, sets_key: str, origin: str) -> str:
    """What tells a run's table from those of other cells, beside what `table_name` has."""
    by_trunk = config.retrieval.bank == "features" or config.selection.selector in (*WEIGHT_SELECTORS, "auto")
    return artifacts.fingerprint(sets_key, config.stamp("view", *["model"] * by_trunk), origin * by_trunk)[:6]
