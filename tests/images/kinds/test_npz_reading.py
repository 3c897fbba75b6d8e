"""A hostile or damaged `.npz` is refused by its headers, before anything is read or room is made."""

import io
import resource
import zipfile

import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.images import open_image_set
from sjft_tf.images.kinds import npz_reading

LABELS = np.array([0, 1])


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def header(shape, dtype="|u1"):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": dtype, "fortran_order": False, "shape": shape})
    return stream.getvalue()


def write(path, compression=zipfile.ZIP_DEFLATED, **members):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content if isinstance(content, bytes) else npy(content))
    return f"npz:{path}"


def test_zeros_that_unpack_to_gigabytes(tmp_path):
    path, zeros, count = tmp_path / "bomb.npz", bytes(1 << 24), 40
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("y.npy", npy(np.zeros(count, int)))
        with archive.open("x.npy", "w") as stream:
            stream.write(header((count, 4096, 4096)))
            for _ in range(count):
                stream.write(zeros)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=r"`x` uint8 \[40, 4096, 4096\] is 671.1 MB out of .* no images shrink so far"):
        open_image_set(f"npz:{path}")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10  # KB


def test_arrays_larger_than_the_memory(tmp_path, monkeypatch):
    spec = write(tmp_path / "large.npz", x=np.zeros((2, 100, 100), np.uint8), y=LABELS)
    open_image_set(spec)
    monkeypatch.setattr(npz_reading, "available_memory", lambda: 50_000)
    with pytest.raises(
        InputError, match=r"`x` uint8 \[2, 100, 100\].* need 0.1 MB of memory, of which 0.1 MB are avail"
    ):
        open_image_set(spec)


def test_the_available_memory_is_known():
    assert 1 << 20 < npz_reading.available_memory() < 1 << 50


@pytest.mark.parametrize("shape", [(2, 1 << 20, 1 << 20), (1 << 62, 4, 4), (2, -1, 4), (2, 1, 3), (2, 0, 0), (0, 9, 9)])
def test_a_shape_its_place_cannot_hold(tmp_path, shape):
    spec = write(tmp_path / "toy.npz", x=header(shape) + bytes(8), y=LABELS)
    with pytest.raises(InputError, match=r"toy.npz"):
        open_image_set(spec)


def test_sizes_in_the_directory_are_not_believed(tmp_path):
    spec = write(tmp_path / "toy.npz", x=header((2, 1 << 14, 1 << 14)) + bytes(8), y=LABELS)
    content = bytearray((tmp_path / "toy.npz").read_bytes())
    offset = content.index(b"PK\x01\x02") + 24
    content[offset : offset + 4] = (2 * (1 << 28) + 128).to_bytes(4, "little")
    (tmp_path / "toy.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"its place holds 536870912, \d+ as compressed"):
        open_image_set(spec)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"x": b"\x93NUMPY\x01\x00\x10\x00" + b"(" * 16, "y": LABELS}, "cannot be read as .npz"),
        ({"x": b"\x93NUMPY\x09\x00\x10\x00{}", "y": LABELS}, "version"),
        ({"x": b"", "y": LABELS}, "cannot be read as .npz"),
        ({"x": np.zeros((2, 2, 2), np.uint8), "y": np.array([b"\xff", b"a"])}, "`y` must be text in UTF-8"),
        ({"x": np.zeros((2, 2, 2), np.uint8), "y": LABELS, "class_names": np.array([1.0])}, "`class_names` must be"),
        (
            {
                "x": np.zeros((2, 2, 2), np.uint8),
                "y": header((2,), "<U1") + b"\xff\xff\x11\x00" * 2,
            },
            "must be text in UTF-8|cannot be read",
        ),
    ],
)
def test_damaged_members(tmp_path, members, message):
    with pytest.raises(InputError, match=message):
        open_image_set(write(tmp_path / "toy.npz", **members))


def test_compression_that_savez_does_not_write(tmp_path):
    spec = write(tmp_path / "toy.npz", zipfile.ZIP_BZIP2, x=np.zeros((2, 2, 2), np.uint8), y=LABELS)
    with pytest.raises(InputError, match=r"toy.npz cannot be read as .npz .*compressed in a way"):
        open_image_set(spec)


def test_a_changed_pixel_is_noticed(tmp_path):
    pixels = np.full((2, 5, 5), 77, np.uint8)
    spec = write(tmp_path / "toy.npz", zipfile.ZIP_STORED, x=pixels, y=LABELS)
    content = bytearray((tmp_path / "toy.npz").read_bytes())
    content[content.index(bytes([77] * 10))] ^= 1
    (tmp_path / "toy.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be read as .npz .*CRC"):
        open_image_set(spec)


def test_a_folder_in_a_files_place(tmp_path):
    with pytest.raises(InputError, match=r"cannot be read as .npz"):
        open_image_set(f"npz:{tmp_path}")
