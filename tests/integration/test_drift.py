"""What a finished run changed inside its trunk: from the start it had, kept with the run."""

import keras
import numpy as np
import pytest

from sjft_tf.images import open_image_set
from sjft_tf.models import trunk_of
from sjft_tf.pipeline.finished_run import restore
from sjft_tf.pipeline.networks import build_model
from sjft_tf.pipeline.stages.drifting import drift_of


def kernels(trunk):
    return np.concatenate([w.ravel() for layer in trunk.layers for w in layer.get_weights() if w.ndim >= 2])


def test_the_drift_is_from_the_runs_own_start_and_found_again(trained, world, config, caplog):
    images = open_image_set(f"folder:{world}/target#test")
    stages = drift_of(trained, images)
    start, end = kernels(trunk_of(build_model(config, 3, 4))), kernels(trunk_of(restore(trained, 0).model))
    # The relative distances of the stages lie around that of the whole.
    whole = np.linalg.norm(end - start) / np.linalg.norm(start)
    assert min(stage.weight_distance for stage in stages) <= whole <= max(stage.weight_distance for stage in stages)
    assert all(0 < stage.feature_cka < 1 and stage.weight_cosine > 0.5 for stage in stages)
    keras.backend.clear_session()
    before = trained.drift.stat().st_mtime_ns
    assert drift_of(trained, images) == stages
    assert trained.drift.stat().st_mtime_ns == before
    few = drift_of(trained, images, most=4)  # others were asked for
    assert [stage.weight_distance for stage in few] == pytest.approx([stage.weight_distance for stage in stages])
    assert few != stages
    trained.drift.write_text("{}")
    assert drift_of(trained, images) == stages
    assert "It is made again" in caplog.text
