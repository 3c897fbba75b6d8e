"""`glyphs`: letters rendered from matplotlib's bundled fonts, something to borrow from without a download."""

from __future__ import annotations

import dataclasses
import string
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sjft_tf.errors import InputError
from sjft_tf.images.places.spec import Options, Spec
from sjft_tf.images.sets.image_set import ImageSet
from sjft_tf.images.sets.scan import FileScan

LETTERS = string.ascii_uppercase + string.ascii_lowercase
CLASS_NAMES = tuple(f"{'upper' if letter.isupper() else 'lower'}_{letter}" for letter in LETTERS)

# By name, so that fonts added to matplotlib do not change the images, nor symbol fonts slip in.
FONTS = (
    *(f"DejaVuSans{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSansMono{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSerif{style}" for style in ("", "-Bold", "-Italic", "-BoldItalic")),
    *(f"STIXGeneral{style}" for style in ("", "Bol", "Italic", "BolIta")),
    *("cmb10", "cmmi10", "cmr10", "cmss10", "cmti10", "cmtt10"),
)
_STROKES = 3
_BLOCK = 4  # rendered pixels averaged into one, on each side


@dataclasses.dataclass(frozen=True)
class GlyphsOptions(Options):
    """See `open_glyphs`."""

    n: int = 8000
    seed: int = 0
    size: int = 8


def open_glyphs(spec: Spec, scan: FileScan) -> ImageSet:
    """`glyphs[?n=8000&seed=0&size=8]`: 52 classes, upper_A ... lower_z, no digits among them.

    Each letter is drawn in black and white at four times its size, with a random font, stroke width, rotation,
    scale, shear and shift, and averaged over 4 x 4 blocks to 17 gray levels: the preparation of `digits`.
    About half are light on dark as those are; the others are inverted, of low contrast, blurred or noisy, so that
    retrieval has something to choose. The same seed gives the same images.
    """
    options = spec.read_options(GlyphsOptions)
    n, size = options.n, options.size
    if spec.rest or spec.split:
        raise InputError(f"'{spec}': glyphs has neither name nor splits. Expected glyphs[?n=8000&seed=0&size=8]")
    if n < len(LETTERS):
        raise InputError(f"'{spec}': `n` must be at least {len(LETTERS)}, one a class. Received: n={n}")
    if not 8 <= size <= 128:
        raise InputError(f"'{spec}': `size` must be between 8 and 128. Received: size={size}")
    if options.seed < 0:
        raise InputError(f"'{spec}': `seed` must be at least 0. Received: seed={options.seed}")
    labels = np.arange(n, dtype=np.int32) % len(LETTERS)
    rng = np.random.default_rng(options.seed)
    return ImageSet.from_arrays(
        "glyphs",
        _looks(shapes([LETTERS[label] for label in labels], size, rng), rng),
        labels,
        CLASS_NAMES,
        [f"{CLASS_NAMES[label]}/{row:06d}" for row, label in enumerate(labels)],
        origin=f"glyphs:{options.seed}/{size}",
    )


def shapes(characters: Sequence[str], size: int, rng: np.random.Generator) -> np.ndarray:
    """The share of ink in every pixel of each character, float32 [N, size, size], in steps of 1/16."""
    canvas = size * _BLOCK
    fonts = _Fonts(canvas)
    # Only uniform numbers: their stream is the one NumPy keeps the same between versions.
    random = rng.random((len(characters), 8))
    blocks = np.empty((len(characters), size, size), np.float32)
    for row, (character, draw) in enumerate(zip(characters, random, strict=True)):
        base = fonts.letter(int(draw[0] * len(FONTS)), character, int(draw[1] * _STROKES))
        placed = base.transform(
            (canvas, canvas), Image.Transform.AFFINE, _jitter(draw[2:], base, canvas), Image.Resampling.BILINEAR
        )
        ink = np.asarray(placed) >= 128
        blocks[row] = ink.reshape(size, _BLOCK, size, _BLOCK).mean((1, 3))
    return blocks


