"""Predicted against true change of validation loss when single images are left out; conjugate gradients against direct.

  python benchmarks/influence_leave_one_out.py --retrainings=200 \
      --flowers=DATA/flowers102 --weights=DATA/weights/mobilenet_v2_0.35_224_notop.weights.h5
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np
from influence_data import Data, add_flags, digits, flowers
from timing import keep, parse

from sjft_tf.influence import HeadSolver, SoftmaxObjective, choose_l2, fit_head, influence, least_l2, leave_one_out


def compare(name: str, data: Data, retrainings: int, l2: float) -> None:
    """One line: correlations over random training images."""
    train, validation = data.examples(data.train), data.examples(data.validation)
    if not l2:
        l2 = choose_l2([(train, validation)], data.num_classes)
        print(f"{name}: l2 {l2:g} has the lowest validation loss, {least_l2(train):.3g} is the least to judge by")
        l2 = max(l2, least_l2(train))
    begun = time.perf_counter()
    head = fit_head(SoftmaxObjective(train, data.num_classes, l2))
    fitted = time.perf_counter()
    found = influence(HeadSolver(head), train, validation)
    scored = time.perf_counter()
    drawn = np.random.default_rng(0).permutation(len(train))[:retrainings]
    loo = leave_one_out(head, found.influence, validation, drawn)
    print(
        f"{name}: l2 {l2:g}, {len(train)} images, {head.weights.size} weights, {found.solution}; "
        f"trained in {fitted - begun:.2f} s, scoring took {(scored - fitted) / (fitted - begun):.2f} times as long"
    )
    keep(f"scoring / training, {name}, l2 {l2:g}", (scored - fitted) / (fitted - begun))
    keep(f"Pearson, {name}, l2 {l2:g}", loo.pearson)
    slope = float(loo.predicted @ loo.measured / (loo.predicted @ loo.predicted))
    print(f"    {len(drawn)} retrainings: Pearson {loo.pearson:.4f}, Spearman {loo.spearman:.4f}, slope {slope:.2f}")


def solvers(name: str, data: Data, classes: int, l2: float) -> None:
    """One line: conjugate gradients against the direct solve, on the first classes."""
    rows = [part[data.labels[part] < classes] for part in (data.train, data.validation)]
    train, validation = (data.examples(part) for part in rows)
    head = fit_head(SoftmaxObjective(train, classes, l2))
    cg, direct = (influence(HeadSolver(head, solver), train, validation).influence for solver in ("cg", "direct"))
    error = np.linalg.norm(cg - direct) / np.linalg.norm(direct)
    print(f"{name}, {classes} classes, {head.weights.size} weights: cg differs from direct by {error:.1e} relative")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_flags(parser)
    parser.add_argument("--retrainings", type=int, default=200)
    parser.add_argument("--per_class", type=int, nargs="*", default=[20, 50])
    parser.add_argument("--l2", type=float, nargs="+", default=[0.0, 0.001, 0.01, 0.1, 0.3], help="0: as the program")
    arguments = parse(parser, argv)
    for per_class in arguments.per_class:
        for l2 in arguments.l2:
            compare(f"digits, {per_class} a class", digits(per_class, 0), arguments.retrainings, l2)
    solvers("digits", digits(50, 0), 10, 0.01)
    if arguments.flowers:
        data = flowers(arguments)
        solvers("flowers", data, 4, 0.01)
        for l2 in arguments.l2:
            compare("flowers", data, arguments.retrainings, l2)


if __name__ == "__main__":
    main()
