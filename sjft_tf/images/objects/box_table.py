"""`boxes`: a CSV file with a line for each object."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from sjft_tf.errors import InputError
from sjft_tf.images.objects.annotations import Annotated, AnnotatedImage, Told, box_of, build_set
from sjft_tf.images.objects.object_set import ObjectSet
from sjft_tf.images.places.paths import folder_of, join, read_bytes
from sjft_tf.images.places.spec import Options, Spec, choose_split
from sjft_tf.images.sets.scan import FileScan
from sjft_tf.images.tables.table_columns import IMAGE_NAMES, LABEL_NAMES, SPLIT_NAMES
from sjft_tf.images.tables.table_text import decode, form_of, plain_name, rows_of

# What people call the sides of a box, in `plain_name` form; all four of one kind.
SIDES = (("x0", "y0", "x1", "y1"), ("xmin", "ymin", "xmax", "ymax"), ("left", "top", "right", "bottom"))


@dataclasses.dataclass(frozen=True)
class BoxOptions(Options):
    """See `open_boxes`."""

    images: str = ""


@dataclasses.dataclass(frozen=True)
class _Columns:
    """Where in a line what stands; a split and sides need not be there."""

    image: int
    label: int
    split: int | None
    sides: tuple[int, ...]
    width: int


def open_boxes(spec: Spec, scan: FileScan) -> ObjectSet:
    """`boxes:FILE.csv[#split][?images=DIR]`: lines of path,label,x0,y0,x1,y1[,split] after a header.

    Columns may be called as `csv` sets and object detection call them (filename, class, xmin, left, ...); others are
    not read. An image has as many lines as objects; one with an empty label and box has none. Where no line has a box,
    labels are those of whole images. Paths begin at `images`, the file's folder when not given.
    """
    options = spec.read_options(BoxOptions)
    columns, lines = _read(spec)
    splits = [] if columns.split is None else _unique(cells[columns.split] for _, cells in lines)
    name, chosen = Path(spec.location).stem, ""
    if spec.split or len(splits) > 1:
        chosen = choose_split(spec, splits)
        name = f"{name}#{chosen}"
    root = join(folder_of(spec.location), options.images) if options.images else folder_of(spec.location)
    told = Told(scan.skips)
    listed: dict[str, AnnotatedImage] = {}
    for line, cells in lines:
        if chosen and columns.split is not None and cells[columns.split] != chosen:
            continue
        place, path = f"{spec.location}, line {line}", cells[columns.image]
        if not path:
            raise InputError(f"{place}: it names no image. Received: {','.join(cells)[:200]!r}")
        image = listed.setdefault(path, AnnotatedImage(path, join(root, path), place))
        _add(image, cells, columns, place, told)
    objects = build_set(name, spec, list(listed.values()), scan, root, told)
    scan.found.understood, scan.found.splits = told.words(), splits
    return objects


def box_splits(spec: Spec) -> list[str]:
    """The splits that the file names."""
    columns, lines = _read(spec)
    return [] if columns.split is None else _unique(cells[columns.split] for _, cells in lines)


def _unique(values: object) -> list[str]:
    return list(dict.fromkeys(values))  # type: ignore[call-overload]


def _add(image: AnnotatedImage, cells: Sequence[str], columns: _Columns, place: str, told: Told) -> None:
    label, sides = cells[columns.label], [cells[side] for side in columns.sides]
    if not label and not any(sides):
        return
    if not label:
        told.bad(InputError(f"{place}: a box without a label."), "box(es) without a label left out")
        return
    try:
        box = box_of(sides, place) if any(sides) else None
    except InputError as error:
        told.bad(error, "bad box(es) left out")
    else:
        image.objects.append(Annotated(label, box, place))


def _read(spec: Spec) -> tuple[_Columns, list[tuple[int, list[str]]]]:
    table = spec.location
    try:
        text = decode(read_bytes(table), f"'{spec}': {table}")
    except OSError as error:
        raise InputError(f"'{spec}': {table} cannot be read ({error.strerror or error})") from error
    known = {*IMAGE_NAMES, *LABEL_NAMES, *SPLIT_NAMES, *(side for sides in SIDES for side in sides)}
    try:
        rows = list(rows_of(text, form_of(text, "", True, known).delimiter))
    except InputError as error:
        raise InputError(f"{table}, {error}") from error
    columns = _columns(table, rows[0][1] if rows else [])
    for line, cells in rows[1:]:
        if len(cells) != columns.width:
            raise InputError(f"{table}, line {line}: expected {columns.width} fields. Received: {len(cells)}")
    return columns, rows[1:]


def _columns(table: str, header: Sequence[str]) -> _Columns:
    places = {plain_name(name): place for place, name in reversed(list(enumerate(header)))}
    image, label = (_first(places, names) for names in (IMAGE_NAMES, LABEL_NAMES))
    if image is None or label is None:
        raise InputError(
            f"{table}, line 1: the header must name the image and its class, as path,label,x0,y0,x1,y1 does. "
            f"Received: {','.join(header)[:200]!r}"
        )
    sides = next((tuple(places[side] for side in kind) for kind in SIDES if set(kind) <= set(places)), ())
    return _Columns(image, label, _first(places, SPLIT_NAMES), sides, len(header))


def _first(places: Mapping[str, int], names: Sequence[str]) -> int | None:
    return next((places[name] for name in names if name in places), None)
