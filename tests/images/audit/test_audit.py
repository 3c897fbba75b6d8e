"""The leakage audit: signatures and alignment against oracles, then planted copies among generated and real images."""

import importlib.util
import io
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import fft, ndimage

from sjft_tf.images import ImageSet, open_image_set, open_source
from sjft_tf.images.audit import MIN_AUDITED_SIDE, Leak, alignment, find_conflicts, find_leaks, search
from sjft_tf.images.audit.thumbnails import SIDE, mirrored, signatures, thumbnails
from sjft_tf.images.sets.contents import ImageContents

BENCHMARK = Path(__file__).resolve().parents[3] / "benchmarks" / "audit.py"


def textures(rng, count, size=64, blur=2.0):
    """Smooth random color pictures with the falling spectrum of photographs, uint8 [count, size, size, 3]."""
    noise = rng.normal(size=(count, size, size, 3))
    coarse = ndimage.gaussian_filter(noise, (0, 4 * blur, 4 * blur, 0)) * 6 * blur
    fine = ndimage.gaussian_filter(noise[::-1], (0, blur, blur, 0)) * blur
    return np.clip(128 + 90 * (coarse + fine), 0, 255).astype(np.uint8)


def image_set(name, images):
    return ImageSet.from_arrays(name, np.asarray(images), np.zeros(len(images), int), ["any"])


def through_jpeg(image, quality):
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


def crop(image, box):
    return image.crop(box).resize(image.size, Image.Resampling.BICUBIC)


CHANGES = {
    "encoded again": lambda image: through_jpeg(image, 60),
    "resized": lambda image: image.resize((48, 48)).resize((64, 64)),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "cropped at the right and below": lambda image: crop(image, (0, 0, 61, 61)),
    "cropped at the left and above": lambda image: crop(image, (3, 3, 64, 64)),
    "cropped all round": lambda image: crop(image, (3, 3, 61, 61)),
    "gray": lambda image: image.convert("L").convert("RGB"),
    "everything": lambda image: through_jpeg(
        crop(image, (1, 2, 62, 63)).transpose(Image.Transpose.FLIP_LEFT_RIGHT), 60
    ),
}


def test_signatures_are_weighted_low_frequencies_of_unit_length(rng):
    pictures = rng.uniform(0, 255, (5, SIDE, SIDE)).astype(np.float32)
    spectrum = fft.dctn(pictures.astype(np.float64), axes=(1, 2), norm="ortho")
    wanted = [spectrum[:, v, u] * np.hypot(u, v) ** 0.5 for v in range(8) for u in range(8) if 0 < np.hypot(u, v) < 8]
    wanted = np.stack(wanted, 1)
    # Half a gray level of noise counts as no contrast.
    wanted /= np.sqrt((wanted**2).sum(1, keepdims=True) + (SIDE * 0.5) ** 2)
    np.testing.assert_allclose(signatures(pictures), wanted, atol=1e-5)
    assert (np.linalg.norm(wanted, axis=1) > 0.999).all()


def test_a_mirrored_signature_is_that_of_the_mirrored_picture(rng):
    pictures = rng.uniform(0, 255, (4, SIDE, SIDE)).astype(np.float32)
    np.testing.assert_allclose(mirrored(signatures(pictures)), signatures(pictures[:, :, ::-1]), atol=1e-5)


def test_thumbnails_are_the_mean_luminance_of_their_cells(rng):
    images = textures(rng, 3, size=64)
    ((rows, pictures, large),) = thumbnails(image_set("t", images), 10)
    luminance = images.astype(np.float64) @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(pictures, luminance.reshape(3, 32, 2, 32, 2).mean((2, 4)), atol=1e-3)
    assert rows.tolist() == [0, 1, 2]
    assert large.all()


