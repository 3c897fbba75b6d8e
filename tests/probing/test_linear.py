"""The classifiers are at the minimum of the objectives they are said to have, as float64 NumPy and SciPy see them."""

import numpy as np
import pytest
from scipy.optimize import minimize

from sjft_tf.errors import InputError
from sjft_tf.probing import Search, choose_probe, dropped, fit_probes, folds_of, points, signed_power, unit_length
from sjft_tf.probing.choosing import Split


def problem(rng, images=60, views=2, width=5, classes=3):
    labels = np.arange(images) % classes
    centers = rng.normal(size=(classes, width))
    features = centers[labels][:, None] + rng.normal(size=(images, views, width))
    return features.astype(np.float32), labels


def oracle_svm(features, labels, label, strength, power):
    """Half the squared weights, bias too, and C times the squared hinge, a mean over views."""
    _images, views, width = features.shape
    x = np.sign(features.astype(float)) * np.abs(features.astype(float)) ** power
    x = (x / np.linalg.norm(x, axis=-1, keepdims=True)).reshape(-1, width)
    sign = np.where(np.repeat(labels, views) == label, 1.0, -1.0)

    def objective(w):
        return 0.5 * w @ w + strength / views * np.square(np.maximum(0, 1 - sign * (x @ w[:-1] + w[-1]))).sum()

    return minimize(objective, np.zeros(width + 1), method="BFGS", options={"gtol": 1e-8}).x


@pytest.mark.filterwarnings("ignore:Desired error not necessarily achieved")
@pytest.mark.parametrize("power", [1.0, 0.5])
def test_the_svm_is_one_against_the_rest(rng, power):
    features, labels = problem(rng)
    (probe,) = fit_probes("svm", features, labels, 3, [4.0], power)
    for label in range(3):
        expected = oracle_svm(features, labels, label, 4.0, power)
        np.testing.assert_allclose([*probe.weights[:, label], probe.bias[label]], expected, atol=5e-3)
    x = unit_length(signed_power(features.astype(float), power))
    np.testing.assert_allclose(probe.scores(features), (x @ probe.weights).mean(axis=1) + probe.bias, rtol=1e-10)


def test_the_logistic_regression_is_a_softmax_of_centered_features(rng):
    features, labels = problem(rng)
    images, views, width = features.shape
    x = features.reshape(-1, width).astype(float)
    x -= x.mean(axis=0)
    x /= np.sqrt(np.square(x).sum(axis=1).mean())
    own = np.eye(3)[np.repeat(labels, views)]
    strength = 10.0

    def objective(flat):
        w = flat.reshape(width + 1, 3)
        z = x @ w[:-1] + w[-1]
        losses = np.log(np.exp(z).sum(axis=1)) - (z * own).sum(axis=1)
        return 0.5 * np.square(w[:-1]).sum() + strength / views * losses.sum()

    best = minimize(objective, np.zeros((width + 1) * 3)).x.reshape(width + 1, 3)
    weaker, probe = fit_probes("logistic", features, labels, 3, [1.0, strength])
    assert weaker.strength == 1.0
    z = (x @ best[:-1] + best[-1]).reshape(images, views, 3).mean(axis=1)
    expected = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probe.probabilities(features), expected, atol=2e-3)


@pytest.mark.parametrize("kind", ["svm", "logistic"])
def test_two_classes_have_two_scores(rng, kind):
    features, labels = problem(rng, classes=2)
    (probe,) = fit_probes(kind, features, labels, 2, [10.0])
    assert probe.weights.shape == (5, 2)
    assert (probe.scores(features).argmax(axis=1) == labels).mean() > 0.8
    np.testing.assert_allclose(probe.probabilities(features).sum(axis=1), 1, rtol=1e-5)


def test_transforms():
    x = np.array([[-4.0, 9.0], [0.0, 0.0]])
    np.testing.assert_allclose(signed_power(x, 0.5), [[-2, 3], [0, 0]])
    np.testing.assert_allclose(np.linalg.norm(unit_length(x), axis=1), [1, 0])
    many = np.ones((200, 50), np.float32)
    half = dropped(many, 0.5, seed=1)
    assert set(np.unique(half)) == {0, 2}
    assert abs(half.mean() - 1) < 0.05
    assert dropped(many, 0.0, seed=1) is many


def test_folds_are_of_images_and_stratified():
    labels = np.repeat(np.arange(4), 6)
    splits = folds_of(labels, 3, seed=0)
    assert sorted(np.concatenate([split.judged for split in splits])) == list(range(24))
    for split in splits:
        assert np.bincount(labels[split.judged]).tolist() == [2, 2, 2, 2]
        assert not set(split.learned) & set(split.judged)
    assert len(folds_of(np.array([0, 0, 1, 1, 1]), 3, seed=0)) == 2  # a class has only two images
    with pytest.raises(InputError, match="a class has one"):
        folds_of(np.array([0, 0, 1]), 3, seed=0)


def test_the_choice_is_the_best_of_what_was_tried(rng):
    features, labels = problem(rng, images=90)
    split = [Split(np.arange(60), np.arange(60, 90))]
    choice = choose_probe(Search("svm", 3, (1.0, 10.0), (0.5, 2.0)), features, labels, split)
    assert choice.accuracy == max(accuracy for p, _, accuracy in choice.tried if p == choice.power)
    assert {p for p, _, _ in choice.tried} == {0.5, 2.0}
    assert len({c for p, c, _ in choice.tried if p == 0.5}) >= 3  # the best of two is always at an end
    (probe,) = fit_probes("svm", features[:60], labels[:60], 3, [choice.strength], choice.power)
    right = probe.scores(features[60:]).argmax(axis=1) == labels[60:]
    assert np.isclose(right.mean(), choice.accuracy)
    assert 0.05 < choice.temperature < 20


def test_what_cannot_be_learned_is_refused(rng):
    features, labels = problem(rng)
    with pytest.raises(InputError, match="none of class 3"):
        list(fit_probes("svm", features, labels, 4, [1.0]))
    features[0, 0, 0] = np.nan
    with pytest.raises(InputError, match="NaN"):
        list(fit_probes("svm", features, labels, 3, [1.0]))


def test_points_in_the_plane(rng):
    labels = np.arange(40) % 2
    features = rng.normal(size=(40, 6)) * 0.1 + np.eye(2, 6)[labels]
    for how in ("pca", "tsne"):
        placed = points(features, how)
        assert placed.shape == (40, 2)
        apart = np.linalg.norm(placed[labels == 0].mean(0) - placed[labels == 1].mean(0))
        assert apart > placed[labels == 0].std()
