"""The classifier in a Keras model and exported: the same answers as scikit-learn's, of one view and of many."""

import numpy as np
import pytest

from sjft_tf.export import export_saved_model, load_predictor
from sjft_tf.features import LayerFeatures, keep_features, place
from sjft_tf.images import ImageSet, SixteenViews, View
from sjft_tf.models import build_trunk, target_logits
from sjft_tf.probing import fit_probes, probe_network, signed_power, unit_length


@pytest.fixture(scope="module")
def trunk():
    return build_trunk("preact_resnet", 16, depth=8, width=4)


@pytest.mark.parametrize(
    ("kind", "power", "view"), [("svm", 0.5, SixteenViews(16, 16)), ("logistic", 1.0, View(16, 16))]
)
def test_it_answers_as_scikit_learn_does(rng, trunk, tmp_path, kind, power, view):
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    labels = np.arange(24) % 3
    pixels = rng.integers(0, 256, (24, 16, 16, 3), dtype=np.uint8)
    where = place(trunk, "stage2")
    kept = keep_features(
        tmp_path / "features",
        LayerFeatures(trunk, [where], "grid:2", view),
        ImageSet.from_arrays("some", pixels, labels),
        {},
    )
    features = kept.layer(where.name)
    (probe,) = fit_probes(kind, features, labels, 3, [10.0], power)
    views = features.shape[1]
    rows, of_rows = features.reshape(-1, features.shape[-1]).astype(float), np.repeat(labels, views)
    if kind == "svm":
        from dataclasses import replace

        probe = replace(probe, temperature=0.7)
        rows = unit_length(signed_power(rows, power))
        fitted = LinearSVC(C=10 / views, dual=False, tol=1e-3).fit(rows, of_rows)
        scores = fitted.decision_function(rows).reshape(24, views, 3).mean(axis=1) / 0.7
        expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    else:
        centered = rows - rows.mean(axis=0)
        scale = np.sqrt(rows.shape[1] / np.square(centered).sum(axis=1).mean())
        regression = LogisticRegression(C=10 / rows.shape[1], tol=1e-4, max_iter=1000)
        expected = regression.fit((centered * scale).astype(np.float32), labels).predict_proba(centered * scale)
    # Two fits of the logistic regression, of numbers rounded otherwise, end in places that differ by its tolerance.
    np.testing.assert_allclose(probe.probabilities(features), expected, atol=1e-5 if kind == "svm" else 1e-3)
    model = probe_network(trunk, where, "grid:2", probe)
    assert [layer for layer in model.layers if layer.name.startswith("stage3_unit1_2")] == []  # cut behind the place
    path = export_saved_model(model, ("a", "b", "c"), view, tmp_path / "model")
    answers = load_predictor(path).predict(pixels)
    np.testing.assert_allclose(answers, probe.probabilities(features), atol=1e-5)
    assert target_logits(model).output.shape == (None, 3)