@given(st.integers(0, 99), st.floats(-0.1, 0.1), st.floats(-0.1, 0.1), st.floats(-0.1, 0.1), st.floats(-0.1, 0.1))
def test_sampling_is_bilinear(seed, shift_y, growth_y, shift_x, growth_x):
    picture = np.random.default_rng(seed).uniform(0, 255, (16, 16))
    motion = np.array([[shift_y, growth_y, shift_x, growth_x]], np.float32)
    rows, columns, mask = alignment._sampling(motion, 16)
    c = (np.arange(16) - 7.5) / 8
    y, x = (7.5 + 8 * (m[0] + (1 + m[1]) * c) for m in (motion[0, :2].astype(float), motion[0, 2:].astype(float)))
    wanted = ndimage.map_coordinates(picture, np.stack(np.meshgrid(y, x, indexing="ij")), order=1, mode="nearest")
    np.testing.assert_allclose((rows @ picture.astype(np.float32) @ columns)[0], wanted, atol=0.05)
    inside = ((y > -0.5) & (y < 15.5))[:, None] & ((x > -0.5) & (x < 15.5))
    np.testing.assert_array_equal(mask[0], inside)


@given(st.integers(0, 99), st.floats(-0.05, 0.05), st.floats(-0.05, 0.05), st.floats(-0.08, 0.08), st.floats(0.5, 1.2))
def test_likeness_undoes_shift_scale_and_contrast(seed, shift_y, shift_x, growth, contrast):
    rng = np.random.default_rng(seed)
    picture = textures(rng, 1, size=SIDE, blur=1.5)[0, :, :, 0].astype(np.float64)
    other = textures(rng, 1, size=SIDE, blur=1.5)[0, :, :, 0].astype(np.float64)
    coordinates = SIDE / 2 * ((1 + growth) * (np.arange(SIDE) - 15.5) / 16 + np.array([[shift_y], [shift_x]])) + 15.5
    moved = ndimage.map_coordinates(picture, np.meshgrid(*coordinates, indexing="ij"), order=3, mode="reflect")
    target = np.stack([picture, picture, other]).astype(np.float32)
    source = np.stack([picture, 20 + contrast * moved, picture]).astype(np.float32)
    same, changed, unlike = alignment.likeness(target, source)
    assert same > 0.95  # 1 but for the gray level of noise that is allowed for
    assert changed > search.SAME
    assert unlike < 0.5


def test_flat_pictures_resemble_none(rng):
    flat = 128 + rng.normal(0, 0.5, (2, SIDE, SIDE)).astype(np.float32)
    assert (np.abs(signatures(flat) @ signatures(flat).T)[0, 1]) < 0.5
    assert alignment.likeness(flat[:1], flat[:1])[0] < search.SAME
    levels = np.repeat(np.arange(40, 60, dtype=np.uint8), 64 * 64 * 3).reshape(20, 64, 64, 3)
    levels[:, ::7, ::5] += 1
    assert find_leaks(image_set("s", levels[::2]), {"test": image_set("t", levels[1::2])}).leaks == ()


def test_conflicts_are_copies_in_another_class_and_nothing_else(rng):
    images = textures(rng, 40)
    turned = [np.asarray(CHANGES["everything"](Image.fromarray(image))) for image in images[:6]]
    pictures = np.stack([*images, *turned, images[20], images[21]])
    labels = np.concatenate([np.arange(40) % 2, [1, 1, 1, 1, 1, 1], [0, 0]])  # of rows 40..45 those of 0, 2, 4 conflict
    found = find_conflicts(ImageSet.from_arrays("s", pictures, labels, ["a", "b"]))
    pairs = {(leak.source_row, leak.target_row, leak.kind) for leak in found}
    assert {leak.role for leak in found} == {"training"}
    both_ways = {(row, 40 + row) for row in (0, 2, 4)} | {(40 + row, row) for row in (0, 2, 4)}
    assert pairs == {(*pair, "near") for pair in both_ways} | {(21, 47, "identical"), (47, 21, "identical")}


