"""The leakage audit on planted copies: how many it finds, how often it is wrong, what it costs beside decoding.

  python benchmarks/audit.py --target=folder:MY_IMAGES --source=folder:LARGE_SET --copies=60 --repeats=5

Copies of training and test images are written to a temporary folder and searched for among the source images. Every
source image that is called a copy and was not planted counts as a false alarm, though it may really be one: look at
the pairs that are printed. Thresholds were chosen on other images than these figures are for, see docs.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image
from timing import keep, parse

from sjft_tf.images import ImageSet, default_splits, find_leaks, open_image_set, open_source


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def resized(image: Image.Image) -> Image.Image:
    """To three quarters of its size and back: 64 px to 48."""
    small = image.resize([round(side * 0.75) for side in image.size], Image.Resampling.BICUBIC)
    return small.resize(image.size, Image.Resampling.BICUBIC)


def mirrored(image: Image.Image) -> Image.Image:
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def cropped(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A window with 95 % of width and height, anywhere, enlarged to the old size."""
    size = np.round(np.array(image.size) * 0.95).astype(int)
    left, top = rng.integers(0, np.array(image.size) - size + 1)
    window = (int(left), int(top), int(left + size[0]), int(top + size[1]))
    return image.crop(window).resize(image.size, Image.Resampling.BICUBIC)


def cropped_all_round(image: Image.Image, _: object) -> Image.Image:
    """5 % off each of the four sides."""
    width, height = image.size
    x, y = round(width * 0.05), round(height * 0.05)
    return image.crop((x, y, width - x, height - y)).resize(image.size, Image.Resampling.BICUBIC)


KINDS: dict[str, Callable[[Image.Image, np.random.Generator], bytes] | None] = {
    "exact": None,
    "JPEG quality 60": lambda image, rng: jpeg(image, 60),
    "resized 3/4 and back": lambda image, rng: jpeg(resized(image)),
    "mirrored": lambda image, rng: jpeg(mirrored(image)),
    "cropped 5 %": lambda image, rng: jpeg(cropped(image, rng)),
}
HARDER: dict[str, Callable[[Image.Image, np.random.Generator], bytes] | None] = {
    "cropped 5 % on all sides": lambda image, rng: jpeg(cropped_all_round(image, rng)),
    "gray": lambda image, rng: jpeg(image.convert("L")),
    "all at once": lambda image, rng: jpeg(mirrored(resized(cropped(image, rng))), 60),
}


