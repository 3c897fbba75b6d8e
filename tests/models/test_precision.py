"""The precision of what is built inside the scope, and what comes out of it afterwards."""

import keras
import pytest

from sjft_tf.errors import InputError
from sjft_tf.models import precision_scope, with_loss_scale
from sjft_tf.models.precision import is_scaled


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_the_scope_ends(precision):
    with precision_scope(precision):
        inside = keras.layers.Dense(2)
    outside = keras.layers.Dense(2)
    assert (inside.compute_dtype, inside.variable_dtype) == (precision, "float32")
    assert (outside.compute_dtype, outside.variable_dtype) == ("float32", "float32")


def test_an_error_inside_ends_it_too():
    with pytest.raises(KeyError), precision_scope("bfloat16"):
        raise KeyError
    assert keras.layers.Dense(2).compute_dtype == "float32"


def test_unknown_precision():
    with pytest.raises(InputError, match="float32, bfloat16, float16. Received: 'float8'"), precision_scope("float8"):
        pass


def test_float16_alone_is_scaled():
    assert is_scaled(with_loss_scale(keras.optimizers.SGD(0.1), "float16"))
    for precision in ("float32", "bfloat16"):
        assert not is_scaled(with_loss_scale(keras.optimizers.SGD(0.1), precision))
