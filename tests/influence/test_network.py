"""A tiny network in float64: products, solvers and influences against the explicit Hessian, made by reverse mode twice.

Tolerances: products and conjugate gradients 1e-6 relative; Arnoldi over the whole space 1e-6, in 30 of 343
dimensions 0.05; LiSSA on whole batches 1e-2, on random batches a Pearson correlation of 0.95.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.influence import NetworkLoss, arnoldi, conjugate_gradients, largest_eigenvalue, lissa
from sjft_tf.models import build_joint_model, build_trunk, target_logits

DAMPING = 0.05


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    labels = np.arange(24) % 3
    images = rng.normal(size=(24, 6, 6, 1)) + 0.7 * labels[:, None, None, None]
    return images, labels.astype(np.int32)


@pytest.fixture(scope="module")
def model(data):
    """A convolutional network of 343 weights, trained a little."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    image = keras.Input((6, 6, 1), dtype="float64")
    x = layers.Conv2D(6, 3, activation="softplus", dtype="float64", name="conv")(image)
    x = layers.Flatten(dtype="float64")(layers.AveragePooling2D(2, dtype="float64")(x))
    x = layers.Dense(10, activation="tanh", dtype="float64", name="hidden")(x)
    made = keras.Model(image, layers.Dense(3, dtype="float64", name="head")(x))
    made.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    made.fit(*data, epochs=15, batch_size=24, verbose=0)
    return made


def batches_of(data, size=10):
    images, labels = data
    return lambda: ((images[i : i + size], labels[i : i + size]) for i in range(0, len(labels), size))


def explicit(model, loss, data):
    """Hessian of the mean loss and the gradient of each image's, by nested tapes: float64 [P, P] and [N, P]."""
    images, labels = data
    with tf.GradientTape(persistent=True) as outer:
        with tf.GradientTape() as inner:
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, model(images, training=False))
            mean = tf.reduce_mean(each)
        flat = tf.concat([tf.reshape(g, [-1]) for g in inner.gradient(mean, loss.variables)], 0)

    def rows(target, count):
        parts = outer.jacobian(target, loss.variables)
        return np.concatenate([np.reshape(j, (count, -1)) for j in parts], axis=1)

    return rows(flat, loss.size), rows(each, len(labels))


@pytest.fixture(scope="module")
def truth(model, data):
    loss = NetworkLoss(model)
    return (loss, *explicit(model, loss, data))


def damped(truth, data):
    return lambda v: truth[0].product(v, batches_of(data), DAMPING)


def relative(vector, expected):
    return np.linalg.norm(vector - expected) / np.linalg.norm(expected)


def test_sizes_and_gradient(truth, data):
    loss, _, gradients = truth
    assert 100 < loss.size < 2000
    np.testing.assert_allclose(loss.gradient(batches_of(data)), gradients.sum(axis=0), rtol=1e-8, atol=1e-10)


def test_hessian_products(truth, data, rng):
    loss, hessian, _ = truth
    v = rng.normal(size=loss.size)
    assert relative(loss.product(v, batches_of(data), DAMPING), hessian @ v + DAMPING * v) < 1e-8


def test_gauss_newton_products(model, data, rng):
    loss = NetworkLoss(model, curvature="gauss_newton")
    images, _ = data
    with tf.GradientTape(persistent=True) as tape:
        logits = model(images, training=False)
    p = tf.nn.softmax(logits).numpy()
    jacobian = np.concatenate([np.reshape(j, (24, 3, -1)) for j in tape.jacobian(logits, loss.variables)], axis=2)
    matrix = sum(j.T @ (np.diag(q) - np.outer(q, q)) @ j for j, q in zip(jacobian, p, strict=True)) / 24
    v = rng.normal(size=loss.size)
    assert relative(loss.product(v, batches_of(data)), matrix @ v) < 1e-8


def test_influence_is_the_definition(model, truth, data):
    """Cross-checks the whole chain against -g_j^T (H + damping I)^-1 g_i, under every label."""
    loss, hessian, gradients = truth
    # The most negative eigenvalue decides what damping there must be.
    strong = DAMPING + max(0.0, -2 * np.linalg.eigvalsh(hessian)[0])
    v = gradients[:5].sum(axis=0)
    solution = conjugate_gradients(lambda x: loss.product(x, batches_of(data), strong), v, tolerance=1e-9).check()
    by_label = loss.label_influence(solution.vector, batches_of(data))
    inverse = np.linalg.inv(hessian + strong * np.eye(loss.size))
    np.testing.assert_allclose(by_label[np.arange(24), data[1]], -gradients @ inverse @ v, rtol=1e-6, atol=1e-8)
    images, _ = data
    _, other = explicit(model, loss, (images, np.full(24, 2, np.int32)))
    np.testing.assert_allclose(by_label[:, 2], -other @ inverse @ v, rtol=1e-6, atol=1e-8)


@pytest.fixture(scope="module")
def positive(model, data):
    """Gauss-Newton, where every solver has a positive definite matrix: (loss, its matrix damped, v)."""
    loss = NetworkLoss(model, curvature="gauss_newton")
    matrix = np.stack([loss.product(e, batches_of(data, 24)) for e in np.eye(loss.size)], axis=1)
    return loss, matrix + DAMPING * np.eye(loss.size), loss.gradient(batches_of(data))