def plant(
    targets: dict[str, ImageSet], folder: Path, copies: int, seed: int, kinds: dict = KINDS
) -> dict[str, tuple[str, str, int]]:
    """Writes `copies` copies of each kind, of different images, into `folder`/copies; their ids to what they are.

    Returns:
        For each file's name within `folder` its kind, the role and the row of the image it is a copy of.
    """
    rng = np.random.default_rng(seed)
    everything = [(role, row) for role, images in targets.items() for row in range(len(images))]
    chosen = rng.choice(len(everything), copies * len(kinds), replace=False)
    (folder / "copies").mkdir(parents=True)
    planted = {}
    for number, index in enumerate(chosen):
        kind = list(kinds)[number // copies]
        role, row = everything[index]
        images = targets[role]
        original = Path(images.origin) / images.ids[row]
        name = f"copies/{number:05d}{original.suffix if kinds[kind] is None else '.jpg'}"
        content = original.read_bytes()
        if kinds[kind] is not None:
            content = kinds[kind](Image.open(io.BytesIO(content)).convert("RGB"), rng)
        (folder / name).write_bytes(content)
        planted[name] = (kind, role, row)
    return planted


def decode_only(images: ImageSet) -> None:
    """What no audit can do without: every image decoded, in parallel, and forgotten."""
    shapes = images.dataset().map(lambda element: tf.shape(element["image"]), num_parallel_calls=tf.data.AUTOTUNE)
    for _ in shapes.batch(1024).prefetch(2):
        pass


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Wall time and CPU time of all threads."""
    begun, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begun, time.process_time() - used


def open_target(spec: str, cache: Path) -> dict[str, ImageSet]:
    """The splits of a target by role; one set is all test images."""
    splits = default_splits(spec) or {"test": spec}
    return {role: open_image_set(split, cache=cache) for role, split in splits.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", required=True, help="folder:PATH, with splits or without")
    parser.add_argument("--source", required=True, help="any image set")
    parser.add_argument("--copies", type=int, default=60, help="copies of each kind")
    parser.add_argument("--harder", action="store_true", help="kinds beyond the five as well")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parse(parser)
    kinds = KINDS | HARDER if arguments.harder else KINDS
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        targets = open_target(arguments.target, root)
        shown = {role: images for role, images in targets.items() if role in ("train", "test")}
        planted = plant(shown, root / "planted", arguments.copies, arguments.seed, kinds)
        source = open_source([arguments.source, f"folder:{root / 'planted'}"], cache=root)
        leaks = find_leaks(source, targets).leaks
        report(source, targets, planted, leaks, kinds)
        if arguments.repeats:
            compare_times(source, targets, arguments.repeats)


def compare_times(source: ImageSet, targets: dict[str, ImageSet], repeats: int) -> None:
    """Prints what an audit takes beside decoding the same images, alternating; on a busy machine trust CPU seconds."""
    works = {
        "decoding": lambda: [decode_only(images) for images in (source, *targets.values())],
        "audit": lambda: find_leaks(source, targets),
    }
    found: dict[str, list] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            found[name].append(seconds(work))
    times = {name: np.array(values) for name, values in found.items()}
    for name, values in times.items():
        wall, cpu = np.median(values, axis=0)
        low, high = values[:, 0].min(), values[:, 0].max()
        print(f"{name:>26}: median {wall:.2f} s ({low:.2f} to {high:.2f}), {cpu:.2f} CPU s")
    for column, name in enumerate(("ratio", "ratio of CPU seconds")):
        ratios = times["audit"][:, column] / times["decoding"][:, column]
        print(f"{name:>26}: median {np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f})")
    keep("audit / decoding", *(times["audit"] / times["decoding"]).T)
    speed, count = len(source) / np.median(times["audit"][:, 0]), sum(map(len, targets.values()))
    print(f"{'speed':>26}: {speed:.0f} source images/s against {count} target images")


def report(source: ImageSet, targets: dict[str, ImageSet], planted: dict, leaks: tuple, kinds: dict) -> None:
    """Prints found of planted by kind, and every false alarm."""
    names = {row: name.split("/", 1)[1] for row, name in enumerate(source.ids) if name.startswith("planted/")}
    rows = {name: row for row, name in names.items()}
    by_row: dict[int, list] = {}
    for leak in leaks:
        by_row.setdefault(leak.source_row, []).append(leak)
    right_ones = 0
    for kind in kinds:
        asked = [(rows[name], (role, row)) for name, (k, role, row) in planted.items() if k == kind]
        found = [by_row[row] for row, _ in asked if row in by_row]
        right = sum(truth in [(leak.role, leak.target_row) for leak in by_row.get(row, [])] for row, truth in asked)
        right_ones += right
        lowest = min((max(leak.score for leak in those) for those in found), default=float("nan"))
        print(f"{kind:>26}: {len(found)} of {len(asked)} found, {right} as the right image, lowest score {lowest:.3f}")
    alarms = [leak for leak in leaks if leak.source_row not in names]
    total = len(source) - len(names)
    print(f"{'false alarms':>26}: {len({leak.source_row for leak in alarms})} of {total} source images")
    keep("copies found / planted", right_ones / len(planted))
    keep("false alarms / source images", len({leak.source_row for leak in alarms}) / total)
    for leak in alarms:
        print(f"  {source.ids[leak.source_row]} {leak.role} {targets[leak.role].ids[leak.target_row]} {leak.score:.3f}")


if __name__ == "__main__":
    main()
