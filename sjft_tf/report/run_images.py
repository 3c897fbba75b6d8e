"""The pictures of a run's page: what was borrowed for whom, what is drawn most, what is still hard."""

from __future__ import annotations

import numpy as np

from sjft_tf.report.pictures import Pictures
from sjft_tf.report.reading import RecordedRun
from sjft_tf.report.run_rows import BorrowedPictures, HardPicture, SourcePicture, TargetPicture
from sjft_tf.summaries import hardest_rows

_LINES = 8  # target images in the montage
_BESIDE = 7  # neighbors beside each
_DRAWN = 12  # most drawn source images
_HARDEST = 12
_FEW = 4  # neighbors beside a hard image


def borrowed_images(run: RecordedRun, pictures: Pictures) -> BorrowedPictures | None:
    """Target images of different classes beside their nearest source images; the source images drawn most.

    None where nothing is borrowed.
    """
    if not run.borrows:
        return None
    lines: list[TargetPicture] = []
    if pictures.target is not None and run.neighbors is not None:
        _, firsts = np.unique(pictures.target.labels, return_index=True)
        chosen = firsts[np.linspace(0, len(firsts) - 1, min(_LINES, len(firsts))).astype(int)]
        lines = [target_line(run, pictures, int(row), _BESIDE) for row in chosen]
    last = run.scorings[run.counting]
    drawn: list[SourcePicture] = []
    if last is not None and "drawn_rows" in last and pictures.source is not None:
        shares = zip(last["drawn_rows"][:_DRAWN], last["drawn_share"][:_DRAWN], strict=True)
        drawn = [_source(pictures, int(row), share=float(share)) for row, share in shares]
    return BorrowedPictures(lines, drawn, run.selector)


def hardest_images(run: RecordedRun, pictures: Pictures) -> list[HardPicture] | None:
    """The target images the model finds hardest at the end, surest mistakes first; None if that was not recorded."""
    last, names = run.scorings[run.counting], run.classes.get("target", [])
    if last is None:
        return None
    rows = map(int, hardest_rows(last["wrong"], last["entropy"], _HARDEST))
    return [_hard(target_line(run, pictures, row, _FEW), last, row, names) for row in rows]


def _hard(line: TargetPicture, scoring: dict[str, np.ndarray], row: int, names: list[str]) -> HardPicture:
    return HardPicture(
        id=line.id,
        label=line.label or _name(names, int(scoring["labels"][row])),
        uri=line.uri,
        neighbors=line.neighbors,
        predicted=_name(names, int(scoring["predicted"][row])),
        wrong=bool(scoring["wrong"][row]),
        entropy=float(scoring["entropy"][row]),
        k=int(scoring["counts"][row]) if "counts" in scoring else None,
    )


def target_line(run: RecordedRun, pictures: Pictures, row: int, beside: int) -> TargetPicture:
    """A target image with its nearest source images."""
    near: list[SourcePicture] = []
    if run.neighbors is not None and run.borrows and pictures.source is not None:
        nearest = zip(run.neighbors.rows[row, :beside], run.neighbors.distances[row, :beside], strict=True)
        near = [_source(pictures, int(other), float(distance)) for other, distance in nearest]
    label = ""
    if pictures.target is not None:
        label = pictures.target.label_text(row)
    return TargetPicture(pictures.target_id(row), label, pictures.target_uri(row), near)


def _source(pictures: Pictures, row: int, distance: float | None = None, share: float | None = None) -> SourcePicture:
    name = str(pictures.source.ids[row]) if pictures.source is not None else f"row {row}"
    return SourcePicture(name, pictures.source_class(row), pictures.source_uri(row), distance, share)


def _name(names: list[str], label: int) -> str:
    return names[label] if label < len(names) else str(label)
