import numpy as np
import pytest

from sjft_tf.patches import average_precisions, fit_whole_image, mean_average_precision


def oracle(there, scores):
    """Mean, over the images that have the class, of the precision at their place in the list."""
    order = np.argsort(-scores, kind="stable")
    hits = there[order]
    return (np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean()


def test_against_the_definition(rng):
    present, scores = rng.random((40, 5)) < 0.3, rng.random((40, 5))
    present[:, 4] = False
    found = average_precisions(present, scores)
    np.testing.assert_allclose(found[:4], [oracle(present[:, c], scores[:, c]) for c in range(4)], rtol=1e-12)
    assert np.isnan(found[4])
    assert mean_average_precision(present, scores) == pytest.approx(found[:4].mean())


def test_the_whole_image_classifier_ranks_what_is_linear(rng):
    features = rng.normal(size=(120, 6)).astype(np.float32)
    present = np.stack([features[:, 0] > 0.5, features[:, 1] + features[:, 2] > 1, np.ones(120, bool)], 1)
    scores, strength = fit_whole_image(features[:80], present[:80], seed=0)
    assert mean_average_precision(present[80:], scores(features[80:])) > 0.9
    assert strength > 0.001
