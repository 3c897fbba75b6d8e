"""The result of a comparison as Markdown, CSV and a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sjft_tf.artifacts import atomic_write
from sjft_tf.comparison.images import image_intervals
from sjft_tf.comparison.planning import SetsSummary
from sjft_tf.comparison.statistics import Interval, differences, t_interval
from sjft_tf.csv_files import Writer


def write_tables(
    root: Path, content: dict[str, Any], notes: Sequence[str], found: SetsSummary, with_images: bool = True
) -> None:
    """Writes comparison.md and comparison.csv into `root`.

    Args:
        root: the comparison's workdir.
        content: that of comparison.json.
        notes: what must be said above the table.
        found: the image sets.
        with_images: compute the intervals over seeds and images, about a second an arm for thousands of images.
    """
    both = image_intervals(root, content) if with_images else {}
    with atomic_write(root / "comparison.md", "w") as stream:
        stream.write("\n".join(markdown(content, notes, found, both)) + "\n")
    with atomic_write(root / "comparison.csv", "w") as stream:
        writer = Writer(stream)
        writer.writerows(csv_lines(content, both))


def markdown(
    content: dict[str, Any], notes: Sequence[str], found: SetsSummary, both: dict[str, Interval | None]
) -> list[str]:
    """The lines of comparison.md.

    Args:
        content: that of comparison.json.
        notes: what must be said above the table.
        found: the image sets.
        both: of each arm the interval over seeds and images.
    """
    few = f", {content['per_class']} images a class" if content["per_class"] else ""
    lines = [
        f"# Does borrowing help? {content['target']} <- {', '.join(content['source'])}{few}",
        "",
        *(f"**{note}**\n" for note in notes),
        f"Mean class accuracy on {found.images.get('test', 0)} test images. Differences are against "
        f"`{content['baseline']}` of the same seed.",
        "",
        "| Arm | n | Mean ± sd | Difference (95 %, seeds) | 95 %, t | 95 %, seeds and images | Rate | Source weight "
        "| Minutes a run |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for arm in content["arms"]:
        summary, chosen = arm["summary"], arm["chosen"]
        cells = [f"{arm['title']} (`{arm['name']}`)", str(summary["n"]), _mean(summary)]
        if arm["name"] == content["baseline"] or summary["difference"] is None:
            cells += ["-"] * 3
        else:
            t = t_interval(differences(*_pair(content, arm)))
            around = Interval(summary["low"], summary["high"]) if summary["low"] is not None else None
            cells += [f"{100 * summary['difference']:+.2f} {_range(around)}".strip(), _range(t) or "-"]
            cells += [_range(both.get(arm["name"])) or "-"]
        cells += [_plain(chosen["learning_rate"]), _plain(chosen["source_weight"])]
        cells += ["-" if summary["seconds"] is None else f"{summary['seconds'] / 60:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, "", *verdicts(content)]


def verdicts(content: dict[str, Any]) -> list[str]:
    """What the numbers say about the question, a sentence an arm that borrows."""
    said = []
    for arm in content["arms"]:
        summary = arm["summary"]
        if arm["name"] in (content["baseline"], "frozen", "scratch") or summary["difference"] is None:
            continue
        points, title = 100 * summary["difference"], f"{arm['title']} (`{arm['name']}`)"
        t = t_interval(differences(*_pair(content, arm)))
        if t is None or summary["low"] is None:
            said.append(
                f"- {title}: {points:+.1f} points against fine-tuning, from one seed: nothing can be told of it."
            )
        elif summary["low"] > 0 or summary["high"] < 0:
            verb = "gained" if points > 0 else "lost"
            ends = sorted(abs(100 * end) for end in (summary["low"], summary["high"]))
            doubt = "" if t.low > 0 or t.high < 0 else "; the wider t interval holds 0, so that more seeds are needed"
            what = f"{abs(points):.1f} points {'over' if points > 0 else 'against'} fine-tuning"
            said.append(f"- {title} {verb} {what} ({ends[0]:.1f} to {ends[1]:.1f}){doubt}.")
        else:
            said.append(
                f"- {title}: no difference to fine-tuning can be told ({points:+.1f} points, "
                f"{100 * summary['low']:+.1f} to {100 * summary['high']:+.1f})."
            )
    return said


def csv_lines(content: dict[str, Any], both: dict[str, Interval | None]) -> list[list[Any]]:
    """comparison.csv: a line an arm, accuracies as fractions."""
    names = ("n", "mean", "sd", "difference", "low", "high")
    head = ["arm", *names, "t_low", "t_high", "images_low", "images_high", "learning_rate", "source_weight", "seconds"]
    lines: list[list[Any]] = [head]
    for arm in content["arms"]:
        summary, chosen = arm["summary"], arm["chosen"]
        t = t_interval(differences(*_pair(content, arm))) or (None, None)
        images = both.get(arm["name"]) or (None, None)
        cells = [*(summary[name] for name in names), *t, *images]
        cells += [chosen["learning_rate"], chosen["source_weight"], summary["seconds"]]
        lines.append([arm["name"], *("" if cell is None else cell for cell in cells)])
    return lines


def _pair(content: dict[str, Any], arm: dict[str, Any]) -> tuple[dict[int, float], dict[int, float]]:
    """Test accuracy by seed, of an arm and of the baseline."""
    plain: dict[str, Any] = next((one for one in content["arms"] if one["name"] == content["baseline"]), {"runs": []})
    each = [{run["seed"]: run["test"] for run in one["runs"] if run["test"] is not None} for one in (arm, plain)]
    return each[0], each[1]


def _mean(summary: dict[str, Any]) -> str:
    if summary["mean"] is None:
        return "-"
    return f"{100 * summary['mean']:.2f}" + ("" if summary["sd"] is None else f" ± {100 * summary['sd']:.2f}")


def _range(interval: Interval | None) -> str:
    return "" if interval is None else f"({100 * interval.low:+.2f} to {100 * interval.high:+.2f})"


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
