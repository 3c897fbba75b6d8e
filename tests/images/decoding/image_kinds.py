"""Small files of every kind that image sets may hold, with the pixels they show."""

from __future__ import annotations

import dataclasses
import io
import itertools
import struct
import zlib

import numpy as np
from PIL import Image

SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a PNG's color types
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


@dataclasses.dataclass(frozen=True)
class Kind:
    """A file's bytes, and what it shows, [H, W, 3]: exact up to `tolerance` gray levels."""

    content: bytes
    shown: np.ndarray
    tolerance: int = 0
    served: bool = True


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(samples, depth, color, before=b"", after=b"", interlaced=False):
    """A PNG of integer samples [H, W, C]; `before` and `after` the image data further chunks."""

    def packed(part):
        for row in part.reshape(len(part), -1):
            if depth == 16:
                yield b"\0" + row.astype(">u2").tobytes()
            else:
                bits = row[:, None] >> np.arange(depth - 1, -1, -1) & 1
                yield b"\0" + np.packbits(bits.ravel().astype(np.uint8)).tobytes()

    passes = [samples[y::down, x::right] for y, x, down, right in ADAM7] if interlaced else [samples]
    data = b"".join(row for part in passes if part.size for row in packed(part))
    header = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], depth, color, 0, 0, interlaced)
    image = chunk(b"IHDR", header) + before + chunk(b"IDAT", zlib.compress(data)) + after
    return b"\x89PNG\r\n\x1a\n" + image + chunk(b"IEND", b"")


