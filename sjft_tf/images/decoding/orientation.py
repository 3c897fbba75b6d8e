"""The EXIF orientation of a JPEG or PNG file, found in its bytes, and the image turned upright by it.

`in_graph` has the same in TensorFlow's operations, by the same rules. Only EXIF counts (JPEG's APP1 segment, PNG's eXIf
chunk), of several blocks the first; what is damaged says 1.

Source: CIPA DC-008 (Exif 3.0) 4.6.5.1.6 Orientation, TIFF 6.0 section 2, PNG (third edition) 11.3.3.2.
"""

from __future__ import annotations

import struct

import numpy as np

JPEG = b"\xff\xd8\xff"
PNG = b"\x89PNG\r\n\x1a\n"
TAG = 0x0112
SHORT, LONG = 3, 4  # TIFF's types
EXIF = b"Exif\0\0"
ENTRY = 12  # bytes of an entry of a TIFF directory
LITTLE, BIG = b"II*\0", b"MM\0*"
# JPEG's markers: those without a length, and where its headers end.
ALONE = (0x01, *range(0xD0, 0xD9))
END = (0xD9, 0xDA)


def orientation_of(encoded: bytes) -> int:
    """1 to 8 of a JPEG or PNG file; 1, upright, for all others."""
    if encoded.startswith(JPEG):
        start, length = _jpeg_exif(encoded)
    elif encoded.startswith(PNG):
        start, length = _png_exif(encoded)
    else:
        return 1
    return _orientation_in_tiff(encoded[start : start + length])


def _jpeg_exif(encoded: bytes) -> tuple[int, int]:
    at = 2
    while at + 4 <= len(encoded) and encoded[at] == 0xFF:
        marker = encoded[at + 1]
        if marker in END:
            break
        if marker == 0xFF:  # filling
            at += 1
        elif marker in ALONE:
            at += 2
        else:
            (length,) = struct.unpack(">H", encoded[at + 2 : at + 4])
            if marker == 0xE1 and encoded[at + 4 : at + 10] == EXIF:
                return at + 10, max(length - 8, 0)
            at += 2 + length
    return 0, 0


def _png_exif(encoded: bytes) -> tuple[int, int]:
    at = len(PNG)
    while at + 8 <= len(encoded):
        (length,) = struct.unpack(">I", encoded[at : at + 4])
        if encoded[at + 4 : at + 8] == b"eXIf":
            return at + 8, length
        at += 12 + length
    return 0, 0


def _orientation_in_tiff(block: bytes) -> int:
    order = {LITTLE: "<", BIG: ">"}.get(block[:4])
    if order is None or len(block) < 8:
        return 1
    (at,) = struct.unpack(order + "I", block[4:8])
    if at + 2 > len(block):
        return 1
    (count,) = struct.unpack(order + "H", block[at : at + 2])
    count = min(count, (len(block) - at - 2) // ENTRY)
    for entry in range(at + 2, at + 2 + count * ENTRY, ENTRY):
        tag, kind = struct.unpack(order + "HH", block[entry : entry + 4])
        if tag == TAG:
            form = {SHORT: "H", LONG: "I"}.get(kind)
            value = struct.unpack_from(order + form, block, entry + 8)[0] if form else 1
            return value if 1 <= value <= 8 else 1
    return 1


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """[H, W, C] as it is meant to be seen; [W, H, C] for orientations from 5 on."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels
