"""ROC AUC and average precision: by definition over pairs and images, and scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.evaluation import Ranking, evaluate_probabilities, rankings
from sjft_tf.evaluation.set_figures import Metrics

# Few different values: many ties.
IMAGES = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]), st.booleans()), min_size=1, max_size=40)


def of(images):
    probabilities, positive = (np.array(part) for part in zip(*images, strict=True))
    return Ranking.of(probabilities, positive), probabilities, positive


@given(IMAGES)
def test_they_are_what_their_names_say(images):
    ranking, p, positive = of(images)
    own, other = p[positive], p[~positive]
    if not len(own) or not len(other):
        assert (ranking.roc_auc, ranking.average_precision) == (None, None)
        return
    pairs = (own[:, None] > other).mean() + (own[:, None] == other).mean() / 2
    assert ranking.roc_auc == pytest.approx(pairs, abs=1e-12)
    precisions = [(own >= one).sum() / (p >= one).sum() for one in own]
    assert ranking.average_precision == pytest.approx(np.mean(precisions), abs=1e-12)


@given(IMAGES)
def test_they_are_scikit_learns(images):
    from sklearn.metrics import average_precision_score, roc_auc_score

    ranking, p, positive = of(images)
    if 0 < positive.sum() < len(p):
        assert ranking.roc_auc == pytest.approx(roc_auc_score(positive, p), abs=1e-12)
        assert ranking.average_precision == pytest.approx(average_precision_score(positive, p), abs=1e-12)


@given(IMAGES)
def test_neither_order_nor_scale_matters_and_the_reverse_is_the_rest(images):
    ranking, p, positive = of(images)
    again = Ranking.of((p[::-1] / 2) ** 2, positive[::-1])
    np.testing.assert_array_equal(ranking, again)
    if ranking.roc_auc is not None:
        assert Ranking.of(-p, positive).roc_auc == pytest.approx(1 - ranking.roc_auc)


def test_counts_at_each_threshold_and_no_images():
    ranking, *_ = of([(0.5, True), (0.1, False), (0.5, False), (0.9, True)])
    assert (ranking.hits.tolist(), ranking.false_alarms.tolist()) == ([1, 2, 2], [0, 1, 2])
    nothing = Ranking.of(np.zeros(0), np.zeros(0, bool))
    assert (nothing.roc_auc, nothing.average_precision) == (None, None)


def test_means_are_over_the_classes_that_have_images():
    p = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.5, 0.4, 0.1], [0.55, 0.35, 0.1]], np.float32)
    labels = np.array([0, 1, 1, 0])
    m = evaluate_probabilities(p, labels, ["cat", "dog", "yak"])
    assert m.per_class_roc_auc == (1.0, 1.0, None)
    assert m.macro_roc_auc == m.macro_average_precision == 1.0
    assert [ranking.roc_auc for ranking in rankings(p, 1 - labels)] == [0.0, 0.0, None]
    alone = evaluate_probabilities(p[:1], labels[:1], ["cat", "dog", "yak"])
    assert alone.per_class_average_precision == (None, None, None)
    assert alone.macro_roc_auc is alone.macro_average_precision is None


def test_figures_from_before_are_read():
    p = np.array([[0.75, 0.25], [0.5, 0.5]])
    whole = evaluate_probabilities(p, np.array([0, 1]), ("a", "b")).to_json()
    assert Metrics.from_json(whole).to_json() == whole
    older = {name: value for name, value in whole.items() if "roc_auc" not in name and "precision" not in name}
    assert Metrics.from_json(older).to_json() == older
