"""`scenes`: several digits and letters on one canvas, with their boxes. No download."""

from __future__ import annotations

import dataclasses
import string

import numpy as np
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.images.kinds.glyphs import shapes
from sjft_tf.images.objects.object_set import ObjectSet
from sjft_tf.images.places.spec import Options, Spec, choose_split
from sjft_tf.images.sets.image_set import ImageSet
from sjft_tf.images.sets.scan import FileScan

SPLITS = ("train", "test")
CHARACTERS = (*string.digits, *"ABEFHKRTXY")
"""The classes: no letters that some font draws like a digit."""
_DRAWN = 40  # pixels that a character is drawn with before it is brought to its size
_SMALLEST, _LARGEST = 0.22, 0.42  # side of an object, of the canvas'
_TRIES = 40  # places that are tried for an object before it is left out
_INK = 0.2


@dataclasses.dataclass(frozen=True)
class ScenesOptions(Options):
    """See `open_scenes`."""

    n: int = 200
    side: int = 128
    objects: int = 4
    seed: int = 0


def open_scenes(spec: Spec, scan: FileScan) -> ObjectSet:
    """`scenes[#train|test][?n=200&side=128&objects=4&seed=0]`: 20 classes, the digits and ten letters.

    Each of the `n` images of a split has 1 to `objects` characters, in fonts of matplotlib's, turned and sheared a
    little, of a fifth to two fifths of the canvas, in a color of their own on a smooth ground of others. They do not
    overlap; a box is as tight as the ink. Without a split: the training images. The same options give the same images.
    """
    options = spec.read_options(ScenesOptions)
    if spec.rest:
        raise InputError(f"'{spec}': scenes takes no name. Expected scenes[#train|test][?n=200&side=128&objects=4]")
    split = choose_split(spec, SPLITS) if spec.split else SPLITS[0]
    for name, low, high in (("n", 2, 10**6), ("side", 48, 1024), ("objects", 1, 12), ("seed", 0, 2**31)):
        if not low <= getattr(options, name) <= high:
            received = getattr(options, name)
            raise InputError(f"'{spec}': `{name}` must be between {low} and {high}. Received: {name}={received}")
    rng = np.random.default_rng([options.seed, SPLITS.index(split)])
    # Only uniform numbers: their stream is the one NumPy keeps the same between versions.
    counts = 1 + (rng.random(options.n) * options.objects).astype(int)
    wanted = (rng.random(counts.sum()) * len(CHARACTERS)).astype(np.int32)
    ink = shapes([CHARACTERS[label] for label in wanted], _DRAWN, rng)
    canvases = np.empty((options.n, options.side, options.side, 3), np.uint8)
    rows, classes, boxes, first = [], [], [], 0
    for row, count in enumerate(counts):
        here = range(first, first + count)
        canvases[row], placed = _scene(ink[first : first + count], options.side, rng)
        rows += [row] * len(placed)
        classes += [wanted[here[place]] for place, _ in placed]
        boxes += [box for _, box in placed]
        first += count
    images = ImageSet.from_arrays(
        f"scenes#{split}",
        canvases,
        np.zeros(options.n, np.int32),
        ("image",),
        [f"{split}/{row:06d}" for row in range(options.n)],
        origin=f"scenes:{options.seed}/{options.side}/{options.objects}/{options.n}",
    )
    found = np.array(boxes, np.float32).reshape(-1, 4)
    return ObjectSet(images, CHARACTERS, np.array(rows, np.int32), np.array(classes, np.int32), found)


def _scene(ink: np.ndarray, side: int, rng: np.random.Generator) -> tuple[np.ndarray, list[tuple[int, list[int]]]]:
    """A canvas uint8 [side, side, 3], and of each character that found a place its number and its box."""
    placed: list[tuple[int, list[int]]] = []
    canvas = _ground(side, rng)
    for number, shape in enumerate(ink):
        draws = rng.random((_TRIES + 1, 3))
        size = round(side * (_SMALLEST + (_LARGEST - _SMALLEST) * draws[0, 0]))
        drawn = np.asarray(Image.fromarray(shape).resize((size, size), Image.Resampling.BILINEAR))
        inked = drawn > _INK
        across, down = (np.flatnonzero(inked.any(axis)) for axis in (0, 1))
        glyph = drawn[down[0] : down[-1] + 1, across[0] : across[-1] + 1]
        height, width = glyph.shape
        color = rng.random(3)
        for x, y, _ in draws[1:]:
            left, top = int(x * (side - width + 1)), int(y * (side - height + 1))
            box = [left, top, left + width, top + height]
            if all(_apart(box, other) for _, other in placed):
                place = canvas[top : top + height, left : left + width]
                # Far from the ground in brightness, whatever the color: what cannot be seen cannot be found.
                dark = place.mean() > 0.5
                shown = 0.35 * color if dark else 1 - 0.35 * color
                place += glyph[..., None] * (shown - place)
                placed.append((number, box))
                break
    noisy = canvas + 0.06 * (rng.random(canvas.shape) - 0.5)
    return np.round(255 * np.clip(noisy, 0, 1)).astype(np.uint8), placed


def _ground(side: int, rng: np.random.Generator) -> np.ndarray:
    """A smooth ground of a few colors, float [side, side, 3] in 0..1, bright or dark all over."""
    shift = 0.55 * (rng.random() < 0.5)
    colors = (shift + 0.45 * rng.random((4, 4, 3))).astype(np.float32)
    channels = [Image.fromarray(colors[..., c]).resize((side, side), Image.Resampling.BICUBIC) for c in range(3)]
    return np.stack([np.asarray(channel, np.float64) for channel in channels], axis=-1)


def _apart(one: list[int], other: list[int]) -> bool:
    return one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
