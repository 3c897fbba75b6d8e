"""The result of a comparison as Markdown, CSV and a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sjft_tf.artifacts import atomic_write
from sjft_tf.comparison.arms import BASELINE, Arm
from sjft_tf.comparison.choice_record import CHOICE_RULE, ChoiceRecord, choice_sentence
from sjft_tf.comparison.images import image_intervals
from sjft_tf.comparison.records import ArmRecord, ComparisonRecord
from sjft_tf.csv_files import Writer
from sjft_tf.study import Interval, SetsSummary, Summary, differences, t_interval
from sjft_tf.workdir import ComparisonFiles


def write_tables(
    root: Path, record: ComparisonRecord, notes: Sequence[str], sets: SetsSummary, with_images: bool = True
) -> None:
    """Writes comparison.md and comparison.csv into `root`.

    Args:
        root: the comparison's workdir.
        record: of the comparison.
        notes: what must be said above the table.
        sets: the image sets.
        with_images: compute the intervals over seeds and images, about a second an arm for thousands of images.
    """
    both = image_intervals(root, record) if with_images else {}
    with atomic_write(root / ComparisonFiles.MARKDOWN, "w") as stream:
        stream.write("\n".join(markdown(record, notes, sets, both)) + "\n")
    with atomic_write(root / ComparisonFiles.CSV, "w") as stream:
        writer = Writer(stream)
        writer.writerows(csv_lines(record, both))


def markdown(
    record: ComparisonRecord, notes: Sequence[str], sets: SetsSummary, both: Mapping[str, Interval | None]
) -> list[str]:
    """The lines of comparison.md.

    Args:
        record: of the comparison.
        notes: what must be said above the table.
        sets: the image sets.
        both: of each arm the interval over seeds and images.
    """
    data = record.spec.base.data
    few = f", {data.per_class} images a class" if data.per_class else ""
    return [
        f"# Does borrowing help? {data.target} <- {', '.join(data.source)}{few}",
        "",
        *(f"**{note}**\n" for note in notes),
        f"Mean class accuracy on {sets.images.get('test', 0)} test images. Differences are against "
        f"`{BASELINE}` of the same seed.",
        "",
        "| Arm | n | Mean ± sd | Difference (95 %, seeds) | 95 %, t | 95 %, seeds and images | Rate | Source weight "
        "| Minutes a run |",
        "|---|---|---|---|---|---|---|---|---|",
        *(f"| {' | '.join(_cells(of_arm, record.baseline, both))} |" for of_arm in record.arms),
        "",
        *verdicts(record),
        *_choices(record),
    ]


def _cells(of_arm: ArmRecord, baseline: Mapping[int, float], both: Mapping[str, Interval | None]) -> list[str]:
    """An arm's line of the table."""
    summary, arm, chosen = of_arm.summary(baseline), of_arm.arm, of_arm.chosen
    cells = [_title(arm), str(summary.n), _mean(summary)]
    if arm.name == BASELINE or summary.difference is None:
        cells += ["-"] * 3
    else:
        t = t_interval(differences(of_arm.tests, baseline))
        around = None if summary.low is None or summary.high is None else Interval(summary.low, summary.high)
        cells += [f"{100 * summary.difference:+.2f} {_range(around)}".strip(), _range(t) or "-"]
        cells += [_range(both.get(arm.name)) or "-"]
    cells += [_plain(chosen.learning_rate if chosen else None), _plain(chosen.source_weight if chosen else None)]
    return [*cells, "-" if summary.seconds is None else f"{summary.seconds / 60:.1f}"]


def _choices(record: ComparisonRecord) -> list[str]:
    """How the settings of each arm were chosen, a sentence each; nothing where none were."""
    made = [(one.arm, ChoiceRecord.of(one.decision)) for one in record.arms if one.decision is not None]
    said = [f"- {_title(arm)}: {choice_sentence(choice)}." for arm, choice in made]
    return ["", CHOICE_RULE, "", *said] if said else []


def verdicts(record: ComparisonRecord) -> list[str]:
    """What the numbers say about the question, a sentence an arm that borrows."""
    said, baseline = [], record.baseline
    for of_arm in record.arms:
        summary = of_arm.summary(baseline)
        if of_arm.arm.name in (BASELINE, "frozen", "scratch") or summary.difference is None:
            continue
        points, title = 100 * summary.difference, _title(of_arm.arm)
        t = t_interval(differences(of_arm.tests, baseline))
        if t is None or summary.low is None or summary.high is None:
            said.append(
                f"- {title}: {points:+.1f} points against fine-tuning, from one seed: nothing can be told of it."
            )
        elif summary.low > 0 or summary.high < 0:
            verb = "gained" if points > 0 else "lost"
            ends = sorted(abs(100 * end) for end in (summary.low, summary.high))
            doubt = "" if t.low > 0 or t.high < 0 else "; the wider t interval holds 0, so that more seeds are needed"
            what = f"{abs(points):.1f} points {'over' if points > 0 else 'against'} fine-tuning"
            said.append(f"- {title} {verb} {what} ({ends[0]:.1f} to {ends[1]:.1f}){doubt}.")
        else:
            said.append(
                f"- {title}: no difference to fine-tuning can be told ({points:+.1f} points, "
                f"{100 * summary.low:+.1f} to {100 * summary.high:+.1f})."
            )
    return said


def csv_lines(record: ComparisonRecord, both: Mapping[str, Interval | None]) -> list[list[str | float]]:
    """comparison.csv: a line an arm, accuracies as fractions."""
    head = ["arm", "n", "mean", "sd", "difference", "low", "high", "t_low", "t_high", "images_low", "images_high"]
    lines: list[list[str | float]] = [[*head, "learning_rate", "source_weight", "seconds", "choice"]]
    baseline = record.baseline
    for of_arm in record.arms:
        summary, chosen, name = of_arm.summary(baseline), of_arm.chosen, of_arm.arm.name
        t = t_interval(differences(of_arm.tests, baseline)) or (None, None)
        images = both.get(name) or (None, None)
        cells: list[str | float | None] = [
            summary.n,
            summary.mean,
            summary.sd,
            summary.difference,
            summary.low,
            summary.high,
            *t,
            *images,
        ]
        cells += [chosen.learning_rate if chosen else None, chosen.source_weight if chosen else None, summary.seconds]
        cells.append(None if of_arm.decision is None else "clear" if of_arm.decision.clear else "within noise")
        lines.append([name, *("" if cell is None else cell for cell in cells)])
    return lines


def _title(arm: Arm) -> str:
    return f"{arm.title} (`{arm.name}`)"


def _mean(summary: Summary) -> str:
    if summary.mean is None:
        return "-"
    return f"{100 * summary.mean:.2f}" + ("" if summary.sd is None else f" ± {100 * summary.sd:.2f}")


def _range(interval: Interval | None) -> str:
    return "" if interval is None else f"({100 * interval.low:+.2f} to {100 * interval.high:+.2f})"


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
