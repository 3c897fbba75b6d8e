import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.patches import HeadTraining, PatchHead

QUICK = HeadTraining(units=16, steps=60, batch_size=32, learning_rate=1e-2, dropout=0.0)


def test_the_formula(rng):
    arrays = [rng.normal(size=shape).astype(np.float32) for shape in ((5, 7), (7,), (7, 4), (4,))]
    x = rng.normal(size=(6, 5)).astype(np.float32)
    a, b, c, d = (array.astype(np.float64) for array in arrays)
    logits = np.maximum(x @ a + b, 0) @ c + d
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    head = PatchHead(*arrays)
    assert head.num_classes == 3
    np.testing.assert_allclose(head(x), p[:, :3], rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def problem():
    """Two classes and the background, told by three directions far from zero."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 300)
    features = 1000 + 0.1 * np.eye(3)[labels] @ rng.normal(size=(3, 8)) + 0.01 * rng.normal(size=(300, 8))
    return features.astype(np.float32), np.eye(3, dtype=bool)[labels], labels


def test_it_learns_and_the_seed_decides(problem):
    features, targets, labels = problem
    head = QUICK.fit(features, targets)
    scores = head(features).numpy()
    full = np.concatenate([scores, 1 - scores.sum(1, keepdims=True)], 1)
    assert (full.argmax(1) == labels).mean() > 0.97
    np.testing.assert_array_equal(QUICK.fit(features, targets).kernel, head.kernel)


def test_several_classes_share_a_patch(problem):
    features = problem[0]
    both = np.tile([[True, True, False]], (len(features), 1))
    np.testing.assert_allclose(QUICK.fit(features, both)(features).numpy().mean(0), [0.5, 0.5], atol=0.1)


def test_equal_features_teach_nothing():
    with pytest.raises(InputError, match="same features"):
        QUICK.fit(np.ones((10, 4), np.float32), np.ones((10, 2), bool))
