"""JPEG and PNG files to uint8 RGB by TensorFlow's operations alone: what an exported model decodes with.

Every depth, color type and transparency (laid over white), and the EXIF orientation. The pixels are those of
`decode.decode_image`. Of other formats a graph says which it is, and refuses.

Source: PNG (third edition) 11.2.1 (types and depths), 13.12 (16 bits to 8), 13.16 (alpha over a background).
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from sjft_tf.images.decoding import orientation as exif
from sjft_tf.images.decoding.orientation import JPEG, PNG
from sjft_tf.images.decoding.png_jpeg import COLOR_AT, DEPTH_AT, PALETTE, decode_jpeg
from sjft_tf.images.decoding.values import WHOLE_16, ValueRange, levels_of_16_bits

_KINDS = ((b"GIF8", "GIF"), (b"BM", "BMP"), (b"RIFF", "WebP"), (exif.LITTLE, "TIFF"), (exif.BIG, "TIFF"))
"""By their first bytes the other formats that an image set may hold."""


def decode_bytes(encoded: tf.Tensor, given: ValueRange | None = None) -> tf.Tensor:
    """One JPEG or PNG file's content, scalar string, to uint8 [H, W, 3], turned upright; TensorFlow ops alone.

    Args:
        encoded: scalar string.
        given: see `decode.decode_image`.

    Raises:
        tf.errors.InvalidArgumentError: when it runs, of damaged files and of other formats.
    """
    png = tf.strings.substr(encoded, 0, len(PNG)) == PNG
    jpeg = tf.strings.substr(encoded, 0, len(JPEG)) == JPEG
    image = tf.case(
        [(png, lambda: _png(encoded, given or WHOLE_16)), (jpeg, lambda: decode_jpeg(encoded))],
        lambda: _refuse(encoded),
    )
    return _upright(tf.ensure_shape(image, [None, None, 3]), encoded)


def _png(encoded: tf.Tensor, known: ValueRange) -> tf.Tensor:
    # A file that ends within its header is left to the decoder to refuse.
    header = tf.io.decode_raw(tf.strings.join([tf.strings.substr(encoded, 0, 32), b"\0" * 32]), tf.uint8)
    depth, palette = tf.cast(header[DEPTH_AT], tf.int32), header[COLOR_AT] == PALETTE
    rgba = tf.case(
        [(palette, lambda: _palette_png(encoded)), (depth == 16, lambda: _deep_png(encoded, known))],
        lambda: _shallow_png(encoded, depth),
    )
    return tf.cond(tf.reduce_all(rgba[..., 3] == 255), lambda: rgba[..., :3], lambda: _over_white(rgba))


def _palette_png(encoded: tf.Tensor) -> tf.Tensor:
    # Three channels or, where the palette has transparency, four. Asked for four, the operation fills those it makes up
    # with the largest *index* (1, 3 or 15), as if nearly all were transparent.
    pixels = tf.io.decode_png(encoded, channels=0)
    opaque = tf.fill(tf.concat([tf.shape(pixels)[:2], [1]], 0), tf.constant(255, tf.uint8))
    return tf.concat([pixels, opaque], 2)[..., :4]


def _shallow_png(encoded: tf.Tensor, depth: tf.Tensor) -> tf.Tensor:
    # The same of gray images of 1, 2 and 4 bits; theirs with transparency are 0 and 255 only.
    rgba = tf.io.decode_png(encoded, channels=4)
    made_up = tf.cast(tf.bitwise.left_shift(1, depth) - 1, tf.uint8)
    alpha = tf.where(rgba[..., 3:] == made_up, tf.constant(255, tf.uint8), rgba[..., 3:])
    return tf.concat([rgba[..., :3], alpha], 2)


def _deep_png(encoded: tf.Tensor, known: ValueRange) -> tf.Tensor:
    values = tf.cast(tf.io.decode_png(encoded, channels=4, dtype=tf.uint16), tf.int32)
    # Alpha is always taken whole.
    color = tf.gather(tf.constant(levels_of_16_bits(known)), values[..., :3])
    return tf.concat([color, tf.gather(tf.constant(levels_of_16_bits(WHOLE_16)), values[..., 3:])], 2)


def _over_white(rgba: tf.Tensor) -> tf.Tensor:
    color, alpha = tf.cast(rgba[..., :3], tf.uint16), tf.cast(rgba[..., 3:], tf.uint16)
    return tf.cast((color * alpha + 255 * (255 - alpha) + 127) // 255, tf.uint8)


def _refuse(encoded: tf.Tensor) -> tf.Tensor:
    name = tf.constant("no image format known here")
    for beginning, kind in _KINDS:
        name = tf.where(tf.strings.substr(encoded, 0, len(beginning)) == beginning, kind, name)
    name = tf.where(
        tf.strings.regex_full_match(tf.strings.substr(encoded, 0, 8), r"(?s)\C{4}ftyp"), "AVIF or HEIC", name
    )
    refused = tf.debugging.Assert(
        False,
        [
            tf.strings.join(
                [
                    "Image bytes must be JPEG or PNG, the formats TensorFlow decodes as training did. Received: ",
                    name,
                    ". Turn the image into PNG before it is sent, or send its pixels to `serving_default`; predict.py "
                    "reads all formats that training reads",
                ]
            )
        ],
    )
    with tf.control_dependencies([refused] if refused is not None else []):
        return tf.zeros([1, 1, 3], tf.uint8)


def _upright(image: tf.Tensor, encoded: tf.Tensor) -> tf.Tensor:
    """`orientation.upright` of [H, W, 3]."""
    orientation = orientation_in_graph(encoded)

    def among(*values: int) -> tf.Tensor:
        return tf.reduce_any(orientation == tf.constant(values))

    def turned() -> tf.Tensor:
        whole = tf.cond(orientation >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
        whole = tf.cond(among(2, 3, 6, 7), lambda: tf.reverse(whole, [1]), lambda: whole)
        return tf.cond(among(3, 4, 7, 8), lambda: tf.reverse(whole, [0]), lambda: whole)

    return tf.ensure_shape(tf.cond(orientation == 1, lambda: image, turned), [None, None, 3])


def orientation_in_graph(encoded: tf.Tensor) -> tf.Tensor:
    """`orientation.orientation_of`: scalar string to scalar int32, 1 to 8."""
    jpeg = tf.strings.substr(encoded, 0, len(JPEG)) == JPEG
    png = tf.strings.substr(encoded, 0, len(PNG)) == PNG
    block = tf.case(
        [
            (jpeg, lambda: _exif_block(encoded, 2, 4, _jpeg_step)),
            (png, lambda: _exif_block(encoded, len(PNG), 8, _png_step)),
        ],
        lambda: tf.constant(b""),
    )
    return tf.cond(tf.strings.length(block) < 8, lambda: tf.constant(1), lambda: _orientation_in_tiff(block))


_Step = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]
"""From the file and a position to the next one, where EXIF begins (0: not here) and how long it is; int64."""


def _exif_block(encoded: tf.Tensor, first: int, head: int, step: _Step) -> tf.Tensor:
    """The EXIF of a file: scalar string, "" where there is none.

    Args:
        encoded: scalar string.
        first: where its first segment or chunk begins.
        head: bytes that must be there for one to be looked at.
        step: looks at it; past the file's end where nothing follows.
    """
    size = tf.cast(tf.strings.length(encoded), tf.int64)
    zero = tf.constant(0, tf.int64)
    _, start, length = tf.while_loop(
        lambda at, start, length: (start == 0) & (at + head <= size),
        lambda at, start, length: step(encoded, at),
        (tf.constant(first, tf.int64), zero, zero),
    )
    return tf.cond(start > 0, lambda: tf.strings.substr(encoded, start, length), lambda: tf.constant(b""))


def _jpeg_step(encoded: tf.Tensor, at: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    head = _numbers(encoded, at, 4)
    marker, length = head[1], head[2] * 256 + head[3]
    found = (marker == 0xE1) & (tf.strings.substr(encoded, at + 4, len(exif.EXIF)) == exif.EXIF)
    alone = tf.reduce_any(marker == tf.constant(exif.ALONE, tf.int64))
    over = (head[0] != 0xFF) | tf.reduce_any(marker == tf.constant(exif.END, tf.int64))
    step = tf.where(marker == 0xFF, tf.constant(1, tf.int64), tf.where(alone, tf.constant(2, tf.int64), 2 + length))
    start = tf.where(found & ~over, at + 10, tf.constant(0, tf.int64))
    return tf.where(over, tf.constant(1 << 40, tf.int64), at + step), start, tf.maximum(length - 8, 0)


def _png_step(encoded: tf.Tensor, at: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    length = _number(_numbers(encoded, at, 4))
    found = tf.strings.substr(encoded, at + 4, 4) == b"eXIf"
    return at + 12 + length, tf.where(found, at + 8, tf.constant(0, tf.int64)), length


def _numbers(encoded: tf.Tensor, at: tf.Tensor, count: int) -> tf.Tensor:
    """Bytes as int64 [count]."""
    part = tf.io.decode_raw(tf.strings.substr(encoded, at, count), tf.uint8)
    return tf.ensure_shape(tf.cast(part, tf.int64), [count])


def _number(digits: tf.Tensor) -> tf.Tensor:
    """The number of bytes [..., B], the most significant first."""
    return tf.reduce_sum(digits * tf.constant([256**i for i in reversed(range(digits.shape[-1]))], tf.int64), -1)


def _orientation_in_tiff(block: tf.Tensor) -> tf.Tensor:
    """Of a string of at least 8 bytes."""
    little = tf.strings.substr(block, 0, 4) == exif.LITTLE
    known = little | (tf.strings.substr(block, 0, 4) == exif.BIG)
    size = tf.cast(tf.strings.length(block), tf.int64)

    def number(digits: tf.Tensor) -> tf.Tensor:
        return tf.where(little, _number(digits[..., ::-1]), _number(digits))

    directory = number(_numbers(block, tf.constant(4, tf.int64), 4))
    at = tf.where(known & (directory + 2 <= size), directory, size - 2)  # where no entry can follow
    count = tf.minimum(number(_numbers(block, at, 2)), (size - at - 2) // exif.ENTRY)
    content = tf.io.decode_raw(tf.strings.substr(block, at + 2, count * exif.ENTRY), tf.uint8)
    entries = tf.reshape(tf.cast(content, tf.int64), [-1, exif.ENTRY])
    tags, kinds = number(entries[:, :2]), number(entries[:, 2:4])
    short, long = number(entries[:, 8:10]), number(entries[:, 8:12])
    one = tf.constant(1, tf.int64)
    values = tf.where(kinds == exif.SHORT, short, tf.where(kinds == exif.LONG, long, one))
    first = tf.concat([tf.boolean_mask(values, tags == exif.TAG), [one]], 0)[0]
    return tf.cast(tf.where((first >= 1) & (first <= 8), first, one), tf.int32)
