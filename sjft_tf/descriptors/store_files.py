"""The files of a descriptor store beside its counts: description and checksums."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sjft_tf.artifacts import Missing, Stamp, load_npz, read_json, save_npz
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


def remedy_for(path: Path) -> str:
    return f"Remove {path} to have the descriptors kept again."


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
