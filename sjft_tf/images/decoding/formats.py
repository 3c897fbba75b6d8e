"""Which image formats are opened, by whom, and what to say of the others."""

from __future__ import annotations

import functools
import io
import struct

from PIL import Image, TiffImagePlugin, WebPImagePlugin

# Pillow loads its format plugins when the first image is opened; do it before threads race to.
Image.preinit()
_ALWAYS = ("JPEG", "PNG", "BMP", "GIF", TiffImagePlugin.TiffImageFile.format, WebPImagePlugin.WebPImageFile.format)
_AVIF, _HEIF = "AVIF", "HEIF"
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_CONVERT = "Convert it to PNG, JPEG or TIFF"

# By their first bytes, and where these begin: what else is found among images, and what to do about it.
_FOREIGN = (
    (
        128,
        b"DICM",
        "a DICOM file. Write its pixels, with the window of values that is meant, as 8-bit or 16-bit gray PNG (pydicom "
        "reads it); --value_range=LOW:HIGH says which values are black and white",
    ),
    (0, b"\0\0\0\x0cjP  ", f"JPEG 2000. {_CONVERT}"),
    (0, b"\xff\x4f\xff\x51", f"JPEG 2000. {_CONVERT}"),
    (0, b"\0\0\0\x0cJXL ", f"JPEG XL. {_CONVERT}"),
    (0, b"\xff\x0a", f"JPEG XL. {_CONVERT}"),
    (0, b"8BPS", f"a Photoshop document. {_CONVERT}"),
    (0, b"\x76\x2f\x31\x01", "OpenEXR. Write it as TIFF, 32-bit float gray, or as 8-bit PNG"),
    (0, b"SIMPLE  =", "FITS. Write its pixels as 16-bit gray PNG or float TIFF"),
    (344, b"n+1\0", "NIfTI, a volume. Write its slices as 16-bit gray PNG"),
    (0, b"\x1f\x8b", "compressed with gzip. Unpack it first"),
    (0, b"PK\x03\x04", "a ZIP archive. Unpack it first"),
    (0, b"%PDF", f"PDF. {_CONVERT}"),
    (0, b"\x93NUMPY", "a NumPy array. Put the arrays of the set into one .npz and name it with npz:PATH"),
    (0, b"\x89HDF", "HDF5. Put its arrays into one .npz and name it with npz:PATH"),
    (0, b"<svg", f"SVG, a drawing. {_CONVERT}"),
    (0, b"version https://git-lfs", "a Git LFS pointer, not the image. Fetch the images with: git lfs pull"),
)


@functools.cache
def opened_formats() -> tuple[str, ...]:
    """Pillow's names of the formats that are opened: AVIF and HEIF where this installation can."""
    return (*_ALWAYS, *((_AVIF,) if _has_avif() else ()), *((_HEIF,) if _has_heif() else ()))


def _has_avif() -> bool:
    try:
        from PIL import AvifImagePlugin
    except ImportError:  # Pillow before 11.3
        return False
    return bool(AvifImagePlugin.SUPPORTED)


def _has_heif() -> bool:
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def what_it_is(encoded: bytes) -> str:
    """Of bytes that were not opened, in words: what they are and what to do; "" where that is not known."""
    if encoded[4:8] == b"ftyp":
        return _iso_media(encoded[8:12])
    if encoded[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return _tiff(encoded)
    return next((said for at, mark, said in _FOREIGN if encoded[at : at + len(mark)] == mark), "")


def _iso_media(brand: bytes) -> str:
    if brand in (b"avif", b"avis"):
        return "" if _AVIF in opened_formats() else "AVIF. Reading it takes: pip install sjft_tf[avif]"
    if brand in _HEIF_BRANDS:
        return "" if _HEIF in opened_formats() else "HEIC. Reading it takes: pip install sjft_tf[heic]"
    return "a video or audio file. Take single frames of it, as JPEG or PNG"


def _tiff(encoded: bytes) -> str:
    """Of a TIFF file whose channels no picture of gray or RGB has."""
    try:
        directory = TiffImagePlugin.ImageFileDirectory_v2(encoded[:8])
        stream = io.BytesIO(encoded)
        stream.seek(directory.next)
        directory.load(stream)
        samples = int(directory.get(TiffImagePlugin.SAMPLESPERPIXEL, 1))
        bits = {int(value) for value in directory.get(TiffImagePlugin.BITSPERSAMPLE, (1,))}
        floats = 3 in directory.get(TiffImagePlugin.SAMPLEFORMAT, (1,))
    except (struct.error, SyntaxError, ValueError, TypeError, KeyError, OSError):
        return ""
    kind = f"TIFF of {samples} channel(s), {'/'.join(map(str, sorted(bits)))} bits{', float' if floats else ''}"
    if samples > 4 or samples == 2:
        return (
            f"{kind}; gray, RGB or RGBA was expected. Choose the three channels to be seen (of satellite images often "
            "red, green and blue; or a projection) and write them as 8-bit RGB PNG or TIFF"
        )
    return f"{kind}, which cannot be read. Write it as 8-bit or 16-bit PNG or TIFF"
