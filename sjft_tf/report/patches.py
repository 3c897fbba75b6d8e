"""The page of what was learned patch by patch, from patches.json and its pictures."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path
from typing import Any

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.report.damage import Damages, core
from sjft_tf.schema import Form
from sjft_tf.workdir import Workdir

_SHARE: Form = (float, None)
_FORM: dict[str, Form] = {
    "format": str,
    "stamp": str,
    "target": str,
    "test": str,
    "images": {"training": int, "test": int},
    "boxes": bool,
    "patches": {"first_image": int, "dense": bool, "trained_on": int, "background": int},
    "settings": dict,
    "mean_average_precision": {"*": _SHARE},
    "whole_image_strengths": {"*": float},
    "localization": (None, {"objects": int, "right": float, "random": float, "center": float}),
    "classes": [{"name": str, "images": int, "average_precision": {"*": _SHARE}, "localized?": int}],
    "pictures": [{"file": str, "id": str}],
}
_TITLES = {"whole": "whole image", "whole_large": "whole image, enlarged"}


@dataclasses.dataclass(frozen=True)
class Method:
    """One that ranks images: its key in the record, what it is called, its mean average precision."""

    key: str
    title: str
    mean: float | None


def is_patches(folder: Path) -> bool:
    """Whether patches were learned in this workdir."""
    return Workdir(folder).patches_record.is_file()


def patches_context(folder: Path, photographs: bool) -> dict[str, Any]:
    """What the templates take.

    Args:
        folder: the workdir.
        photographs: whether pictures are shown.

    Raises:
        InputError: the record is damaged.
    """
    workdir, damages = Workdir(folder), Damages()
    record = core(workdir.patches_record, lambda path: artifacts.read_json(path, _FORM))
    means = record["mean_average_precision"]
    methods = [Method(key, _TITLES.get(key, key), mean) for key, mean in means.items()]
    if not methods:
        raise InputError(f"{workdir.patches_record} is damaged: it has no figures. Restore it from a copy.")
    pictures = [_picture(workdir.heat_maps, entry, damages) for entry in record["pictures"]] if photographs else []
    classes = sorted(
        record["classes"], key=lambda one: (one["average_precision"].get(methods[0].key) or 0, one["name"])
    )
    times = sum(workdir.read_times().values())
    return {
        "record": record,
        "seconds": times or None,
        "methods": methods,
        "classes": classes,
        "pictures": [picture for picture in pictures if picture],
        "damages": damages.notes,
    }


def _picture(folder: Path, entry: dict[str, str], damages: Damages) -> dict[str, str] | None:
    path = folder / Path(entry["file"]).name
    content = damages.read(path, Path.read_bytes, b"")
    if not content.startswith(b"\x89PNG"):
        damages.note(f"The heat map {path} is missing or damaged and was left out.")
        return None
    return {"id": entry["id"], "uri": f"data:image/png;base64,{base64.b64encode(content).decode()}"}
