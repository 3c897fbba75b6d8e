"""The cells of each factor: settings that differ in one thing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sjft_tf.advice import early_stage, middle_stage
from sjft_tf.catalog import PREACT_RESNET, has_alpha, trunk_called
from sjft_tf.config import Setting
from sjft_tf.errors import InputError
from sjft_tf.factors.spec import FIXED, FactorSpec, Prepared, labels
from sjft_tf.study import Axis, Cell, Study, Value

_TIMES = (0.1, 1 / 3, 1.0, 10 / 3, 10.0)
_SLOWER = (("1/10", 0.1), ("1/100", 0.01), ("frozen", 0.0))
_NO_SOURCE: dict[str, Setting] = {"selector": "none", "co_tuning": "0", "adapt_steps": 0}
WIDTH = "{width}"


@dataclass(frozen=True)
class Variant:
    """A cell before it is crossed with the targets.

    Attributes:
        name, title: of the cell.
        axes, changes, by_seed: as in `Cell`.
        reference: the others are compared with it.
    """

    name: str
    title: str
    axes: Mapping[str, Value] = field(default_factory=dict)
    changes: Mapping[str, Setting] = field(default_factory=dict)
    by_seed: Mapping[int, Mapping[str, Setting]] = field(default_factory=dict)
    reference: bool = False


def study_of(spec: FactorSpec, prepared: Prepared) -> Study:
    """The study of a factor: every value for every target, all with as many target images in training.

    Args:
        spec: what is asked for, checked.
        prepared: what had to be found out before.

    Raises:
        InputError: values that are none of this factor, or do not go with the base settings.
    """
    axes, named = _AXES[spec.factor], labels(spec.all_targets)
    cells: list[Cell] = []
    for target in spec.all_targets:
        variants = _VARIANTS[spec.factor](spec, prepared, target)
        end = f"-{named[target]}" if spec.targets else ""
        reference = next((f"{one.name}{end}" for one in variants if one.reference), "")
        for one in variants:
            shown = dict(one.axes)
            if spec.targets and spec.factor != "distance":  # there they lie on the one axis
                shown["target"] = _with_distance(named[target], prepared.distances.get((target, "")))
            cells.append(
                Cell(
                    f"{one.name}{end}",
                    f"{one.title}, {named[target]}" if spec.targets else one.title,
                    shown,
                    {**one.changes, **({"target": target} if spec.targets else {})},
                    one.by_seed,
                    reference=reference,
                )
            )
    facts: dict[str, Setting] = {}
    if spec.factor == "source_classes":
        facts |= {"images": spec.images, "source_images": spec.source_images}
    return Study(
        f"factors-{spec.factor}",
        f"Fine-tuning by {axes[0].title}",
        # With --targets the first stands for what is common to all.
        spec.base.replace("data", target=spec.all_targets[0]),
        (*axes, Axis("target", "target")),
        tuple(cells),
        spec.seeds,
        axes[0].name,
        holdout_test=spec.holdout_test,
        keep_weights=spec.keep_weights,
        facts=facts,
        command=spec.command,
    )


def _with_distance(name: str, distance: float | None) -> str:
    return name if distance is None else f"{name} ({distance:.1f} away)"


def _times(spec: FactorSpec, factors: tuple[float, ...] = _TIMES) -> tuple[float, ...]:
    return spec.numbers(tuple(float(f"{one * spec.base.training.learning_rate:.6g}") for one in factors))


def _nearest(values: tuple[float, ...], wanted: float) -> float:
    return min(values, key=lambda value: abs(value - wanted))


def _rate(spec: FactorSpec, _: Prepared, __: str) -> list[Variant]:
    rates = _times(spec)
    own = _nearest(rates, spec.base.training.learning_rate)
    return [Variant(f"rate-{v:g}", f"rate {v:g}", {"rate": v}, {"learning_rate": v}, reference=v == own) for v in rates]


def _head_rate(spec: FactorSpec, _: Prepared, __: str) -> list[Variant]:
    trunk = spec.base.training.learning_rate
    rates = _times(spec, (1 / 3, 1.0, 10 / 3, 10.0, 100 / 3))
    own = _nearest(rates, trunk)
    return [
        Variant(
            f"head-rate-{v:g}",
            f"new layer at {v:g}",
            {"head_rate": v},
            # Rates of the trunk's layers are told as parts of the head's.
            {"learning_rate": v, "layer_rate": [] if v == trunk else [f"trunk:{trunk / v:.6g}"]},
            reference=v == own,
        )
        for v in rates
    ]


def _depth_rate(spec: FactorSpec, _: Prepared, __: str) -> list[Variant]:
    trunk = spec.base.model.trunk
    places = spec.values or (early_stage(trunk), middle_stage(trunk), "trunk")
    variants = [Variant("full-rate", "all layers at the full rate", reference=True)]
    for place in dict.fromkeys(place for text in places for place in text.split(",")):
        for how, factor in _SLOWER:
            changes: dict[str, Setting] = {"layer_rate": [f"{place}:{factor:g}"]} if factor else {"freeze": place}
            name = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{place}-{how}")
            title = f"up to {place} {'frozen' if not factor else f'at {how} of the rate'}"
            variants.append(Variant(f"to-{name}", title, {"depth": place, "how": how}, changes))
    return variants


def _source_classes(spec: FactorSpec, prepared: Prepared, _: str) -> list[Variant]:
    counts = spec.numbers(kind=int)
    size = f"{spec.source_images} images in all" if spec.images == FIXED else "images a class fixed"
    return [
        Variant("no-source", "no source", changes=_NO_SOURCE, reference=True),
        *(
            Variant(
                f"classes-{count}",
                f"{count} source classes",
                {"classes": count, "how": size},
                by_seed={seed: dict(prepared.draws[count, seed]) for seed in spec.seeds},
            )
            for count in counts
        ),
    ]


def _distance(spec: FactorSpec, prepared: Prepared, target: str) -> list[Variant]:
    sources = tuple(spec.base.data.source)
    variants = [Variant("no-source", "no source", changes=_NO_SOURCE, reference=True)]
    for source, name in labels(sources).items():
        ratio = prepared.distances[target, source]
        axes: dict[str, Value] = {"distance": round(ratio, 3), "how": "with the source"}
        variants.append(Variant(f"source-{name}", f"{name} ({ratio:.2f} away)", axes, {"source": [source]}))
    return variants


def _per_class(spec: FactorSpec, _: Prepared, __: str) -> list[Variant]:
    counts = spec.numbers((1, 2, 5, 10), int)
    return [
        Variant(f"images-{n}", f"{n} a class", {"per_class": n}, {"per_class": n}, reference=n == counts[0])
        for n in counts
    ]


def _width(spec: FactorSpec, _: Prepared, __: str) -> list[Variant]:
    model, trunk = spec.base.model, trunk_called(spec.base.model.trunk)
    if trunk != PREACT_RESNET and not has_alpha(trunk):
        raise InputError(
            f"--factor=width is for the MobileNets (--alpha) and preact_resnet (--width). Received: --trunk={trunk}"
        )
    if model.weights not in ("none", "imagenet") and WIDTH not in model.weights:
        raise InputError(
            f"--factor=width needs weights for every width: write {WIDTH} where file names have it, such as "
            f"--weights=DIR/mobilenet_v2_{WIDTH}.weights.h5, or take --weights=none. Received: {model.weights}"
        )
    by_alpha = trunk != PREACT_RESNET
    values = spec.numbers((0.35, 0.5, 0.75, 1.0) if by_alpha else (8, 16, 32), float if by_alpha else int)
    return [
        Variant(
            f"width-{v:g}",
            f"width {v:g}",
            {"width": v},
            {"alpha" if by_alpha else "width": v, "weights": model.weights.replace(WIDTH, f"{v:g}")},
            reference=v == values[0],
        )
        for v in values
    ]


_HOW = Axis("how", "how")
_AXES: dict[str, tuple[Axis, ...]] = {
    "rate": (Axis("rate", "initial learning rate", log=True),),
    "head_rate": (Axis("head_rate", "initial learning rate of the new layer", log=True),),
    "depth_rate": (Axis("depth", "depth of a lower learning rate"), _HOW),
    "source_classes": (Axis("classes", "number of source classes", log=True), _HOW),
    "distance": (Axis("distance", "distance of the source from the target"), _HOW),
    "per_class": (Axis("per_class", "target images a class", log=True),),
    "width": (Axis("width", "width of the trunk", log=True),),
}
_VARIANTS: dict[str, Callable[[FactorSpec, Prepared, str], list[Variant]]] = {
    "rate": _rate,
    "head_rate": _head_rate,
    "depth_rate": _depth_rate,
    "source_classes": _source_classes,
    "distance": _distance,
    "per_class": _per_class,
    "width": _width,
}
