"""Makes a set with boxes from two without: objects of one pasted on images of the other, for scripts/patches.py.

  python benchmarks/signs_on_views.py --objects=folder:DATA/gtsrb43 --grounds=folder:DATA/rsscn7 --output=DATA/signs
  python scripts/patches.py --target=boxes:DATA/signs/boxes.csv --workdir=runs/signs

Training images are made of training images, test images of test images. An object is pasted in an ellipse with a soft
edge, so that no straight edge gives it away.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from sjft_tf.csv_files import Writer
from sjft_tf.images import ImageSet, default_splits, open_image_set

_TRIES = 40


def main(argv: list[str] | None = None) -> None:
    """Writes PNG files and boxes.csv (path,label,x0,y0,x1,y1,split)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", required=True, help="labeled images with splits that are pasted")
    parser.add_argument("--grounds", required=True, help="images with splits that they are pasted on")
    parser.add_argument("--output", type=Path, required=True, help="folder to write, new or empty")
    parser.add_argument("--images", type=int, default=150, help="images of each split")
    parser.add_argument("--classes", type=int, default=12, help="classes of objects, those with most images")
    parser.add_argument("--most", type=int, default=3, help="most objects of an image")
    parser.add_argument("--side", type=int, default=128, help="pixels of an image")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    given.output.mkdir(parents=True, exist_ok=True)
    splits = [default_splits(spec) for spec in (given.objects, given.grounds)]
    first = open_image_set(splits[0]["train"])
    chosen = [first.class_names[c] for c in np.sort(np.argsort(-first.class_counts, kind="stable")[: given.classes])]
    with (given.output / "boxes.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = Writer(stream)
        writer.writerow(["path", "label", "x0", "y0", "x1", "y1", "split"])
        for number, split in enumerate(("train", "test")):
            objects, grounds = (open_image_set(one[split]) for one in splits)
            rng = np.random.default_rng([given.seed, number])
            for i in range(given.images):
                name = f"{split}-{i:05d}.png"
                image, placed = scene(objects, grounds, chosen, given.most, given.side, rng)
                image.save(given.output / name)
                writer.writerows([name, f"sign {label}", *box, split] for label, box in placed)
    print(f"{2 * given.images} images of {len(chosen)} classes in {given.output}")


def scene(
    objects: ImageSet, grounds: ImageSet, chosen: list[str], most: int, side: int, rng: np.random.Generator
) -> tuple[Image.Image, list[tuple[str, tuple[int, ...]]]]:
    """An image, and class and box of each object on it."""
    ground = grounds.load(int(rng.integers(len(grounds)))).numpy()
    canvas = Image.fromarray(ground).resize((side, side), Image.Resampling.BICUBIC)
    placed: list[tuple[str, tuple[int, ...]]] = []
    for _ in range(1 + int(rng.integers(most))):
        label = chosen[int(rng.integers(len(chosen)))]
        rows = np.flatnonzero(objects.labels == objects.class_names.index(label))
        size = round(side * rng.uniform(0.16, 0.36))
        picture = Image.fromarray(objects.load(int(rng.choice(rows))).numpy())
        picture = picture.resize((size, size), Image.Resampling.BICUBIC)
        for _ in range(_TRIES):
            left, top = (int(rng.integers(side - size + 1)) for _ in range(2))
            box = (left, top, left + size, top + size)
            if all(box[2] <= o[0] or o[2] <= box[0] or box[3] <= o[1] or o[3] <= box[1] for _, o in placed):
                canvas.paste(picture, (left, top), _ellipse(size))
                placed.append((label, box))
                break
    return canvas, placed


def _ellipse(size: int) -> Image.Image:
    mask = Image.new("L", (size, size))
    ImageDraw.Draw(mask).ellipse((1, 1, size - 2, size - 2), fill=255)
    return mask.filter(ImageFilter.GaussianBlur(1))


if __name__ == "__main__":
    main()
