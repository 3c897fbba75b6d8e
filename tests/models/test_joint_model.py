"""The two-headed model: outputs, sharing, saving and the target half."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.models import (
    build_joint_model,
    build_trunk,
    make_optimizer,
    make_schedule,
    target_logits,
)


@pytest.fixture
def trunk():
    return build_trunk("preact_resnet", 8, depth=8, width=4)


@pytest.fixture
def images(rng):
    return rng.uniform(0, 255, (6, 8, 8, 3)).astype("float32")


def _compiled(trunk):
    joint = build_joint_model(trunk, 3, 5)
    joint.prepare({"target": 0.5, "source": 0.5})
    joint.compile(optimizer=make_optimizer("sgd", make_schedule("step", 0.1, 50, decay_steps=40)))
    return joint


def test_outputs_are_float32_logits_by_domain(trunk, images):
    outputs = build_joint_model(trunk, 3, 5)(images)
    assert {k: (tuple(v.shape), v.dtype) for k, v in outputs.items()} == {
        "target": ((6, 3), tf.float32),
        "source": ((6, 5), tf.float32),
    }


def test_without_a_source_there_is_one_head(trunk, images):
    joint = build_joint_model(trunk, 3, None)
    assert list(joint(images)) == ["target"]
    with pytest.raises(ValueError, match="source_head"):
        joint.get_layer("source_head")


def test_heads_are_random_and_the_trunk_is_shared(trunk, images):
    joint = build_joint_model(trunk, 4, 4)
    kernels = [joint.get_layer(f"{d}_head").get_weights()[0] for d in ("target", "source")]
    assert not np.array_equal(*kernels)
    before = joint(images)["target"].numpy()
    trunk.set_weights([w * 0.5 for w in trunk.get_weights()])
    assert not np.allclose(before, joint(images)["target"])


def test_dropout_acts_in_training_only(trunk, images):
    joint = build_joint_model(trunk, 3, 5, dropout=0.5)
    quiet = [joint(images, training=False)["target"].numpy() for _ in range(2)]
    np.testing.assert_array_equal(*quiet)
    trunk.trainable = False  # no batch statistics, so that dropout alone makes the difference
    noisy = [joint(images, training=True)["target"].numpy() for _ in range(2)]
    assert not np.array_equal(*noisy)


def test_learns_both_tasks_and_saves_whole(trunk, images, tmp_path):
    joint = _compiled(trunk)
    labels = {"target": np.array([0, 1, 2, -1, -1, -1], "int32"), "source": np.array([-1, -1, -1, 0, 4, 2], "int32")}
    data = tf.data.Dataset.from_tensors((images, labels)).repeat(30)
    losses = [joint.fit(data, epochs=1, verbose=0, shuffle=False).history for _ in range(2)]
    assert losses[1]["loss"][0] < 0.5 * losses[0]["loss"][0]
    assert {"target_loss", "source_loss", "target_accuracy", "source_accuracy"} <= set(losses[0])

    joint.save(tmp_path / "joint.keras")
    loaded = keras.models.load_model(tmp_path / "joint.keras", safe_mode=True)
    for key, value in joint(images).items():
        np.testing.assert_array_equal(loaded(images)[key], value)

    joint.save_weights(tmp_path / "joint.weights.h5")
    twin = build_joint_model(build_trunk("preact_resnet", 8, depth=8, width=4), 3, 5)
    twin.load_weights(tmp_path / "joint.weights.h5")
    np.testing.assert_array_equal(twin(images)["source"], joint(images)["source"])


def test_target_logits_share_the_joint_model(trunk, images):
    joint = build_joint_model(trunk, 3, 5)
    np.testing.assert_array_equal(target_logits(joint)(images), joint(images)["target"])


@pytest.mark.parametrize(
    ("target", "source", "dropout", "message"),
    [(1, 5, 0.0, "target.*Received: 1"), (3, 1, 0.0, "source.*Received: 1"), (3, 5, 1.0, "dropout=1.0")],
)
def test_bad_settings_are_refused(trunk, target, source, dropout, message):
    with pytest.raises(InputError, match=message):
        build_joint_model(trunk, target, source, dropout)