@pytest.mark.parametrize("change", CHANGES)
def test_copies_are_found_and_nothing_else(rng, change):
    images = textures(rng, 120)
    copies = [np.asarray(CHANGES[change](Image.fromarray(image))) for image in images[:20]]
    source = image_set("s", [*images[60:90], *copies, *images[90:]])
    audit = find_leaks(source, {"test": image_set("t", images[:60])})
    assert [(leak.source_row, leak.target_row) for leak in audit.leaks] == [(30 + i, i) for i in range(20)]
    assert {leak.role for leak in audit.leaks} == {"test"}
    assert {leak.kind for leak in audit.leaks} == {"near"}
    assert all(search.SAME <= leak.score <= 1 for leak in audit.leaks)


def test_target_images_cut_from_source_images_are_found(rng):
    images = textures(rng, 40, size=96)
    cut = [np.asarray(crop(Image.fromarray(image), (0, 5, 91, 96)).resize((64, 64))) for image in images[:20]]
    audit = find_leaks(image_set("s", images), {"test": image_set("t", cut)})
    assert [(leak.source_row, leak.target_row) for leak in audit.leaks] == [(i, i) for i in range(20)]


def test_equal_bytes_are_identical_and_listed_once_a_role(rng):
    images = textures(rng, 10)
    source = image_set("s", images[[5, 0, 7, 5]])
    # Rows 1 and 2 of the test set are equal: the lower row stands for both. Row 0 is close to them.
    close = through_jpeg(Image.fromarray(images[5]), 60)
    targets = {"test": image_set("t", [close, images[5], images[5]]), "training": image_set("r", images[[9, 5]])}
    audit = find_leaks(source, targets)
    assert audit.leaks == (
        Leak(0, "test", 1, "identical", 1.0),
        Leak(0, "training", 1, "identical", 1.0),
        Leak(3, "test", 1, "identical", 1.0),
        Leak(3, "training", 1, "identical", 1.0),
    )
    assert audit.judged == {"test": 3, "training": 2}


def test_the_most_alike_target_image_is_named(rng):
    (image,) = textures(rng, 1)
    worse = np.asarray(through_jpeg(Image.fromarray(image), 5))
    better = np.asarray(through_jpeg(Image.fromarray(image), 80))
    audit = find_leaks(
        image_set("s", [image, *textures(rng, 3)]), {"test": image_set("t", [worse, better, worse[:, ::-1]])}
    )
    ((row, _, target_row, kind, score),) = audit.leaks
    assert (row, target_row, kind) == (0, 1, "near")
    assert score > 0.95


def test_tiny_images_are_compared_by_their_bytes_only(rng):
    size = MIN_AUDITED_SIDE - 1
    images = textures(rng, 12, size=size)
    images[11] = images[3]
    images[11, 0, 0, 0] ^= 1
    targets = {"test": image_set("t", images[:8])}

    def no_decoding(row):
        raise AssertionError("nothing can be learned from the pixels")

    tiny = image_set("s", images[[2, 9, 11]])
    source = ImageSet("s", tiny.ids, tiny.labels, tiny.class_names, ImageContents(no_decoding, tiny.digests))
    audit = find_leaks(source, targets)
    assert audit.leaks == (Leak(0, "test", 2, "identical", 1.0),)
    assert audit.judged == {"test": 0}


def test_sizes_may_differ_and_tiny_ones_among_them_are_passed_over(rng):
    (image,) = textures(rng, 1, size=96)
    small = np.asarray(Image.fromarray(image).resize((40, 64)))
    tiny = np.asarray(Image.fromarray(image).resize((12, 12)))
    pictures = [image, small, tiny]

    def load(row):
        return tf.switch_case(row, [lambda one=one: tf.constant(one) for one in pictures])

    digests = np.arange(96, dtype=np.uint8).reshape(3, 32)
    source = ImageSet("s", list("abc"), [0, 0, 0], ["any"], ImageContents(load, digests))
    wide = np.asarray(Image.fromarray(image).resize((110, 70)))
    audit = find_leaks(source, {"test": image_set("t", [wide])})
    assert [leak.source_row for leak in audit.leaks] == [0, 1]
    assert find_leaks(source.subset([2]), {"test": image_set("t", [wide])}).leaks == ()


