"""Memory of scoring against the number of images: features on disk, peak of NumPy's memory in MiB.

python benchmarks/influence_memory.py --images 4000 16000 64000
"""

from __future__ import annotations

import argparse
import tempfile
import tracemalloc
from collections.abc import Sequence

import numpy as np
from timing import keep, parse

from sjft_tf.influence import Examples, HeadSolver, Scaling, SoftmaxObjective, fit_head, influence


def peak(images: int, width: int, classes: int) -> float:
    """MiB at most while a head is trained and all its images are scored."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryFile() as file:
        features = np.memmap(file, np.float32, "w+", shape=(images + 1000, width))
        labels = rng.integers(0, classes, images + 1000)
        centers = rng.normal(size=(classes, width))
        for begin in range(0, len(features), 1000):
            part = labels[begin : begin + 1000]
            features[begin : begin + 1000] = centers[part] + rng.normal(0, 3, (len(part), width))
        tracemalloc.start()
        train, validation = np.arange(images), np.arange(images, images + 1000)
        scaling = Scaling.of(features, train)
        examples = Examples(features, labels, scaling, train, block_bytes=8 << 20)
        head = fit_head(SoftmaxObjective(examples, classes, 0.1))
        influence(HeadSolver(head, "cg"), examples, Examples(features, labels, scaling, validation))
        found = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
    return found


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="*", default=[4000, 16000, 64000])
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--classes", type=int, default=10)
    arguments = parse(parser, argv)
    peaks = []
    for images in arguments.images:
        features = images * arguments.width * 4 / 2**20
        found = peak(images, arguments.width, arguments.classes)
        peaks.append(found)
        print(f"{images:>8} images ({features:6.1f} MiB of features on disk): at most {found:5.1f} MiB")
    keep("memory, most / fewest images", peaks[-1] / peaks[0])


if __name__ == "__main__":
    main()
