"""Speed of histogramming against the filters, and of whole extraction against its parts, as ratios within one run.

  python benchmarks/extraction.py --bank=alexnet-random --images=folder:IMAGES --number=256
  python benchmarks/extraction.py --bank=gabor --resize=64 --crop=64 --images=folder:IMAGES --number=2000

Timed in turn, again and again: decoding the files (nothing done with the pictures), the filters (pictures in memory,
answers thrown away), of AlexNet also its convolutions alone, histogramming (answers in memory) by the threads and by
the graph that GPUs take, and the whole, from files to counts. Ratios are taken repeat by repeat, because the machine
may be busy with something else at any time. Without --images, JPEG files of random blobs are written to a temporary
folder first.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from timing import in_turn, parse, ratio, seconds

from sjft_tf.descriptors import (
    ConvNetBank,
    FilterBank,
    GaborBank,
    caffe_nets,
    chunk_size,
    extract_counts,
    fit_bin_edges,
    image_batches,
)
from sjft_tf.descriptors.bank_counting import BankCounter, graph_counter
from sjft_tf.images import ImageSet, View, open_image_set

BANKS = ("alexnet-random", "gabor", "squeezenet_conv1-random")


def open_bank(name: str) -> FilterBank:
    """A bank with the weights its network starts with; times do not depend on them."""
    if name == "gabor":
        return GaborBank()
    model, layers = {
        "alexnet-random": (caffe_nets.alexnet, ["conv1", "conv2"]),
        "squeezenet_conv1-random": (caffe_nets.squeezenet_conv1, ["conv1"]),
    }[name]
    return ConvNetBank(model(), layers, preprocess=caffe_nets.caffe_input, preprocess_name="caffe")


def write_images(folder: Path, number: int, side: int) -> str:
    """Writes JPEG files of smooth random colors; returns their spec."""
    rng = np.random.default_rng(0)
    (folder / "blobs").mkdir()
    for each in range(number):
        coarse = Image.fromarray(rng.integers(0, 256, (9, 9, 3), np.uint8))
        coarse.resize((side, side), Image.Resampling.BICUBIC).save(folder / "blobs" / f"{each:06d}.jpg", quality=90)
    return f"folder:{folder}"


def convolutions(pictures: tf.Tensor) -> Callable[[], object]:
    """The convolutions of `caffe_nets.alexnet` and nothing else, on inputs made before."""
    model = caffe_nets.alexnet()
    before = keras.Model(model.inputs, model.get_layer("halves").output)
    halves = before(caffe_nets.caffe_input(pictures))
    layers = [model.get_layer(name) for name in ("conv1", "conv2_first", "conv2_second")]
    compiled = tf.function(lambda inputs: [layer(x) for layer, x in zip(layers, inputs, strict=True)], autograph=False)
    inputs = [pictures, *halves]
    return lambda: compiled(inputs)


def measure(arguments: argparse.Namespace, images: ImageSet) -> dict[str, np.ndarray]:
    """Seconds an image by what was done, see `timing.in_turn`."""
    bank, view = open_bank(arguments.bank), View(arguments.resize, arguments.crop)
    rows = np.linspace(0, len(images) - 1, min(arguments.number, len(images))).astype(np.int32)
    size = chunk_size(bank, (None, view.crop, view.crop, 3))
    chunks = -(-len(rows) // size)
    pictures = next(iter(image_batches(images, view, np.resize(rows, size), size)))[1]
    edges = fit_bin_edges(bank, [pictures], arguments.bins)
    filters = tf.function(bank.responses, autograph=False)
    in_graph = graph_counter(edges.edges)
    answers = filters(pictures)

    def histogram() -> None:
        with BankCounter(edges.edges) as counter:
            for result in [counter.start(answers, size) for _ in range(chunks)]:
                result()

    def again(work: Callable[[], object]) -> Callable[[], None]:
        # Answers are let go at once: memory taken anew for each chunk would make the parts look slower.
        def run() -> None:
            for _ in range(chunks):
                work()

        return run

    stages: dict[str, Callable[[], object]] = {
        "decoding": lambda: [None for _ in image_batches(images, view, rows, size)],
        "filters": again(lambda: filters(pictures)),
        "histogramming": histogram,
        "the same in a graph": again(lambda: in_graph(answers)[0].numpy()),
        "whole": lambda: [None for _ in extract_counts(images, bank, edges, view, rows)],
    }
    if arguments.bank == "alexnet-random":
        convolve = convolutions(pictures)
        stages["convolutions alone"] = again(convolve)
    return {name: times / len(rows) for name, times in in_turn(stages, arguments.repeats).items()}


def report(found: dict[str, np.ndarray]) -> None:
    for name, times in found.items():
        print(seconds(name, times, unit="ms"))
    parts = found["decoding"] + found["filters"]
    print(ratio("histogramming / filters", found["histogramming"], found["filters"]))
    print(ratio("graph / histogramming", found["the same in a graph"], found["histogramming"]))
    if "convolutions alone" in found:
        print(ratio("histogramming / convolutions", found["histogramming"], found["convolutions alone"]))
    print(ratio("whole / (decoding + filters)", found["whole"], parts))


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bank", choices=BANKS, default="alexnet-random")
    parser.add_argument("--resize", type=int, default=256)
    parser.add_argument("--crop", type=int, default=224)
    parser.add_argument("--bins", type=int, default=100)
    parser.add_argument("--images", help="an image set, e.g. folder:PATH; default: JPEG files made for the purpose")
    parser.add_argument("--number", type=int, default=256, help="how many of the images")
    parser.add_argument("--side", type=int, default=500, help="of the JPEG files made without --images")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parse(parser, argv)
    keras.utils.set_random_seed(0)
    with tempfile.TemporaryDirectory() as made:
        spec = arguments.images or write_images(Path(made), arguments.number, arguments.side)
        images = open_image_set(spec)
        found = measure(arguments, images)
    print(
        f"TensorFlow {tf.__version__}, bank {arguments.bank}, {min(arguments.number, len(images))} images at "
        f"{arguments.resize}/{arguments.crop} px, {arguments.bins} bins, {arguments.repeats} repeats"
    )
    report(found)


if __name__ == "__main__":
    main()
