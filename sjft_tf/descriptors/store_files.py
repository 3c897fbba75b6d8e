"""The two files of a descriptor store: description, and counts as a mapped .npy file."""

from __future__ import annotations

import dataclasses
import mmap
import os
import shutil
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sjft_tf.artifacts import Missing, NoSpace, Stamp, atomic_write, load_npz, read_json, save_npz, shortage
from sjft_tf.errors import InputError
from sjft_tf.schema import Array, Form, Schema, mismatch

KIND = "descriptor store"
COUNTS, META, CHECKSUMS = "counts.npy", "meta.json", "checksums.npz"
_FORM: dict[str, Form] = {
    "images": int,
    "layer_channels": [int],
    "layer_positions": [int],
    "bins": int,
    "made_from": dict,
}


@dataclasses.dataclass(frozen=True)
class StoreDescription:
    """What `meta.json` says of a store.

    Attributes:
        images: number of images N.
        layer_channels: filters in each layer.
        layer_positions: responses (height x width) of one filter in each layer.
        bins: bins of each histogram.
        made_from: JSON-able stamp (fingerprints of image set, bank, edges, view).
    """

    images: int
    layer_channels: tuple[int, ...]
    layer_positions: tuple[int, ...]
    bins: int
    made_from: Stamp

    @property
    def shape(self) -> tuple[int, int]:
        """Of the counts: images, and bins x channels of all layers."""
        return self.images, self.bins * sum(self.layer_channels)

    @property
    def dtype(self) -> np.dtype:
        """Of the counts."""
        return np.dtype("<u2" if max(self.layer_positions) <= np.iinfo(np.uint16).max else "<u4")

    @property
    def stamp(self) -> Stamp:
        """What has to be the same for an unfinished store to be gone on with."""
        described = self.to_json()
        return {**described.pop("made_from"), **described}

    def to_json(self) -> dict[str, Any]:
        """The content of `meta.json`."""
        layers = {"layer_channels": list(self.layer_channels), "layer_positions": list(self.layer_positions)}
        return {"kind": KIND, "images": self.images, **layers, "bins": self.bins, "made_from": dict(self.made_from)}

    @classmethod
    def from_json(cls, meta: Mapping[str, Any]) -> StoreDescription:
        """From what `to_json` gave, of the right form; see `read_description`."""
        channels, positions = tuple(meta["layer_channels"]), tuple(meta["layer_positions"])
        return cls(meta["images"], channels, positions, meta["bins"], meta["made_from"])


def partial_store(path: Path) -> Path:
    """The folder that is written until the store at `path` is complete.

    Not a hidden name: `remove_leftovers` deletes those, and this one is to be continued.
    """
    return path.with_name(path.name + ".partial")


def remedy_for(path: Path) -> str:
    return f"Remove {path} to have the descriptors kept again."


def row_checksums(counts: np.ndarray) -> np.ndarray:
    """uint32 [n]: CRC-32 of the bytes of each row. By row, because searches also read scattered ones."""
    return np.fromiter(map(zlib.crc32, np.ascontiguousarray(counts)), np.uint32, len(counts))


def write_checksums(path: Path, checksums: np.ndarray) -> None:
    save_npz(path / CHECKSUMS, {"crc32": checksums}, {"kind": KIND})


def read_checksums(path: Path, images: int) -> np.ndarray:
    wanted = Schema({"crc32": Array("uint32", (images,))}, {"kind": str})
    try:
        return load_npz(path / CHECKSUMS, wanted, remedy_for(path))[0]["crc32"]
    except Missing as error:
        raise InputError(f"{path / CHECKSUMS} is missing: its rows cannot be verified. {remedy_for(path)}") from error


def read_description(path: Path) -> StoreDescription:
    if not (path / META).is_file() or not (path / COUNTS).is_file():
        raise InputError(f"There is no descriptor store in {path}: {META} and {COUNTS} are expected in it.")
    remedy = remedy_for(path)
    meta = read_json(path / META, remedy=remedy)
    if meta.get("kind") != KIND:
        raise InputError(f"{path} does not hold a descriptor store. Choose another folder.")
    reason = mismatch(meta, _FORM, "it")
    if reason is None:
        layers = [meta["layer_channels"], meta["layer_positions"]]
        numbers = [meta["images"], meta["bins"], *layers[0], *layers[1]]
        if len(layers[0]) != len(layers[1]) or not layers[0] or min(numbers) < 1 or max(numbers) >= 2**32:
            reason = "its numbers describe no descriptors"
    if reason is not None:
        raise InputError(f"{path / META} is damaged: {reason}. {remedy}")
    return StoreDescription.from_json(meta)


def map_counts(path: Path, shape: tuple[int, int], dtype: np.dtype) -> tuple[mmap.mmap, np.ndarray]:
    """The file of counts as a read-only mapping; one of another shape or length would be a bus error later."""
    with open(path, "rb") as stream:
        try:
            version = np.lib.format.read_magic(stream)
            if version != (1, 0):
                raise ValueError(f"version {version}")
            header = np.lib.format.read_array_header_1_0(stream)
        except Exception as error:  # headers are read as Python text, which fails in many ways
            raise InputError(f"{path} is damaged ({error}). Remove {path.parent} to have it made again.") from error
        start, size = stream.tell(), os.fstat(stream.fileno()).st_size
        needed = start + shape[0] * shape[1] * dtype.itemsize
        if header != (shape, False, dtype) or size != needed:
            raise InputError(
                f"{path} is damaged or cut off: expected {dtype} of shape {shape} in {needed} bytes, "
                f"found {header[2]} of shape {header[0]} in {size} bytes. Remove {path.parent} to have it made again."
            )
        mapping = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    return mapping, np.frombuffer(mapping, dtype, offset=start).reshape(shape)


def reserve(path: Path, shape: tuple[int, int], dtype: np.dtype) -> None:
    """An .npy file of zeros whose blocks on the disk are its own from now on."""
    size = shape[0] * shape[1] * dtype.itemsize
    try:
        with atomic_write(path) as stream:
            header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(stream, header)
            stream.flush()
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(stream.fileno(), stream.tell(), size)
            else:
                stream.truncate(stream.tell() + size)
    except (OSError, NoSpace) as error:
        raise no_room(path.parent, size, error) from error


def no_room(folder: Path, needed: int, error: Exception) -> Exception:
    if (reason := shortage(error)) is None:
        return error
    free = shutil.disk_usage(folder).free
    return NoSpace(
        f"The disk is too full to keep descriptors in {folder}: {needed:,} bytes needed, {free:,} free "
        f"({reason}). Make room, choose another folder, or do not keep them."
    )
