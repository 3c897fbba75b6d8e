"""The charts of one run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from sjft_tf.report.bounds import lengths, opacity, plottable, reach
from sjft_tf.report.curves import Curve
from sjft_tf.report.svg import BASELINE, INK, PALETTE, SOURCE, TARGET, WRONG, Chart
from sjft_tf.words import one_line

_LEVELS = 8  # shades that the eye tells apart in a bar


def losses(curves: dict[str, Curve], rounds: Sequence[int], name: str) -> Markup | None:
    """Training loss of both heads over the steps; `rounds` are the steps at which rounds end."""
    return _steps(curves, "loss", rounds, f"{name}-loss", "training loss", 1.0)


def accuracies(curves: dict[str, Curve], rounds: Sequence[int], name: str) -> Markup | None:
    """Training accuracy of both heads over the steps, in %."""
    return _steps(curves, "accuracy", rounds, f"{name}-accuracy", "training accuracy (%)", 100.0)


def _steps(
    curves: dict[str, Curve], what: str, rounds: Sequence[int], name: str, title: str, scale: float
) -> Markup | None:
    heads = {head: curves[f"{what}/{head}"] for head in ("target", "source") if f"{what}/{head}" in curves}
    if not heads:
        return None
    with Chart(name) as chart:
        for end in rounds[:-1]:
            chart.axes.axvline(end, color=INK, alpha=0.25, linewidth=0.8, linestyle=(0, (3, 3)))
        for (head, (steps, values)), color in zip(heads.items(), (TARGET, SOURCE), strict=False):
            # The running means begin anew with every round: no line goes across.
            begin = 0
            for number, end in enumerate(rounds):
                part = (steps > begin) & (steps <= end)
                label = None if number else f"{head} head"
                numbers = plottable(plottable(values[part]) * scale)
                chart.axes.plot(steps[part], numbers, color=color, marker=".", markersize=3, label=label)
                begin = end
        top = reach(np.concatenate([values for _, values in heads.values()]))
        chart.axes.set_ylim(0, reach([top * scale], 1.05))
        chart.label("training step", title)
        chart.legend()
        return chart.svg(f"{title} of the {' and '.join(heads)} head over {rounds[-1]} training steps")


def rounds_accuracy(lines: dict[str, list[float | None]], name: str) -> Markup:
    """Accuracy after each round, in %: name of a line -> a share per round."""
    with Chart(f"{name}-rounds") as chart:
        count = max(map(len, lines.values()))
        for (label, values), color in zip(lines.items(), PALETTE, strict=False):
            numbers = plottable([np.nan if value is None else 100 * value for value in values])
            ends = np.arange(1, len(values) + 1)
            chart.axes.plot(ends, numbers, color=color, marker="o", markersize=4, label=one_line(label))
        chart.axes.set_xticks(range(1, count + 1))
        chart.axes.set_xlim(0.7, count + 0.3)
        chart.label("after round", "accuracy (%)")
        chart.legend(2)
        return chart.svg(f"accuracy after each of {count} rounds: {', '.join(lines)}")


def hard_images(wrong: Sequence[int], uncertain: Sequence[int], total: int, name: str) -> Markup:
    """Target images found wrong or uncertain after each round, in %."""
    with Chart(f"{name}-hard") as chart:
        ends = np.arange(1, len(wrong) + 1)
        low, high = (lengths(100 * lengths(part) / max(1, total)) for part in (wrong, uncertain))
        chart.axes.bar(ends, low, color=WRONG, alpha=0.85, width=0.6, linewidth=0, label="wrong")
        chart.axes.bar(ends, high, bottom=low, color=PALETTE[4], alpha=0.6, width=0.6, linewidth=0, label="uncertain")
        chart.axes.set_xticks(ends)
        chart.axes.set_ylim(0, reach(low + high, 1.1, 5.0))
        chart.label("after round", "training images (%)")
        chart.legend()
        said = ", ".join(f"{a} and {b}" for a, b in zip(wrong, uncertain, strict=True))
        return chart.svg(f"wrong and uncertain target images after each round: {said} of {total}")


def neighbor_counts(counts: Sequence[np.ndarray], name: str) -> Markup:
    """A bar a round, divided by how many neighbors K the target images may draw from."""
    starts, labels = _levels(np.concatenate(counts))
    with Chart(f"{name}-k", height=0.95 + 0.32 * len(counts), grid="x") as chart:
        left, rows = np.zeros(len(counts)), np.arange(len(counts))
        for level, label in enumerate(labels):
            own = [np.searchsorted(starts, of_round, side="right") - 1 == level for of_round in counts]
            shares = np.array([100 * share.mean() if share.size else 0.0 for share in own])
            shade = opacity(0.2 + 0.8 * level / max(1, len(labels) - 1))
            chart.axes.barh(rows, shares, left=left, color=TARGET, alpha=shade, height=0.7, label=f"K {label}")
            left += shares
        chart.names(rows, [f"round {number + 1}" for number in rows])
        chart.axes.set_xlim(0, 100)
        chart.label("share of the target images (%)")
        chart.legend(5)
        return chart.svg(f"how many neighbors the target images draw from in each of {len(counts)} rounds")


def _levels(counts: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Where the classes of K begin, at most 8, and their names: single values where they are few, else ranges."""
    values = np.unique(counts)
    if len(values) <= _LEVELS:
        return values, [str(value) for value in values]
    starts = np.unique(np.quantile(values, np.linspace(0, 1, _LEVELS + 1)[:-1], method="lower"))
    ends = [*(values[np.searchsorted(values, starts[1:]) - 1]), values[-1]]
    return starts, [f"{low}" if low == high else f"{low} to {high}" for low, high in zip(starts, ends, strict=True)]


