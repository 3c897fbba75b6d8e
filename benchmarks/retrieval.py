"""A whole retrieval, from image files to the neighbor table, against decoding alone and filters alone.

  python benchmarks/retrieval.py --target=folder:MY_IMAGES --source=folder:LARGE_SET --resize=64 --crop=64 --k=2000

All in one run: reading, decoding and viewing every image of both sets once (nothing done with pictures), the filters
on as many pictures in memory (answers thrown away), and the whole: bin edges, descriptors of both sets, exact search.
Checking the files when a set is opened is not counted.
"""

from __future__ import annotations

import argparse

import tensorflow as tf
from timing import in_turn, parse, ratio, seconds

from sjft_tf.descriptors import chunk_size, image_batches, open_bank
from sjft_tf.images import View, open_image_set
from sjft_tf.parallel import cores
from sjft_tf.retrieval import RetrievalRequest, build_neighbor_table


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", required=True, help="an image set, e.g. folder:PATH#train")
    parser.add_argument("--source", required=True)
    parser.add_argument("--bank", default="gabor")
    parser.add_argument("--bank_weights", default="")
    parser.add_argument("--resize", type=int, default=256)
    parser.add_argument("--crop", type=int, default=224)
    parser.add_argument("--bins", type=int, default=100)
    parser.add_argument("--k", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parse(parser, argv)
    target, source = open_image_set(arguments.target), open_image_set(arguments.source)
    bank, view = open_bank(arguments.bank, weights=arguments.bank_weights), View(arguments.resize, arguments.crop)
    size = chunk_size(bank, (None, view.crop, view.crop, 3))
    pictures = next(iter(image_batches(source, view, None, size)))[1]
    answer = tf.function(bank.responses, autograph=False)
    answer(pictures)

    def decode() -> None:
        for images in (target, source):
            for _ in image_batches(images, view, None, size):
                pass

    def filters() -> None:
        for _ in range(-(-len(target) // size) + -(-len(source) // size)):
            answer(pictures)

    def whole() -> None:
        build_neighbor_table(RetrievalRequest(target, source, bank, view, arguments.bins, arguments.k))

    times = in_turn({"decoding": decode, "filters": filters, "whole": whole}, arguments.repeats, warm=False)
    print(
        f"TensorFlow {tf.__version__}, {cores()} cores; {len(target)} targets, {len(source)} sources at "
        f"{view.resize}/{view.crop} px, bank {bank.name}, {arguments.bins} bins, K = {arguments.k}, "
        f"{arguments.repeats} repeats"
    )
    for name, found in times.items():
        print(seconds(name, found))
    print(ratio("whole / (decoding + filters)", times["whole"], times["decoding"] + times["filters"]))


if __name__ == "__main__":
    main()
