"""What is kept of each judging image."""

import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.evaluation import (
    EvaluationStamp,
    Outcomes,
    evaluate_probabilities,
    load_outcomes,
    save_outcomes,
)

IDS = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
LABELS = np.array([0, 1, 2, 1])
STAMP = EvaluationStamp("i", "center", "w")


def test_outcomes_have_the_means_that_the_figures_have():
    p = np.random.default_rng(0).dirichlet(np.ones(3), 4)
    p[3] = [0, 0, 1]  # as wrong as can be
    one, figures = Outcomes.of(p, IDS, LABELS), evaluate_probabilities(p, LABELS, ["x", "y", "z"])
    assert one.right.mean() == figures.top1
    assert one.loss.mean() == pytest.approx(figures.loss, rel=1e-12)
    np.testing.assert_allclose(one.loss[:3], -np.log(p[np.arange(3), LABELS[:3]]))


def test_an_image_keeps_its_number_wherever_it_stands():
    p = np.full((4, 3), 1 / 3)
    one, other = Outcomes.of(p, IDS, LABELS), Outcomes.of(p[::-1], IDS[::-1], LABELS[::-1])
    assert len(set(one.images.tolist())) == 4
    np.testing.assert_array_equal(one.images, other.images[::-1])


def test_they_are_read_as_written(tmp_path):
    one = Outcomes.of(np.eye(3)[LABELS], np.array(IDS), LABELS)
    save_outcomes(tmp_path / "o.npz", one, STAMP)
    got = load_outcomes(tmp_path / "o.npz")
    for name in ("images", "labels", "right", "loss"):
        np.testing.assert_array_equal(getattr(got, name), getattr(one, name))
    assert (got.loss == 0).all()
    (tmp_path / "o.npz").write_bytes((tmp_path / "o.npz").read_bytes()[:-30])
    with pytest.raises(InputError, match=r"o\.npz"):
        load_outcomes(tmp_path / "o.npz")


def test_other_numbers_of_images_are_refused():
    with pytest.raises(InputError, match="3 ids, 4 labels"):
        Outcomes.of(np.eye(3)[LABELS], IDS[:3], LABELS)