def entropy_histogram(
    first: np.ndarray, last: np.ndarray, rounds: int, delta: float, name: str, unit: str = "nats"
) -> Markup:
    """How uncertain the predictions for the target images are after the first and after the last round."""
    with Chart(f"{name}-entropy") as chart:
        first, last, delta = lengths(first), lengths(last), float(lengths(delta))
        top = reach([*first, *last, delta])
        bins = np.linspace(0, top * 1.001, 31).tolist()
        pairs = [(last, "after the only round", TARGET)]
        if rounds > 1:
            pairs = [(first, "after round 1", BASELINE), (last, f"after round {rounds}", TARGET)]
        for values, label, color in pairs:
            chart.axes.hist(values, bins, color=color, alpha=0.25)
            chart.axes.hist(values, bins, histtype="step", color=color, linewidth=1.4, label=label)
        chart.axes.axvline(delta, color=INK, alpha=0.6, linewidth=0.9, linestyle=(0, (3, 3)))
        chart.axes.text(delta, 1.0, f" δ = {delta:g}", transform=chart.axes.get_xaxis_transform(), fontsize=8, va="top")
        chart.axes.set_xlim(0, top)
        chart.label(f"entropy of the prediction ({unit})", "target images")
        chart.legend(2)
        means = [float(np.mean(each)) if each.size else 0.0 for each in (first, last)]
        said = f"mean {means[0]:.2f} after the first round, {means[1]:.2f} after the last"
        return chart.svg(f"histogram of the entropies of {len(last)} target images: {said}")


def union_growth(sizes: Sequence[int], classes: Sequence[int], total: int | None, name: str) -> Markup:
    """Source images in use in each round, with their share of the source and the number of their classes."""
    with Chart(f"{name}-union") as chart:
        numbers, drawn = np.arange(1, len(sizes) + 1), lengths(sizes)
        bars = chart.axes.bar(numbers, drawn, color=SOURCE, alpha=0.85, width=0.6, linewidth=0)
        for bar, size, count in zip(bars, drawn, classes, strict=True):
            share = f" ({100 * size / total:.0f} %)" if total else ""
            text = f"{size:,.0f}{share}\n{count:,} {'class' if count == 1 else 'classes'}"
            middle = bar.get_x() + bar.get_width() / 2
            chart.axes.annotate(
                text, (middle, size), xytext=(0, 3), textcoords="offset points", ha="center", fontsize=7.5
            )
        chart.axes.set_xticks(numbers)
        chart.axes.set_ylim(0, reach(drawn, 1.25, 1.0))
        chart.label("round", "source images in use")
        return chart.svg(f"source images in use in each round: {', '.join(map(str, sizes))}")


def class_draws(names: Sequence[str], shares: np.ndarray, images: np.ndarray, name: str, most: int = 15) -> Markup:
    """The source classes that most draws fall on."""
    shares = lengths(shares, 1.0)
    order = np.argsort(-shares, kind="stable")[:most]
    order = order[shares[order] > 0]
    with Chart(f"{name}-classes", height=0.7 + 0.22 * max(1, len(order)), grid="x") as chart:
        rows = np.arange(len(order))
        chart.axes.barh(rows, 100 * shares[order], color=SOURCE, alpha=0.85, height=0.7, linewidth=0)
        for row, label in enumerate(order):
            words = f" {images[label]:,} {'image' if images[label] == 1 else 'images'}"
            chart.axes.text(100 * shares[label], row, words, va="center", fontsize=7.5)
        chart.names(rows, [names[label] for label in order])
        chart.axes.set_xlim(0, reach(100 * shares, 1.28))
        chart.label("share of all draws (%)")
        return chart.svg(f"the {len(order)} source classes drawn on most, by share of draws")


def stage_times(times: dict[str, float], name: str) -> Markup:
    """Seconds of each stage."""
    times = {stage: float(lengths(seconds)) for stage, seconds in times.items()}
    order = sorted(times, key=lambda stage: -times[stage])
    with Chart(f"{name}-times", height=0.7 + 0.24 * max(1, len(order)), grid="x") as chart:
        rows = np.arange(len(order))
        chart.axes.barh(rows, [times[stage] for stage in order], color=BASELINE, height=0.66, linewidth=0)
        for row, stage in enumerate(order):
            chart.axes.text(times[stage], row, f" {times[stage]:,.1f} s", va="center", fontsize=7.5)
        chart.names(rows, order)
        chart.axes.set_xlim(0, reach(list(times.values()), 1.22))
        chart.label("seconds")
        return chart.svg("seconds of each stage: " + ", ".join(f"{stage} {times[stage]:.1f}" for stage in order))
