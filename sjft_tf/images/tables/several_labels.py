"""Tables whose images have several labels, or none: names in one cell, or a column of yes and no for each class."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from sjft_tf.errors import InputError
from sjft_tf.images.tables.table_columns import NO, YES, Columns

ALL_COLUMNS = "*"


@dataclasses.dataclass(frozen=True)
class SeveralLabels:
    """How the labels of a row are read.

    Attributes:
        separator: what stands between the names in the cell of classes; "" where classes have columns.
        columns: of each class its column, in the table's order; empty with a separator.
    """

    separator: str = ""
    columns: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def of(self, place: str, cells: Sequence[str], label: str) -> tuple[str, ...]:
        """The labels of a row.

        Args:
            place: file and line, for messages.
            cells: of the row.
            label: what stands in the column of classes.

        Raises:
            InputError: a cell of a class says neither yes nor no.
        """
        if self.separator:
            names = (part.strip() for part in label.split(self.separator))
            return tuple(dict.fromkeys(name for name in names if name))
        for name, column in self.columns.items():
            if cells[column].strip().lower() not in YES | NO | {""}:
                raise InputError(
                    f"{place}: column {name!r} must say 1 or 0 (also yes and no, true and false), whether the image is "
                    f"of this class. Received: {cells[column]!r}"
                )
        return tuple(name for name, column in self.columns.items() if cells[column].strip().lower() in YES)


def several_labels(
    table: str, names: Sequence[str], columns: Columns, separator: str, classes: str
) -> SeveralLabels | None:
    """What `?separator=` and `?classes=` ask for; None for a table of one label an image.

    Args:
        table: where it is, for messages.
        names: of its columns.
        columns: those of images and splits.
        separator: the text between labels in one cell, "" for none.
        classes: names of columns with commas between them; `*` for all but those of images and splits.

    Raises:
        InputError: both are given, or there is no such column.
    """
    if separator and classes:
        raise InputError(
            f"{table}: ?separator={separator} is for several names in one column, ?classes={classes} for a column a "
            "class: give one of the two"
        )
    if separator:
        return SeveralLabels(separator)
    if not classes:
        return None
    taken = {columns.image, columns.split}
    if classes == ALL_COLUMNS:
        chosen = [name for c, name in enumerate(names) if c not in taken]
    else:
        chosen = [name.strip() for name in classes.split(",") if name.strip()]
    if len(chosen) < 2:
        raise InputError(f"{table}: ?classes={classes} must name at least two columns. There are: {','.join(names)}")
    for name in chosen:
        if list(names).count(name) != 1:
            fault = "is there twice" if name in names else "is not there"
            raise InputError(
                f"{table}, line 1: the column {name!r} (?classes={classes}) {fault}. "
                f"Received: {','.join(names)[:300]!r}"
            )
    return SeveralLabels(columns={name: list(names).index(name) for name in chosen})