def _jitter(draw: np.ndarray, base: Image.Image, canvas: int) -> tuple[float, ...]:
    """The affine map from canvas to letter pixels, as Pillow takes it."""
    spread = 2 * draw - 1
    angle, shear = np.deg2rad(12 * spread[0]), 0.25 * spread[1]
    width, height = (1 + 0.15 * s for s in spread[2:4])
    # letter -> canvas: scale, shear, rotate
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    forward = turn @ np.array([[1, shear], [0, 1]]) @ np.diag([width, height])
    extent = np.abs(forward) @ np.array(base.size)
    forward *= np.minimum(1.0, 0.97 * canvas / extent)[:, None]  # a letter never leaves the picture
    slack = np.maximum(0, canvas - np.abs(forward) @ np.array(base.size)) / 2
    center = canvas / 2 + np.minimum(slack, 0.06 * canvas) * spread[4:6]
    inverse = np.linalg.inv(forward)
    offset = np.array(base.size) / 2 - inverse @ center
    return (*inverse[0], offset[0], *inverse[1], offset[1])


class _Fonts:
    """Upright letters, cut to their ink, capitals about nine tenths of the canvas high; each drawn once."""

    def __init__(self, canvas: int) -> None:
        import matplotlib

        self._folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
        self._canvas = canvas
        self._fonts: dict[int, ImageFont.FreeTypeFont] = {}
        self._letters: dict[tuple[int, str, int], Image.Image] = {}

    def letter(self, font: int, letter: str, stroke: int) -> Image.Image:
        key = (font, letter, stroke)
        if key not in self._letters:
            self._letters[key] = self._draw(font, letter, stroke)
        return self._letters[key]

    def _font(self, font: int) -> ImageFont.FreeTypeFont:
        if font not in self._fonts:
            path = str(self._folder / f"{FONTS[font]}.ttf")
            basic = ImageFont.Layout.BASIC
            trial = ImageFont.truetype(path, 100, layout_engine=basic)
            _, top, _, bottom = trial.getbbox("H")
            size = round(100 * 0.88 * self._canvas / (bottom - top))
            self._fonts[font] = ImageFont.truetype(path, size, layout_engine=basic)
        return self._fonts[font]

    def _draw(self, font: int, letter: str, stroke: int) -> Image.Image:
        side = 4 * self._canvas
        image = Image.new("L", (side, side))
        width = stroke * self._canvas // 32
        ImageDraw.Draw(image).text((side // 3, side // 3), letter, 255, self._font(font), stroke_width=width)
        return image.crop(image.getbbox())


def _looks(ink: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Half as they are; the rest inverted, of low contrast, blurred or noisy: uint8 [N, size, size]."""
    random = rng.random((len(ink), 4))
    noise = rng.random(ink.shape, dtype=np.float32)
    look = np.where(random[:, 0] < 0.5, 0, 1 + (4 * random[:, 1]).astype(int))[:, None, None]
    amount = random[:, 2].astype(np.float32)[:, None, None]
    gray = random[:, 3].astype(np.float32)[:, None, None]
    contrast = 0.25 + 0.25 * amount
    values = np.select(
        [look == 0, look == 1, look == 2, look == 3],
        [ink, 1 - ink, gray * (1 - contrast) + contrast * ink, _blurred(ink)],
        # noise of up to a third to all of the range
        ink + (0.35 + 0.65 * amount) * (noise - 0.5),
    )
    return np.round(255 * np.clip(values, 0, 1)).astype(np.uint8)


def _blurred(ink: np.ndarray) -> np.ndarray:
    """Smoothed by (1, 2, 1) / 4 in both directions, with dark surroundings."""
    for axis in (1, 2):
        wide = np.pad(ink, [(0, 0) if a != axis else (1, 1) for a in range(3)])
        before, here, after = (np.take(wide, np.arange(ink.shape[axis]) + shift, axis) for shift in range(3))
        ink = (before + 2 * here + after) / 4
    return ink
