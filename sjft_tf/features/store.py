"""Kept features: those of every image and view at every layer in one memory-mapped file."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from sjft_tf.artifacts import (
    Missing,
    RowFile,
    Stamp,
    check_made_from,
    give_back,
    load_npz,
    map_rows,
    partial_folder,
    publish,
    read_json,
    reserve,
    row_checksums,
    save_npz,
    write_json,
)
from sjft_tf.errors import InputError
from sjft_tf.features.stream import LayerFeatures
from sjft_tf.models import ImageDataset
from sjft_tf.schema import Array, Form, Schema

KIND = "features"
FEATURES, META, CHECKSUMS = "features.npy", "meta.json", "checksums.npz"
_FORM: dict[str, Form] = {"kind": str, "rows": int, "views": int, "layers": {"*": int}, "made_from": dict}
_DTYPE = np.dtype("<f4")
_READ_BYTES, _KEPT_ROWS = 64 << 20, 256


@dataclasses.dataclass(frozen=True)
class FeatureStore:
    """Features of an image set in a folder: `features.npy` [N, V * F], `checksums.npz`, `meta.json`; read-only.

    A view's F numbers are those of all layers, one layer after the other. Rows that are read are compared with their
    checksums; their pages are given back, so that memory holds what was asked for and no more.

    Attributes:
        path: the folder.
        images: number of images N.
        views: pictures V of an image.
        widths: F of each layer by name, in order.
        made_from: the stamp it was kept with.
    """

    path: Path
    images: int
    views: int
    widths: dict[str, int]
    made_from: Stamp

    def layer(self, name: str, rows: np.ndarray | None = None, views: int | None = None) -> np.ndarray:
        """The features of one layer.

        Args:
            name: of `widths`.
            rows: int [n], which images; None (default) for all.
            views: the first so many; None (default) for all.

        Returns:
            float32 [n, views, F].

        Raises:
            InputError: the file is damaged.
        """
        chosen = np.arange(self.images) if rows is None else np.asarray(rows)
        before = [*self.widths].index(name)
        first, kept = sum([*self.widths.values()][:before]), self.views if views is None else views
        result = np.empty((len(chosen), kept, self.widths[name]), np.float32)
        mapping, lines = map_rows(self.path / FEATURES, self.shape, _DTYPE)
        checksums = _read_checksums(self.path, self.images)
        step = max(1, _READ_BYTES // max(1, lines.strides[0]))
        for start in range(0, len(chosen), step):
            part = chosen[start : start + step]
            block = lines[part]
            if (wrong := part[row_checksums(block) != checksums[part]]).size:
                raise InputError(
                    f"{self.path / FEATURES} is damaged: row {wrong[0]} is not what was written. {_remedy(self.path)}"
                )
            of_views = block.reshape(len(part), self.views, -1)
            result[start : start + step] = of_views[:, :kept, first : first + self.widths[name]]
            give_back(mapping)
        return result

    @property
    def shape(self) -> tuple[int, int]:
        """Of the file: N, V * F."""
        return self.images, self.views * sum(self.widths.values())

    @classmethod
    def open(cls, path: Path) -> FeatureStore:
        """Opens a finished store.

        Raises:
            InputError: it is missing, foreign or damaged.
        """
        if not (path / META).is_file():
            raise InputError(f"There are no kept features in {path}: {META} is expected in it.")
        meta = read_json(path / META, _FORM, _remedy(path))
        if meta["kind"] != KIND:
            raise InputError(f"{path / META} does not describe features. {_remedy(path)}")
        return cls(path, meta["rows"], meta["views"], meta["layers"], meta["made_from"])

    def to_json(self) -> dict[str, Any]:
        """The content of `meta.json`."""
        values = {"rows": self.images, "views": self.views, "layers": self.widths}
        return {"kind": KIND, **values, "made_from": dict(self.made_from)}

    def stamp(self) -> Stamp:
        """What has to be the same for a store to be used, or to be gone on with."""
        described = self.to_json()
        return {**described.pop("made_from"), **described}


def keep_features(path: Path, stream: LayerFeatures, images: ImageDataset, made_from: Stamp) -> FeatureStore:
    """The features of an image set, found at `path` or kept there now.

    They are written in the folder `path` + ".partial", whose whole size is reserved at once; it takes its name at the
    end. Rows go to the disk in order, and how many are there is recorded after them: what was broken off goes on behind
    the last recorded one.

    Args:
        path: the folder.
        stream: what makes features of images.
        images: N of them.
        made_from: fingerprints of images, weights, view: JSON-able.

    Raises:
        ArtifactMismatch: features of other images, weights, layers or views are there.
        InputError: what is there is damaged.
        NoSpace: the disk is too full.
    """
    wanted = FeatureStore(path, len(images), stream.views, stream.widths, made_from)
    if path.exists():
        found = FeatureStore.open(path)
        check_made_from(path, found.stamp(), wanted.stamp())
        return found
    partial = partial_folder(path)
    if (partial / META).is_file():
        check_made_from(partial, FeatureStore.open(partial).stamp(), wanted.stamp())
    else:
        # Written last, the description says that the file is there in its full size.
        reserve(partial / FEATURES, wanted.shape, _DTYPE, KIND)
        write_json(partial / META, wanted.to_json())
    checksums = _written(partial, len(images))
    file = RowFile(partial / FEATURES, wanted.shape, _DTYPE, KIND)
    try:
        for rows, features in stream.blocks(images, np.arange(len(checksums), len(images), dtype=np.int32)):
            lines = np.ascontiguousarray(features.reshape(len(rows), -1), _DTYPE)
            file.write(int(rows[0]), lines)
            before, checksums = len(checksums), np.concatenate([checksums, row_checksums(lines)])
            if before // _KEPT_ROWS < len(checksums) // _KEPT_ROWS:
                file.flush()
                _write_checksums(partial, checksums)
                stream.saved()
        file.flush()
    finally:
        file.close()
    _write_checksums(partial, checksums)
    publish(partial, path)
    stream.saved()
    return FeatureStore.open(path)


def _written(partial: Path, images: int) -> np.ndarray:
    """The checksums of the rows that an earlier process brought to the disk."""
    wanted = Schema({"crc32": Array("uint32", ("rows",))}, {"kind": str})
    try:
        return load_npz(partial / CHECKSUMS, wanted, _remedy(partial))[0]["crc32"][:images]
    except Missing:
        return np.zeros(0, np.uint32)


def _write_checksums(path: Path, checksums: np.ndarray) -> None:
    save_npz(path / CHECKSUMS, {"crc32": checksums}, {"kind": KIND})


def _read_checksums(path: Path, images: int) -> np.ndarray:
    wanted = Schema({"crc32": Array("uint32", (images,))}, {"kind": str})
    return load_npz(path / CHECKSUMS, wanted, _remedy(path))[0]["crc32"]


def _remedy(path: Path) -> str:
    return f"Remove {path} to have the features kept again."