def test_the_division_into_blocks_does_not_matter(rng, monkeypatch):
    images = textures(rng, 50)
    copies = [np.asarray(CHANGES["everything"](Image.fromarray(image))) for image in images[:9]]
    source, targets = image_set("s", [*images[30:], *copies]), {"test": image_set("t", images[:30])}
    whole = find_leaks(source, targets).leaks
    assert len(whole) == 9
    for name, size in (("_BLOCK", 7), ("_COLUMNS", 11)):
        monkeypatch.setattr(search, name, size)
    assert find_leaks(source, targets).leaks == whole


def test_the_images_of_the_demo_give_no_alarm():
    targets = {"training": open_image_set("digits#train?per_class=5"), "test": open_image_set("digits#test")}
    audit = find_leaks(open_image_set("glyphs?n=520"), targets)
    assert audit.leaks == ()
    assert set(audit.judged.values()) == {0}


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("audit_benchmark", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARK.parent))
        spec.loader.exec_module(module)
    return module


def test_the_benchmark_plants_and_counts(benchmark, rng, tmp_path, capsys, monkeypatch):
    images = textures(rng, 60)
    for i, image in enumerate(images):
        kind, name = ("source", "any") if i < 20 else ("target", f"{'train' if i < 40 else 'test'}/any")
        path = tmp_path / kind / name / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    # One source image really is a copy: it was not planted, so it is an alarm.
    Image.fromarray(images[50]).save(tmp_path / "source" / "any" / "real.jpg", quality=80)
    arguments = [
        f"--target=folder:{tmp_path}/target",
        f"--source=folder:{tmp_path}/source",
        "--copies=3",
        "--repeats=1",
    ]
    monkeypatch.setattr(sys, "argv", ["audit.py", *arguments])
    benchmark.main()
    lines = capsys.readouterr().out.splitlines()
    for kind in benchmark.KINDS:
        (line,) = [line for line in lines if line.strip().startswith(f"{kind}:")]
        assert "3 of 3 found, 3 as the right image" in line
    assert any("1 of 21 source images" in line for line in lines)
    assert any("real.jpg test test/any/50.png" in line for line in lines)
    assert any("ratio: median" in line for line in lines)


@pytest.mark.large
@pytest.mark.parametrize("seed", [1, 2])
def test_three_hundred_copies_among_forty_thousand_photographs(benchmark, real_data, tmp_path, seed):
    targets = benchmark.open_target(f"folder:{real_data}/flowers102", tmp_path)
    # Thresholds were chosen on the validation images.
    targets = {role: targets[role] for role in ("train", "test")}
    planted = benchmark.plant(targets, tmp_path / "planted", 60, seed)
    specs = [f"folder:{real_data}/tiny_imagenet", f"folder:{tmp_path}/planted"]
    source = open_source(specs, cache=tmp_path)
    assert len(source) == 40_300
    leaks = find_leaks(source, targets).leaks
    leak_of = {str(source.ids[leak.source_row]): leak for leak in leaks}
    missed = {name: kind for name, (kind, _, _) in planted.items() if f"planted/{name}" not in leak_of}
    assert "exact" not in missed.values()
    assert len(missed) <= 0.05 * 240
    assert len([name for name in leak_of if name.removeprefix("planted/") not in planted]) <= 10
    exact = [name for name, (kind, _, _) in planted.items() if kind == "exact"]
    assert {leak_of[f"planted/{name}"].kind for name in exact} == {"identical"}