def tiff(values, bits, sample_format=1, photometric=1):
    """An uncompressed little-endian TIFF of one strip: values [H, W, C], of 12 bits as integers of any type."""
    (height, width, samples), data = values.shape, values.tobytes()
    if bits == 12:
        pairs = values.reshape(height, -1, 2)
        high, low = pairs[..., 0], pairs[..., 1]
        data = np.stack([high >> 4, (high & 15) << 4 | low >> 8, low & 255], 2).astype(np.uint8).tobytes()
    data += bytes(len(data) % 2)
    several = {258: [bits] * samples, 339: [sample_format] * samples}  # behind the data, where they do not fit an entry
    entries, behind, at = b"", b"", 8 + len(data)
    for tag, value in (
        *((256, width), (257, height), (258, bits), (259, 1), (262, photometric), (273, 8), (277, samples)),
        *((278, height), (279, len(data)), (339, sample_format)),
    ):
        if samples > 2 and tag in several:
            entries += struct.pack("<HHII", tag, 3, samples, at + len(behind))
            behind += struct.pack(f"<{samples}H", *several[tag])
        elif samples == 2 and tag in several:
            entries += struct.pack("<HHIHH", tag, 3, 2, *several[tag])
        else:
            entries += struct.pack("<HHII", tag, 4, 1, value)
    directory = struct.pack("<H", len(entries) // 12) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", at + len(behind)) + data + behind + directory


def exif(orientation, order="<", kind=3):
    """A TIFF block that holds two other tags and the orientation."""
    value = struct.pack(order + ("HH" if kind == 3 else "I"), *((orientation, 0) if kind == 3 else (orientation,)))
    entries = [(0x010F, 2, b"abc\0"), (0x0112, kind, value), (0x0128, 3, struct.pack(order + "HH", 2, 0))]
    directory = b"".join(struct.pack(order + "HHI", tag, form, 1) + content for tag, form, content in entries)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(order + "IH", 8, len(entries)) + directory + bytes(4)


def turned(image, orientation):
    """By the table of the EXIF standard: where row 0 and column 0 of what is stored are in what is seen."""
    return {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90,
    }[orientation](image)


def shown_by(samples, depth, color, palette=None, transparent=None):
    """What a PNG means: samples to 0..1, transparency by alpha, table or key color, over white, as uint8."""
    top = 2**depth - 1
    alpha = np.ones(samples.shape[:2])
    if color == 3:
        rgb = palette[samples[..., 0]] / 255
        if transparent is not None:
            table = np.full(len(palette), 255)
            table[: len(transparent)] = transparent
            alpha = table[samples[..., 0]] / 255
    else:
        # 16 bits are brought to 8 before anything is laid over white.
        level = np.floor(samples / 257 + 0.5) / 255 if depth == 16 else samples / top
        rgb = level[..., : SAMPLES[color] - (color >= 4)]
        if color >= 4:
            alpha = level[..., -1]
        elif transparent is not None:
            alpha = 1.0 - (samples == transparent).all(2)
    rgb = np.broadcast_to(rgb, (*rgb.shape[:2], 3))
    return np.floor(255 * (rgb * alpha[..., None] + 1 - alpha[..., None]) + 0.5).astype(np.uint8)


def png_kinds(rng):
    """All depths and color types, with and without transparency, interlaced and not."""
    for color, interlaced, keyed in itertools.product(SAMPLES, (False, True), (False, True)):
        for depth in DEPTHS[color] if not keyed or color < 4 else ():
            samples = rng.integers(0, 2**depth, (9, 11, SAMPLES[color]))
            before, palette, transparent = b"", None, None
            if color == 3:
                palette = rng.integers(0, 256, (2**depth, 3))
                before = chunk(b"PLTE", palette.astype(np.uint8).tobytes())
            if keyed and color == 3:
                transparent = [0, 128][: 2**depth]
                before += chunk(b"tRNS", bytes(transparent))
            elif keyed:
                transparent = samples[3, 4]
                before += chunk(b"tRNS", transparent.astype(">u2").tobytes())
            name = f"png {color} {depth} bit{' keyed' * keyed}{' interlaced' * interlaced}"
            shown = shown_by(samples, depth, color, palette, transparent)
            # Halves may be rounded either way.
            yield name, Kind(png(samples, depth, color, before, interlaced=interlaced), shown, 1)


def turned_png_kinds(rng):
    for orientation in range(1, 9):
        samples = rng.integers(0, 256, (5, 7, 3))
        block = chunk(b"eXIf", exif(orientation, "<>"[orientation % 2], 3 + orientation // 7))
        place = {"before": block} if orientation % 3 else {"after": block}
        shown = turned(samples.astype(np.uint8), orientation)
        yield f"png turned {orientation}", Kind(png(samples, 8, 2, **place), shown)


def odd_png_kinds(rng):
    """What a decoder could take into account, or stumble over."""
    samples = rng.integers(0, 256, (9, 11, 3))
    rgb = samples.astype(np.uint8)
    yield "png gamma", Kind(png(samples, 8, 2, chunk(b"gAMA", struct.pack(">I", 100000))), rgb)
    yield "png sRGB", Kind(png(samples, 8, 2, chunk(b"sRGB", b"\0")), rgb)
    yield "png significant bits", Kind(png(samples, 8, 2, chunk(b"sBIT", b"\4\4\4")), rgb)
    yield "png background", Kind(png(samples, 8, 2, chunk(b"bKGD", bytes(6))), rgb)
    yield "png broken exif", Kind(png(samples, 8, 2, chunk(b"eXIf", b"II*\0\xff\xff\xff\xff")), rgb)
    whole = png(samples, 8, 2)
    data = whole[41:-16]
    parts = b"".join(chunk(b"IDAT", data[at : at + 5]) for at in range(0, len(data), 5))
    yield "png in parts", Kind(whole[:33] + parts + chunk(b"IEND", b""), rgb)
    moving = saved(Image.fromarray(rgb), "PNG", save_all=True, append_images=[Image.fromarray(255 - rgb)])
    yield "png moving", Kind(moving, rgb)
    few = rng.integers(0, 3, (9, 11, 1))
    palette = rng.integers(0, 256, (3, 3))
    short = chunk(b"PLTE", palette.astype(np.uint8).tobytes())
    yield "png short palette", Kind(png(few, 8, 3, short), palette[few[..., 0]].astype(np.uint8))


def saved(image, form, **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def smooth():
    """Colors that JPEG keeps, 16 x 24."""
    rows, columns = np.mgrid[:16, :24]
    return np.stack([rows * 15, columns * 10, 128 + 0 * rows], 2).astype(np.uint8)


def jpeg_kinds():
    rgb = smooth()
    image, gray = Image.fromarray(rgb), Image.fromarray(rgb[..., 1])
    shown_gray = np.repeat(rgb[..., 1:2], 3, 2)
    yield "jpeg", Kind(saved(image, "JPEG", quality=98), rgb, 12)
    yield "jpeg 4:4:4", Kind(saved(image, "JPEG", quality=98, subsampling=0), rgb, 6)
    yield "jpeg progressive", Kind(saved(image, "JPEG", quality=98, progressive=True), rgb, 12)
    yield "jpeg restarts", Kind(saved(image, "JPEG", quality=98, restart_marker_rows=1), rgb, 12)
    yield "jpeg rgb", Kind(saved(image, "JPEG", quality=98, keep_rgb=True), rgb, 6)
    yield "jpeg gray", Kind(saved(gray, "JPEG", quality=98), shown_gray, 6)
    yield "jpeg gray progressive", Kind(saved(gray, "JPEG", quality=98, progressive=True), shown_gray, 6)
    yield "mpo", Kind(saved(image, "MPO", save_all=True, append_images=[gray.convert("RGB")], quality=98), rgb, 12)
    cmyk = saved(image.convert("CMYK"), "JPEG", quality=98)
    yield "jpeg cmyk", Kind(cmyk, rgb, 8)
    adobe = cmyk.index(b"Adobe")
    yield "jpeg ycck", Kind(cmyk[: adobe + 11] + b"\2" + cmyk[adobe + 12 :], None)
    yield "jpeg cmyk, no word of adobe", Kind(cmyk[: adobe - 4] + cmyk[adobe + 12 :], None)
    yield "jpeg broken exif", Kind(saved(image, "JPEG", quality=98, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff"), rgb, 12)
    said = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>'
    yield "jpeg turned by xmp alone", Kind(saved(image, "JPEG", quality=98, xmp=said), rgb, 12)
    yield "jpeg icc", Kind(saved(image, "JPEG", quality=98, icc_profile=bytes(200)), rgb, 12)
    yield "jpeg cmyk progressive", Kind(saved(image.convert("CMYK"), "JPEG", quality=98, progressive=True), rgb, 8)
    for orientation, order in itertools.product(range(1, 9), "<>"):
        content = saved(image, "JPEG", quality=98, exif=b"Exif\0\0" + exif(orientation, order))
        yield f"jpeg turned {orientation} {order}", Kind(content, turned(rgb, orientation), 12)


def other_kinds(rng):
    """What a graph refuses, by the first word of the name."""
    rgb = rng.integers(0, 256, (9, 11, 3), np.uint8)
    image, gray = Image.fromarray(rgb), Image.fromarray(rgb[..., 0])
    few, alpha = image.quantize(16), Image.fromarray(np.dstack([rgb, rgb[..., 0]]))
    shown_few, shown_gray = np.asarray(few.convert("RGB")), np.repeat(rgb[..., :1], 3, 2)
    weight = rgb[..., :1] / 255
    laid = np.floor(rgb * weight + 255 * (1 - weight) + 0.5).astype(np.uint8)
    bits = gray.convert("1")
    shown_bits = np.asarray(bits.convert("RGB"))

    def kind(content, shown, tolerance=0):
        return Kind(content, shown, tolerance, served=False)

    yield "BMP 1 bit", kind(saved(bits, "BMP"), shown_bits)
    yield "BMP 8 bit", kind(saved(few, "BMP"), shown_few)
    yield "BMP gray", kind(saved(gray, "BMP"), shown_gray)
    yield "BMP 24 bit", kind(saved(image, "BMP"), rgb)
    yield "BMP 32 bit", kind(saved(alpha, "BMP"), None)
    yield "GIF", kind(saved(few, "GIF"), shown_few)
    yield "GIF keyed", kind(saved(few, "GIF", transparency=3), None)
    yield "GIF moving", kind(saved(few, "GIF", save_all=True, append_images=[bits]), shown_few)
    yield "WebP", kind(saved(image, "WEBP"), None)
    yield "WebP lossless", kind(saved(image, "WEBP", lossless=True), rgb)
    yield "WebP alpha", kind(saved(alpha, "WEBP", lossless=True, exact=True), laid, 1)
    yield "WebP moving", kind(saved(image, "WEBP", lossless=True, save_all=True, append_images=[few]), rgb)
    turn = Image.Exif()
    turn[0x0112] = 6
    yield "WebP turned", kind(saved(image, "WEBP", lossless=True, exif=turn), turned(rgb, 6))
    yield "TIFF turned", kind(saved(image, "TIFF", exif=turn), turned(rgb, 6))
    for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits"):
        yield f"TIFF {compression}", kind(saved(image, "TIFF", compression=compression), rgb)
    yield "TIFF gray", kind(saved(gray, "TIFF"), shown_gray)
    yield "TIFF palette", kind(saved(few, "TIFF"), shown_few)
    yield "TIFF 1 bit", kind(saved(bits, "TIFF", compression="group4"), shown_bits)
    yield "TIFF alpha", kind(saved(alpha, "TIFF"), laid, 1)
    yield "TIFF cmyk", kind(saved(image.convert("CMYK"), "TIFF"), rgb, 2)
    yield "TIFF pages", kind(saved(image, "TIFF", save_all=True, append_images=[bits]), rgb)
    yield "TIFF jpeg", kind(saved(Image.fromarray(smooth()), "TIFF", compression="jpeg", quality=98), smooth(), 12)
    levels = rng.integers(0, 65536, (9, 11), np.uint16)
    shown = np.repeat(np.floor(levels[..., None] / 257 + 0.5).astype(np.uint8), 3, 2)
    yield "TIFF 16 bit", kind(saved(Image.fromarray(levels), "TIFF"), shown)
    few_levels = rng.integers(0, 4096, (4, 6, 1))
    shown = np.floor(few_levels / 4095 * 255 + 0.5).astype(np.uint8).repeat(3, 2)
    yield "TIFF 12 bit", kind(tiff(few_levels, 12), shown)
    floats = rng.random((9, 11, 1)).astype(np.float32)
    shown = np.floor(floats.astype(np.float64) * 255 + 0.5).astype(np.uint8).repeat(3, 2)
    yield "TIFF float", kind(tiff(floats, 32, 3), shown)
    color = rng.integers(0, 65536, (9, 11, 3)).astype(np.uint16)
    yield "TIFF 16 bit color", kind(tiff(color, 16, photometric=2), (color >> 8).astype(np.uint8))


def all_kinds():
    """Name and `Kind`, more than a hundred."""
    rng = np.random.default_rng(0)
    return dict([*png_kinds(rng), *turned_png_kinds(rng), *odd_png_kinds(rng), *jpeg_kinds(), *other_kinds(rng)])
