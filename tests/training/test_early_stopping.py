"""Which round is the best and when patience runs out, against Keras's rule followed round by round."""

from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.training import best_of, runs_out


@given(st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), min_size=1, max_size=30), st.integers(1, 5))
def test_as_keras_counts(scores, patience):
    best, wait, kept, ended = -1.0, 0, 0, None
    for number, score in enumerate(scores):
        if score > best:
            best, wait, kept = score, 0, number
        else:
            wait += 1
        assert best_of(scores[: number + 1]) == kept
        assert runs_out(scores[: number + 1], patience) == (wait >= patience)
        if wait >= patience:
            ended = number
            break
    if ended is not None:
        assert ended == kept + patience


def test_of_equal_rounds_the_first_counts():
    assert best_of([0.5, 0.5, 0.5]) == 0
