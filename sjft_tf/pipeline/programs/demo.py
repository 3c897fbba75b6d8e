"""The demo: three ways to learn from very few labeled images, side by side over several draws of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sjft_tf.config import RunConfig
from sjft_tf.export import load_predictor
from sjft_tf.images import ImageSet, open_image_set
from sjft_tf.pipeline.finished_run import Report
from sjft_tf.pipeline.programs.train import train
from sjft_tf.study import t_interval
from sjft_tf.workdir import Workdir

SCRATCH, PLAIN, JOINT = "from scratch", "plain fine-tuning", "joint fine-tuning"


@dataclass(frozen=True)
class Demo:
    """All runs of the demo, each resumable in its own folder.

    Attributes:
        config: the recipe of joint fine-tuning, all but its starting weights: those are learned from the source. Its
            target is a spec with options, but without seed.
        workdir: folder of all runs.
        seeds: one draw of the labeled images, and one run of each arm, a seed.
        judge: "test" or "validation".
    """

    config: RunConfig
    workdir: str
    seeds: Sequence[int]
    judge: str

    def run(self) -> Iterator[str]:
        """Trains all arms; yields lines for the screen as they come."""
        root = Path(self.workdir)
        with Workdir(root).locked():
            yield from self._all(root)

    def _all(self, root: Path) -> Iterator[str]:
        yield f"Pre-training on the source, where {PLAIN} and {JOINT} start"
        self._run(root / "pretrained", self._pretraining())
        start = Workdir(root / "pretrained").trunk
        accuracy: dict[str, list[float]] = {SCRATCH: [], PLAIN: [], JOINT: []}
        last = root
        for seed in self.seeds:
            for arm, accuracies in accuracy.items():
                last = root / f"seed-{seed}" / arm.replace(" ", "-")
                report = self._run(last, self._arm(arm, seed, start))
                figures = report.figures.final.sets[self.judge]
                accuracies.append(figures.mean_class_accuracy)
                yield f"seed {seed}: {arm:<20} {accuracies[-1]:7.2%}  ({figures.count} {self.judge} images)"
        yield ""
        yield from table(accuracy)
        yield ""
        yield from self._one_prediction(Workdir(last))

    def _run(self, folder: Path, config: RunConfig) -> Report:
        workdir = Workdir(folder)
        with workdir.locked():
            return train(config.validate(), workdir)

    def _pretraining(self) -> RunConfig:
        config = self.config
        return replace(
            config,
            data=replace(config.data, target=config.data.source[0], source=[]),
            selection=replace(config.selection, selector="none"),
            training=replace(config.training, rounds=1, steps_per_round=config.training.total_steps, early_stopping=0),
        )

    def _arm(self, arm: str, seed: int, start: Path) -> RunConfig:
        config = self.config
        return replace(
            config,
            data=replace(config.data, target=f"{config.data.target}&seed={seed}"),
            selection=config.selection if arm == JOINT else replace(config.selection, selector="none"),
            model=replace(config.model, weights="none" if arm == SCRATCH else str(start)),
            training=replace(config.training, seed=seed),
        )

    def _one_prediction(self, workdir: Workdir) -> Iterator[str]:
        predictor = load_predictor(workdir.saved_model)
        images: ImageSet = open_image_set(f"digits#{'val' if self.judge == 'validation' else 'test'}")
        image = np.asarray(images.load(0))
        probabilities = predictor.predict(image[np.newaxis])[0]
        best = int(probabilities.argmax())
        yield f"One digit shown to {workdir.saved_model}:"
        yield (
            f"  it says {predictor.class_names[best]} with probability {probabilities[best]:.2f}; "
            f"its label is {images.class_names[images.labels[0]]}"
        )


def table(accuracy: dict[str, list[float]]) -> Iterator[str]:
    """Of each arm mean and spread, and the difference to plain fine-tuning: mean, Student's interval, draw by draw."""
    yield f"{'mean class accuracy':<20} {'mean':>7} {'sd':>6}   against plain fine-tuning (95 %): draw by draw"
    plain = np.array(accuracy[PLAIN])
    for arm, accuracies in accuracy.items():
        values = np.array(accuracies)
        spread = values.std(ddof=1) if len(values) > 1 else 0.0
        gains = "" if arm == PLAIN else f"   {_gains(values - plain)}"
        yield f"{arm:<20} {values.mean():7.2%} {spread:6.2%}{gains}"


def _gains(gains: np.ndarray) -> str:
    interval = t_interval(gains.tolist())
    sure = "" if interval is None else f" ({interval.low:+.2%} to {interval.high:+.2%})"
    return f"{gains.mean():+.2%}{sure}: " + ", ".join(f"{gain:+.2%}" for gain in gains)
