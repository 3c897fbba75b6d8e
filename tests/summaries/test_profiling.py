"""Traces of real fits, and which executions they cover."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.summaries import StepProfiler


class Profiler:
    """Stands in for TensorFlow's: notes how many batches were done when it was switched."""

    def __init__(self):
        self.done, self.switched = 0, []

    def start(self, folder):
        self.switched.append(("start", self.done))
        self.trace = tf.io.gfile.join(folder, "plugins", "profile", "2000_01_01_00_00_00")

    def stop(self, save=True):
        self.switched.append(("stop", self.done))
        if save:
            tf.io.gfile.makedirs(self.trace)
            tf.io.gfile.GFile(tf.io.gfile.join(self.trace, "host.xplane.pb"), "wb").write(b"trace")


class Count(keras.callbacks.Callback):
    def __init__(self, profiler):
        super().__init__()
        self.profiler, self.before = profiler, 0

    def on_train_begin(self, logs=None):
        self.before = self.profiler.done

    def on_train_batch_end(self, batch, logs=None):
        self.profiler.done = self.before + batch + 1


def fit(callbacks, steps_per_execution=1, batches=12):
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    model.compile("sgd", loss="mse", steps_per_execution=steps_per_execution)
    x = np.zeros((batches, 2), np.float32)
    model.fit(x, x[:, :1], batch_size=1, shuffle=False, verbose=0, callbacks=callbacks)


@pytest.fixture
def profiler(monkeypatch):
    fake = Profiler()
    monkeypatch.setattr("tensorflow.profiler.experimental.start", fake.start)
    monkeypatch.setattr("tensorflow.profiler.experimental.stop", fake.stop)
    return fake


@pytest.mark.parametrize(
    ("steps", "size", "want"),
    [
        (range(0, 1), 1, [(0, 1)]),
        (range(3, 5), 1, [(3, 5)]),
        (range(3, 5), 4, [(0, 8)]),  # step 3 is in the execution of 0 to 3, step 4 in the next
        (range(4, 8), 4, [(4, 8)]),
        (range(10, 20), 1, [(10, 12)]),  # the fit ends before
        (range(12, 14), 1, []),  # begins in the next one
        (range(0), 1, []),
    ],
)
def test_whole_executions_from_the_first_step_to_the_last(tmp_path, profiler, steps, size, want):
    # Its own callback comes first, as in a run: what it sees is done when the others are told.
    fit([Count(profiler), StepProfiler(tmp_path / "logs", steps)], size)
    assert profiler.switched == [event for a, b in want for event in (("start", a), ("stop", b))]
    traces = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()]
    assert traces == ["logs/plugins/profile/2000_01_01_00_00_00/host.xplane.pb"] * len(want)
    assert not list(tmp_path.rglob("*-tmp"))


@pytest.mark.filterwarnings("ignore:Using MirroredStrategy eagerly")
def test_a_mirrored_models_execution_length_is_read(tmp_path, profiler):
    with tf.distribute.MirroredStrategy(["cpu:0"]).scope():
        fit([Count(profiler), StepProfiler(tmp_path / "logs", range(3, 5))], steps_per_execution=4)
    assert profiler.switched == [("start", 0), ("stop", 8)]


def test_steps_are_the_runs_and_a_trace_is_not_begun_late(tmp_path, profiler):
    steps = range(14, 16)
    fit([Count(profiler), StepProfiler(tmp_path, steps, 0)])
    assert profiler.switched == []
    fit([Count(profiler), StepProfiler(tmp_path, steps, 12)])
    assert profiler.switched == [("start", 14), ("stop", 16)]
    fit([Count(profiler), StepProfiler(tmp_path, steps, 15)])
    assert len(profiler.switched) == 2


def test_a_fit_that_breaks_off_leaves_nothing_on(tmp_path, profiler):
    class Broken(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 3:
                raise RuntimeError

    callback = StepProfiler(tmp_path, range(2, 8))
    with pytest.raises(RuntimeError):
        fit([callback, Broken()])
    callback.close()
    callback.close()
    assert [what for what, _ in profiler.switched] == ["start", "stop"]
    assert not list(tmp_path.iterdir())


def test_a_real_trace_is_where_tensorboard_looks(tmp_path):
    fit([StepProfiler(tmp_path, range(2, 4))])
    [trace] = (tmp_path / "plugins" / "profile").iterdir()
    assert [path.suffix for path in trace.glob("*.xplane.pb")] == [".pb"]
    assert all(path.stat().st_size for path in trace.glob("*.xplane.pb"))
