"""Labels flipped at random: who finds them, and what dropping does to test accuracy; with --share=0, on clean sets.

  python benchmarks/influence_labels.py --share=0.2 --seeds=5 \
      --flowers=DATA/flowers102 --weights=DATA/mobilenet_v2_0.35_224_notop.weights.h5

Every arm trains the same convex head (l2 chosen once a seed, on the validation images with all training images) on what
it keeps, and is tested on the test images. "validation" judges by the set's own, clean validation images; "cross-fit"
has only the training images, flipped labels included; "cross-fit, validation" has heads of 5 folds of them and the
validation images; loss and cleanlab work on probabilities of the 5 folds. --score_l2 is the l2 of all heads that judge.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from influence_data import Data, add_flags, digits, flipped, flowers
from sklearn.metrics import roc_auc_score

from sjft_tf.influence import (
    HeadSolver,
    SoftmaxObjective,
    at_random,
    by_confident_learning,
    by_loss,
    choose,
    choose_l2,
    cross_fitted,
    fit_head,
    folds,
    held_out_probabilities,
    influence,
    least_l2,
    parts,
    parts_with_validation,
)

FOLDS = 5


def one_seed(data: Data, share: float, seed: int, score_l2: float) -> dict[str, dict[str, float]]:
    """AUC, test accuracy in % and share dropped in % of every arm."""
    labels = flipped(data.labels, data.train, share, data.num_classes, seed)
    names, count = [str(c) for c in range(data.num_classes)], len(data.train)

    def examples(rows: np.ndarray):
        return data.examples(rows, labels)

    l2 = choose_l2([(examples(data.train), examples(data.validation))], data.num_classes)

    def fit(rows: np.ndarray, strength: float = 0.0):
        return fit_head(SoftmaxObjective(examples(rows), data.num_classes, strength or l2)).check()

    given, wrong = labels[data.train], labels[data.train] != data.labels[data.train]
    fold_of = folds(given, names, FOLDS, seed)
    whole = fit(data.train, score_l2 or max(l2, least_l2(examples(data.train))))
    # Positions are rows here: the training images come first. Its own l2, as the program chooses it: by noisy judges.
    work, judges = parts(fold_of), np.ones(len(labels), bool)
    pairs = [(examples(p.train), examples(p.judged[0][1])) for p in work[:2]]
    own = score_l2 or max(choose_l2(pairs, data.num_classes), *(least_l2(train) for train, _ in pairs))
    given_l2 = score_l2 or max(l2, least_l2(examples(np.flatnonzero(fold_of != 0))))
    by_label = cross_fitted(work, lambda r: HeadSolver(fit(r, own), "cg"), examples, judges, count, data.num_classes)
    by_given = cross_fitted(
        parts_with_validation(fold_of, data.validation),
        lambda r: HeadSolver(fit(r, given_l2), "cg"),
        examples,
        judges,
        count,
        data.num_classes,
    )
    p = held_out_probabilities(fold_of, fit, examples, data.num_classes)
    judged = influence(HeadSolver(whole, "cg"), examples(data.train), examples(data.validation))
    scores = {
        "validation": judged.influence,
        "cross-fit": by_label[np.arange(count), given],
        "cross-fit, validation": by_given[np.arange(count), given],
        "loss": by_loss(p, given),
        "cleanlab": by_confident_learning(p, given),
        "random": at_random(count, seed),
    }
    cleanlab = choose(scores["cleanlab"], given)
    chosen = {
        "everything": np.zeros(count, bool),
        "validation, positive": choose(scores["validation"], given),
        "cross-fit, positive": choose(scores["cross-fit"], given),
        "cross-fit, validation, positive": choose(scores["cross-fit, validation"], given),
        "cleanlab's choice": cleanlab,
        "random, as many as cross-fit": choose(
            scores["random"], given, max_share=choose(scores["cross-fit"], given).mean()
        ),
    }
    if share:
        for name in ("validation", "cross-fit", "cross-fit, validation", "loss", "random"):
            chosen[f"{name}, worst {share:.0%}"] = choose(scores[name], given, max_share=share)
        chosen["without the flipped"] = wrong
    else:
        for part in (0.05, 0.1):
            for name in ("validation", "cross-fit", "cross-fit, validation"):
                chosen[f"{name}, worst {part:.0%}"] = choose(scores[name], given, max_share=part)
    found: dict[str, dict[str, float]] = defaultdict(dict)
    test = data.examples(data.test)
    for name, dropped in chosen.items():
        right = fit(data.train[~dropped]).probabilities(test).argmax(axis=1) == data.labels[data.test]
        found[name] = {"accuracy": 100 * right.mean(), "dropped": 100 * dropped.mean()}
    if share:
        ranked = {**scores, "cleanlab": -p[np.arange(count), given]}
        for name, values in ranked.items():
            found[f"AUC {name}"] = {"auc": roc_auc_score(wrong, values)}
        found["label found, by influence"] = {
            "accuracy": 100 * (by_label.argmin(1) == data.labels[data.train])[wrong].mean()
        }
        found["label found, by probability"] = {
            "accuracy": 100 * (p.argmax(1) == data.labels[data.train])[wrong].mean()
        }
    return found


def report(title: str, seeds: list[dict[str, dict[str, float]]]) -> None:
    """Mean and standard deviation over the seeds, and the difference to training on everything seed by seed."""
    print(f"\n{title}")
    base = np.array([s["everything"]["accuracy"] for s in seeds])
    for name in seeds[0]:
        if name.startswith("AUC"):
            values = np.array([s[name]["auc"] for s in seeds])
            print(f"  {name:<32} {values.mean():.3f} ({values.min():.3f} to {values.max():.3f})")
            continue
        values = np.array([s[name]["accuracy"] for s in seeds])
        line = f"  {name:<32} {values.mean():6.2f} (sd {values.std(ddof=1):.2f})"
        if "dropped" in seeds[0][name]:
            gain, part = values - base, np.mean([s[name]["dropped"] for s in seeds])
            line += f"  {gain.mean():+6.2f} (sd {gain.std(ddof=1):.2f}), dropped {part:.1f} %"
        print(line, flush=True)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_flags(parser)
    parser.add_argument("--share", type=float, default=0.2)
    parser.add_argument("--score_l2", type=float, default=0.0, help="0: chosen as the program does")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--per_class", type=int, nargs="*", default=[5, 20, 50])
    arguments = parser.parse_args(argv)
    for per_class in arguments.per_class:
        found = [
            one_seed(digits(per_class, seed), arguments.share, seed, arguments.score_l2)
            for seed in range(arguments.seeds)
        ]
        report(f"digits, {per_class} a class, {arguments.share:.0%} flipped, {arguments.seeds} seeds", found)
    if arguments.flowers:
        data = flowers(arguments)
        found = [one_seed(data, arguments.share, seed, arguments.score_l2) for seed in range(arguments.seeds)]
        report(f"Flowers-102, {arguments.share:.0%} flipped, {arguments.seeds} seeds", found)


if __name__ == "__main__":
    main()
