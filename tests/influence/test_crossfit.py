"""Cross-fitting: no image is scored by a head that knows it or its judges; sums are those of single scores."""

import numpy as np

from sjft_tf.influence import (
    HeadSolver,
    SoftmaxObjective,
    cross_fitted,
    fit_head,
    influence,
    parts,
    parts_with_validation,
)


def solver_of(problem):
    return lambda rows: HeadSolver(fit_head(SoftmaxObjective(problem.examples(rows), 3, 0.05)))


def test_every_pair_once_and_nothing_known_before():
    fold_of = np.arange(20) % 4
    work, seen = parts(fold_of), np.zeros((20, 20), int)
    assert len(work) == 6
    for part in work:
        for scored, judging in part.judged:
            assert not np.intersect1d(part.train, np.union1d(scored, judging)).size
            seen[np.ix_(scored, judging)] += 1
    np.testing.assert_array_equal(seen, fold_of[:, None] != fold_of)


def test_with_a_validation_set_each_fold_is_left_out_once():
    work = parts_with_validation(np.arange(6) % 3, np.array([6, 7]))
    assert [part.train.tolist() for part in work] == [[1, 2, 4, 5], [0, 2, 3, 5], [0, 1, 3, 4]]
    for part in work:
        ((scored, judging),) = part.judged
        assert judging.tolist() == [6, 7]
        assert not np.intersect1d(scored, part.train).size


def test_sums_over_all_judges(problem):
    fold_of, count = np.arange(24) % 3, 24
    judges = np.ones(24, bool)
    summed = cross_fitted(parts(fold_of), solver_of(problem), problem.examples, judges, count, 3)
    expected = np.zeros(count)
    for a in range(3):
        for b in range(3):
            if a == b:
                continue
            train = np.flatnonzero((fold_of != a) & (fold_of != b))
            scored, judging = np.flatnonzero(fold_of == a), np.flatnonzero(fold_of == b)
            scores = influence(solver_of(problem)(train), problem.examples(scored), problem.examples(judging))
            expected[scored] += scores.influence
    np.testing.assert_allclose(summed[np.arange(count), problem.labels[:count]], expected, rtol=1e-9)


def test_only_the_focus_judges(problem):
    fold_of, judges = np.arange(24) % 3, problem.labels[:24] == 1
    scores = cross_fitted(parts(fold_of), solver_of(problem), problem.examples, judges, 24, 3)
    everyone = cross_fitted(parts(fold_of), solver_of(problem), problem.examples, np.ones(24, bool), 24, 3)
    assert np.abs(scores - everyone).max() > 1e-3
    assert not cross_fitted(parts(fold_of), solver_of(problem), problem.examples, np.zeros(24, bool), 24, 3).any()
