"""The head's closed forms against the definition, differentiated by central differences in float64."""

import numpy as np
import pytest

from sjft_tf.influence import Examples, SoftmaxObjective

L2 = 0.05


def inputs_of(problem, rows):
    """Centered, one factor so that the mean squared norm is F, a 1 at the end: by hand."""
    f = np.float64(problem.features)
    mean = f[problem.rows].mean(axis=0)
    factor = np.sqrt(f.shape[1] / ((f[problem.rows] - mean) ** 2).sum(axis=1).mean())
    return np.concatenate([(f[rows] - mean) * factor, np.ones((len(rows), 1))], axis=1)


def definition(weights, x, y, image_weights, l2):
    """J, image by image."""
    total = 0.0
    for one, label, weight in zip(x, y, image_weights, strict=True):
        logits = weights.T @ one
        total += weight * (np.log(np.exp(logits).sum()) - logits[label])
    return total / len(x) + l2 / 2 * (weights**2).sum()


def numeric_gradient(function, at, step=1e-5):
    gradient = np.empty_like(at)
    for index in np.ndindex(at.shape):
        shift = np.zeros_like(at)
        shift[index] = step
        gradient[index] = (function(at + shift) - function(at - shift)) / (2 * step)
    return gradient


@pytest.mark.parametrize("block_bytes", [64 << 20, 5 * 8 * 7])
def test_value_gradient_and_hessian_are_those_of_the_definition(problem, rng, block_bytes):
    image_weights = rng.uniform(0, 2, 24)
    objective = SoftmaxObjective(problem.examples(problem.rows, block_bytes=block_bytes), 3, L2, image_weights)
    x, y, w = inputs_of(problem, problem.rows), problem.labels[problem.rows], rng.normal(size=(5, 3))
    assert objective.value(w) == pytest.approx(definition(w, x, y, image_weights, L2), rel=1e-12)
    numeric = numeric_gradient(lambda at: definition(at, x, y, image_weights, L2), w)
    np.testing.assert_allclose(objective.gradient(w), numeric, atol=1e-9)
    curvature = objective.curvature(w, damping=0.3)
    columns = [numeric_gradient(lambda at, p=p: objective.gradient(at)[p], w).ravel() for p in np.ndindex(5, 3)]
    np.testing.assert_allclose(curvature.matrix(), np.stack(columns) + 0.3 * np.eye(15), atol=1e-8)


def test_products_are_the_matrix_times_the_vectors(problem, rng):
    for block_bytes in (64 << 20, 5 * 8 * 7):
        objective = SoftmaxObjective(problem.examples(problem.rows, block_bytes=block_bytes), 3, L2)
        curvature = objective.curvature(rng.normal(size=(5, 3)), damping=0.1)
        v = rng.normal(size=(5, 3))
        np.testing.assert_allclose(curvature.product(v).ravel(), curvature.matrix() @ v.ravel(), rtol=1e-12)
        assert np.linalg.eigvalsh(curvature.matrix())[0] >= L2 + 0.1 - 1e-12


def test_large_logits_do_not_overflow(problem):
    objective = SoftmaxObjective(problem.examples(problem.rows), 3, L2)
    assert np.isfinite(objective.value(np.full((5, 3), 1e4) * np.arange(3)))


def test_examples_read_the_same_in_any_blocks(problem, tmp_path):
    np.save(tmp_path / "features.npy", problem.features)
    stored = np.load(tmp_path / "features.npy", mmap_mode="r")
    rows = np.array([3, 1, 7, 30, 2])
    whole = Examples(problem.features, problem.labels, problem.scaling, rows)
    parts = Examples(stored, problem.labels, problem.scaling, rows, block_bytes=2 * 8 * 5)
    assert (whole.one_block(), parts.one_block()) == (True, False)
    blocks = list(parts.blocks())
    assert [len(b.labels) for b in blocks] == [2, 2, 1]
    (only,) = whole.blocks()
    np.testing.assert_array_equal(np.concatenate([b.inputs for b in blocks]), only.inputs)
    np.testing.assert_array_equal(only.labels, problem.labels[rows])
    np.testing.assert_allclose(only.inputs, inputs_of(problem, rows), rtol=1e-12)
