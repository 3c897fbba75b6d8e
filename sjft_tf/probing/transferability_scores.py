"""How well a network suits a target, told from its features or its own classes before anything is trained."""

from __future__ import annotations

import numpy as np

from sjft_tf.errors import InputError

_ROUNDS, _CONVERGED = 100, 1e-5


def leep(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The log expected empirical prediction (Nguyen et al. 2020, equation 2): nats, at most 0, the larger the better.

    The network's own classes z predict the target's: P(y | z) is counted with the network's probabilities of z, and
    LEEP is the mean logarithm of sum over z of P(y | z) P(z | x) at the true y.

    Args:
        probabilities: float [N, Z], of the network's own classes, rows sum to 1.
        labels: int [N], target classes.

    Raises:
        InputError: shapes that do not fit.
    """
    p, y = np.asarray(probabilities, np.float64), _checked(probabilities, labels)
    joint = np.zeros((int(y.max()) + 1, p.shape[1]))
    np.add.at(joint, y, p / len(p))
    of_class = joint.sum(axis=0)
    conditional = np.divide(joint, of_class, out=np.zeros_like(joint), where=of_class > 0)
    expected = np.einsum("nz,nz->n", p, conditional[y])
    return float(np.log(np.maximum(expected, np.finfo(np.float64).tiny)).mean())


def logme(features: np.ndarray, labels: np.ndarray) -> float:
    """The log maximum evidence of linear models (You et al. 2021): the larger the better.

    For each class the 0/1 labels are modeled as w . x + noise, with w ~ N(0, 1 / alpha) and noise ~ N(0, 1 / beta);
    the logarithm of the evidence, maximized over alpha and beta by fixed-point iteration (algorithm 1), divided by the
    images and averaged over the classes.

    Args:
        features: float [N, F].
        labels: int [N], target classes.

    Raises:
        InputError: shapes that do not fit.
    """
    x, y = np.asarray(features, np.float64), _checked(features, labels)
    rows, width = x.shape
    left, singular, _ = np.linalg.svd(x, full_matrices=False)
    sigma = np.square(singular)
    evidences = []
    for label in np.unique(y):
        target = (y == label).astype(np.float64)
        along = np.square(left.T @ target)  # of the label, along each singular direction
        beyond = max(float(target @ target - along.sum()), 0.0)  # what no linear model reaches
        evidences.append(_evidence(sigma, along, beyond, rows, width))
    return float(np.mean(evidences)) / rows


def _evidence(sigma: np.ndarray, along: np.ndarray, beyond: float, rows: int, width: int) -> float:
    alpha, beta, ratio = 1.0, 1.0, np.inf
    for _ in range(_ROUNDS):
        gamma = (beta * sigma / (alpha + beta * sigma)).sum()
        weights = (beta**2 * sigma * along / np.square(alpha + beta * sigma)).sum()
        error = (along / np.square(1 + sigma * beta / alpha)).sum() + beyond
        alpha, beta = gamma / max(weights, 1e-30), (rows - gamma) / max(error, 1e-30)
        before, ratio = ratio, alpha / beta
        if abs(ratio - before) <= _CONVERGED * before:
            break
    weights = (beta**2 * sigma * along / np.square(alpha + beta * sigma)).sum()
    error = (along / np.square(1 + sigma * beta / alpha)).sum() + beyond
    determinant = np.log(alpha + beta * sigma).sum() + (width - len(sigma)) * np.log(alpha)
    fit = width * np.log(alpha) + rows * np.log(beta) - determinant - beta * error - alpha * weights
    return float(fit - rows * np.log(2 * np.pi)) / 2


def h_score(features: np.ndarray, labels: np.ndarray, shrinkage: bool = False) -> float:
    """The H-score (Bao et al. 2019): tr(cov(x)^-1 cov(E[x | y])), from 0 to the classes less one; large is good.

    Args:
        features: float [N, F].
        labels: int [N], target classes.
        shrinkage: estimate cov(x) by Ledoit and Wolf's, for fewer images than features (Ibrahim et al. 2021), with the
            trace scaled alike; else its pseudo-inverse is taken.

    Raises:
        InputError: shapes that do not fit.
    """
    x, y = np.asarray(features, np.float64), _checked(features, labels)
    centered = x - x.mean(axis=0)
    means = np.zeros_like(x)
    for label in np.unique(y):
        means[y == label] = centered[y == label].mean(axis=0)
    if shrinkage:
        from sklearn.covariance import ledoit_wolf  # not for --help

        covariance, shrunk = ledoit_wolf(centered, assume_centered=True)
        return float((1 - shrunk) * np.trace(np.linalg.solve(covariance, means.T @ means)) / len(x))
    covariance = centered.T @ centered / len(x)
    return float(np.trace(np.linalg.pinv(covariance, rcond=1e-10, hermitian=True) @ (means.T @ means)) / len(x))


def _checked(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    y = np.asarray(labels)
    if np.ndim(values) != 2 or y.shape != (len(values),) or len(np.unique(y)) < 2:
        raise InputError(
            "Expected a row of numbers and a label for each image, of two classes at least. "
            f"Received: {np.shape(values)} and {y.shape}"
        )
    return y
