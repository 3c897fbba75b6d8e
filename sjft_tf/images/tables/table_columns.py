"""Which columns of a table hold the images, their classes and their splits: by what is said, or by the usual names."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sjft_tf.errors import InputError
from sjft_tf.images.places.spec import role_of
from sjft_tf.images.tables.table_text import image_column, plain_name

# In `plain_name` form, the likeliest first: of several columns that fit, the first of these is taken.
IMAGE_NAMES = (
    *("path", "filepath", "imagepath", "imgpath", "filename", "imagefilename", "imagefile", "imgfile", "imagename"),
    *("imgname", "fname", "image", "img", "file", "imageid", "imgid", "id", "picture", "photo"),
)
LABEL_NAMES = (
    *("label", "labelname", "class", "classname", "category", "categoryname", "breed", "species", "target", "variety"),
    *("labels", "diagnosis", "cultivar", "style", "genre", "classid", "labelid", "categoryid", "speciesid", "targetid"),
    "classlabel",
)
SPLIT_NAMES = ("split", "subset", "set", "fold", "partition", "dataset", "datasplit", "usage", "phase")
FOLDER = "folder"
YES = {"1", "true", "yes", "y", "t", "1.0"}
NO = {"0", "false", "no", "n", "f", "0.0"}


@dataclass(frozen=True)
class Columns:
    """Where in a row what stands.

    Attributes:
        width: cells of a row.
        image: position of the file's name.
        label: position of the class; None where classes are not read or are the folders' names.
        split: position of the split; None without.
        label_is_folder: the class is the name of the folder that the image lies in.
        yes: the split that "yes" means in a column of yes and no, and `no` likewise; "" where the split is as written.
        told: the columns taken, for the user.
        plain: they are path,label[,split] by name.
        unused: columns that look like a division into splits and are not read.
    """

    width: int
    image: int
    label: int | None = None
    split: int | None = None
    label_is_folder: bool = False
    yes: str = ""
    no: str = ""
    told: tuple[str, ...] = ()
    plain: bool = True
    unused: list[str] = dataclasses.field(default_factory=list)

    def split_of(self, cell: str) -> str:
        """The split that a cell names."""
        if not self.yes:
            return cell
        return self.yes if cell.lower() in YES else self.no if cell.lower() in NO else ""


def find_columns(
    table: str,
    names: Sequence[str],
    rows: Sequence[tuple[int, Sequence[str]]],
    given: tuple[str, str, str],
    labeled: bool,
) -> Columns:
    """The columns of a table.

    Args:
        table: where it is, for messages.
        names: the header; for a list without one the numbers from 1.
        rows: line number and cells of each row.
        given: the columns of images, classes and splits that the user named, by name or number; "" for the usual ones.
        labeled: classes are needed.

    Raises:
        InputError: there is no such column, or it is there twice.
    """
    numbered = list(names) == [str(i) for i in range(1, len(names) + 1)]
    image = _named(table, names, "image", given[0])
    if image is None:
        image = _unnamed(names, rows) if numbered else _usual(table, names, IMAGE_NAMES)
    split = _named(table, names, "split", given[2])
    unused: list[str] = []
    if split is None and not numbered:
        split, unused = _usual_split(table, names, rows, {image, _named(table, names, "label", given[1])})
    label, is_folder = None, False
    if labeled and image is not None:
        label, is_folder = _label(table, names, rows, given[1], image, split)
    if image is None or (labeled and label is None and not is_folder):
        classes = " and one for its class (label, class, breed, ...)" if labeled else ""
        raise InputError(
            f"{table}, line 1: the header must have a column for the image (path, filename, image_id, ...){classes}. "
            f"Name others: ?image=COLUMN{'&label=COLUMN' if labeled else ''}. Received: {','.join(names)[:300]!r}"
        )
    taken = [("images", image), ("classes", label), ("splits", split)]
    told = [f"{what} from column {names[c]!r}" for what, c in taken if c is not None]
    told += ["classes from the folders' names"] if is_folder else []
    plain = [names[c] for _, c in taken if c is not None]
    yes, no = _meanings(names[split], rows, split) if split is not None else ("", "")
    is_plain = plain == ["path", "label", "split"][: len(plain)]
    return Columns(len(names), image, label, split, is_folder, yes, no, tuple(told), is_plain, unused)


def _named(table: str, names: Sequence[str], role: str, given: str) -> int | None:
    if not given:
        return None
    found = [i for i, name in enumerate(names) if name == given] or [
        i for i, name in enumerate(names) if plain_name(name) == plain_name(given) != ""
    ]
    if not found and given.isdecimal() and len(given) < 9 and 1 <= int(given) <= len(names):
        return int(given) - 1
    if role == "label" and not found and given == FOLDER:
        return None
    if len(found) != 1:
        fault = "is there twice" if found else "is not there"
        raise InputError(
            f"{table}, line 1: the column {given} ({role}={given}) {fault}. Received: {','.join(names)[:300]!r}"
        )
    return found[0]


def _unnamed(names: Sequence[str], rows: Sequence[tuple[int, Sequence[str]]]) -> int | None:
    """The column of images of a list without a header."""
    found = image_column([cells for _, cells in rows]) if rows else None
    return 0 if found is None and len(names) == 1 else found


def _usual(table: str, names: Sequence[str], usual: Sequence[str]) -> int | None:
    """The first of the usual names that a column has."""
    plain = [plain_name(name) for name in names]
    for wanted in usual:
        found = [i for i, name in enumerate(plain) if name == wanted]
        exact = [i for i in found if names[i] == wanted]
        if len(exact or found) > 1:
            raise InputError(f"{table}, line 1: the column {names[found[0]]} is there twice. Expected it once")
        if found:
            return (exact or found)[0]
    return None


def _usual_split(
    table: str, names: Sequence[str], rows: Sequence[tuple[int, Sequence[str]]], taken: Collection[int | None]
) -> tuple[int | None, list[str]]:
    """The column of splits beside those that are taken, and those that look like one and are not read."""
    if (column := _usual(table, names, SPLIT_NAMES[:1])) is not None:
        return column, []
    split: int | None = None
    unused: list[str] = []
    for c, name in enumerate(names):
        plain = plain_name(name)
        if c in taken:
            continue
        if plain in SPLIT_NAMES:
            named = any(role_of(cells[c]) for _, cells in rows if c < len(cells))
            split, unused = (c, unused) if named and split is None else (split, [*unused, name])
        elif role_in(name):
            unused.append(name)
    return split, unused


def role_in(name: str) -> str | None:
    """The role of the images that a column such as is_test, train or is_training_image says yes of."""
    plain = plain_name(name).removeprefix("is").removesuffix("image").removesuffix("set")
    return role_of(plain)


def _meanings(name: str, rows: Sequence[tuple[int, Sequence[str]]], column: int) -> tuple[str, str]:
    """The splits of "yes" and of "no", for a column that says either of one role; else two empty texts."""
    role = role_in(name)
    values = {cells[column].lower() for _, cells in rows if column < len(cells)}
    if role is None or not values <= YES | NO:
        return "", ""
    return role, "test" if role == "train" else "train"


def _label(
    table: str,
    names: Sequence[str],
    rows: Sequence[tuple[int, Sequence[str]]],
    given: str,
    image: int,
    split: int | None,
) -> tuple[int | None, bool]:
    """The column of classes, or that they are the folders' names."""
    label = _named(table, names, "label", given)
    if label is not None or given:
        return label, label is None
    if list(names) != [str(i) for i in range(1, len(names) + 1)]:
        return _usual(table, names, LABEL_NAMES), False
    others = [c for c in range(len(names)) if c not in (image, split)]
    if not others or (others[0] < image and _counts_up([cells[others[0]] for _, cells in rows if len(cells) > image])):
        return None, True
    if len(others) > 1:
        raise InputError(
            f"{table} has no header and {len(names)} columns. Say which has the classes: ?label=NUMBER, from 1"
        )
    return others[0], False


def _counts_up(cells: Sequence[str]) -> bool:
    """Whether a column is the number of the row: integers, each one more than the one before."""
    numbers = [int(cell) for cell in cells if cell.isdecimal() and len(cell) < 18]
    return len(numbers) == len(cells) > 1 and all(b == a + 1 for a, b in itertools.pairwise(numbers))