def test_conjugate_gradients_and_arnoldi_on_the_whole_space(positive):
    _, matrix, v = positive
    expected = np.linalg.solve(matrix, v)
    solution = conjugate_gradients(matrix.__matmul__, v, tolerance=1e-8)
    assert relative(solution.vector, expected) < 1e-6
    solution = arnoldi(matrix.__matmul__, v, dimension=len(v), damping=DAMPING, tolerance=1e-6)
    assert relative(solution.vector, expected) < 1e-6
    assert solution.converged


def test_arnoldi_on_a_part_of_the_space(positive):
    _, matrix, v = positive
    expected = np.linalg.solve(matrix, v)
    # 24 images of 3 classes give a matrix of rank 48; with random rest the space is closed after 50 products.
    errors = []
    for dimension in (10, 20, 30):
        solution = arnoldi(matrix.__matmul__, v, dimension=dimension, damping=DAMPING, tolerance=0.1)
        assert solution.products == dimension
        errors.append(relative(solution.vector, expected))
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.05
    assert solution.converged
    # What is left out altogether without damping shows in the residual.
    few = arnoldi(matrix.__matmul__, v, dimension=3, damping=0.0, tolerance=0.1)
    assert not few.converged


def test_lissa(positive, data):
    loss, matrix, v = positive
    expected, scale = np.linalg.solve(matrix, v), 0.75 * np.linalg.eigvalsh(matrix)[-1]
    solution = lissa(lambda x, _: matrix @ x, matrix.__matmul__, v, depth=800, scale=scale, tolerance=1e-3).check()
    assert relative(solution.vector, expected) < 1e-2
    images, labels = data

    def random_batch(x, step):
        rows = np.random.default_rng(step).integers(0, 24, 12)
        return loss.product(x, lambda: [(images[rows], labels[rows])], DAMPING)

    noisy = lissa(random_batch, matrix.__matmul__, v, depth=150, scale=3 * scale, repeats=2, tolerance=0.5)
    assert np.corrcoef(noisy.vector, expected)[0, 1] > 0.95
    with pytest.raises(InputError, match="LiSSA diverges: after .* Raise --lissa_scale above"):
        lissa(lambda x, _: matrix @ x, matrix.__matmul__, v, depth=800, scale=0.4 * scale)


def test_a_short_lissa_is_not_taken_for_converged(positive):
    _, matrix, v = positive
    solution = lissa(lambda x, _: matrix @ x, matrix.__matmul__, v, depth=2, scale=1e3)
    with pytest.raises(InputError, match=r"\(lissa\) did not converge"):
        solution.check()


def test_the_largest_eigenvalue(positive):
    _, matrix, _ = positive
    assert largest_eigenvalue(matrix.__matmul__, len(matrix), 30) == pytest.approx(
        np.linalg.eigvalsh(matrix)[-1], rel=0.1
    )


def test_an_indefinite_matrix_is_refused():
    matrix = np.diag([3.0, 1.0, -0.5])
    with pytest.raises(InputError, match="not positive definite .*curvature_?.* --curvature=gauss_newton"):
        conjugate_gradients(matrix.__matmul__, np.array([0.1, 0.1, 1.0]))
    with pytest.raises(InputError, match=r"not positive definite \(eigenvalue -0.5\)"):
        arnoldi(matrix.__matmul__, np.ones(3), dimension=3, damping=0.0)


def test_chosen_layers(model, data, truth):
    _, hessian, _ = truth
    loss = NetworkLoss(model, ["hidden", "head"])
    part = slice(60, None)  # the convolution has 9 * 6 + 6 weights
    v = np.linspace(-1, 1, loss.size)
    assert relative(loss.product(v, batches_of(data)), hessian[part, part] @ v) < 1e-8
    with pytest.raises(
        InputError, match="has no layer 'hiden'. Layers with weights, last ones last: conv, hidden, head"
    ):
        NetworkLoss(model, ["hiden"])
    with pytest.raises(InputError, match="--curvature must be one of hessian, gauss_newton"):
        NetworkLoss(model, curvature="fisher")


def test_our_trunk_with_fused_batch_normalization(rng):
    """Forward-over-reverse goes through every op of the house's own network, as reverse-over-reverse does (float32)."""
    keras.utils.set_random_seed(0)
    model = target_logits(build_joint_model(build_trunk("preact_resnet", 8, depth=8, width=2), 3, None))
    images, labels = rng.uniform(0, 255, (6, 8, 8, 3)).astype(np.float32), np.arange(6, dtype=np.int32) % 3
    batches = lambda: [(images, labels)]  # noqa: E731
    loss = NetworkLoss(model)
    v = rng.normal(size=loss.size)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            logits = model(images, training=False)
            mean = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        gradient = inner.gradient(mean, loss.variables)
        slope = tf.add_n([tf.reduce_sum(g * t) for g, t in zip(gradient, loss._tensors(v), strict=True)])
    expected = outer.gradient(slope, loss.variables, unconnected_gradients="zero")
    assert relative(loss.product(v, batches), loss._flat(expected)) < 1e-5
    positive = NetworkLoss(model, curvature="gauss_newton")
    assert v @ positive.product(v, batches) >= 0
