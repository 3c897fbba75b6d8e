"""The training callback in real fits, one after the other as the rounds are."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.summaries import TrainingSummaries
from sjft_tf.summaries.training import scalars_from_logs


class Recorder:
    """Keeps what a RoundSummaries would write."""

    def __init__(self):
        self.entries, self.flushes = [], 0

    def scalars(self, step, values):
        self.entries.append((step, values))

    def flush(self):
        self.flushes += 1


def compiled(heads, learning_rate=0.1, layer_suffix="_logits", **compile_arguments):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, {h: keras.layers.Dense(2, name=h + layer_suffix)(inputs) for h in heads})
    model.compile(
        keras.optimizers.SGD(learning_rate),
        loss={h: keras.losses.SparseCategoricalCrossentropy(from_logits=True) for h in heads},
        metrics={h: [keras.metrics.SparseCategoricalAccuracy(name="accuracy")] for h in heads},
        **compile_arguments,
    )
    return model


def fit(model, callback, heads, batches=5, epochs=1):
    x = np.random.default_rng(0).normal(size=(2 * batches, 3)).astype(np.float32)
    y = {h: (x[:, 0] > 0).astype(np.int32) for h in heads}
    return model.fit(x, y, batch_size=2, epochs=epochs, shuffle=False, verbose=0, callbacks=[callback])


@pytest.mark.parametrize("layer_suffix", ["", "_logits"])
def test_two_heads(layer_suffix):
    heads = ("target", "source")
    model, recorder = compiled(heads, layer_suffix=layer_suffix), Recorder()
    history = fit(model, TrainingSummaries(recorder, every=2, images_per_batch=2), heads).history
    assert [step for step, _ in recorder.entries] == [2, 4, 5]
    last = recorder.entries[-1][1]
    assert last["loss/total"] == pytest.approx(history["loss"][0])
    for head in heads:
        [loss] = [v[0] for k, v in history.items() if k.startswith(head) and k.endswith("loss")]
        [accuracy] = [v[0] for k, v in history.items() if k.startswith(head) and k.endswith("accuracy")]
        assert last[f"loss/{head}"] == pytest.approx(loss)
        assert last[f"accuracy/{head}"] == pytest.approx(accuracy)
    assert last["learning_rate"] == pytest.approx(0.1)
    assert last["speed/images_per_second"] > 0
    assert recorder.flushes == 1


def test_plain_fine_tuning_has_one_head():
    model, recorder = compiled(("target",)), Recorder()
    history = fit(model, TrainingSummaries(recorder), ("target",)).history
    [(step, values)] = recorder.entries
    assert step == 5
    assert set(values) == {"loss/total", "loss/target", "accuracy/target", "learning_rate"}
    assert values["loss/target"] == pytest.approx(history["loss"][0])


def test_steps_go_on_over_epochs_and_rounds():
    heads = ("target", "source")
    model, recorder = compiled(heads), Recorder()
    fit(model, TrainingSummaries(recorder, every=3), heads, epochs=2)
    fit(model, TrainingSummaries(recorder, every=3), heads)
    assert [step for step, _ in recorder.entries] == [3, 6, 9, 10, 13, 15]


def test_speed_leaves_out_the_batch_that_traces(monkeypatch):
    clock = iter(range(0, 1000, 10))  # every look at the clock is 10 s after the one before
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    recorder = Recorder()
    callback = TrainingSummaries(recorder, every=2, images_per_batch=8)
    callback.set_model(compiled(("target",)))
    callback.on_train_begin()
    callback.on_epoch_begin(0)
    for batch in range(5):
        callback.on_train_batch_end(batch, {"loss": 1.0})
    callback.on_train_end()
    assert [v["speed/images_per_second"] for _, v in recorder.entries] == [8 / 10, 16 / 10, 8 / 10]


def test_bunches_of_steps_are_counted_whole():
    heads = ("target", "source")
    model, recorder = compiled(heads, steps_per_execution=2), Recorder()
    fit(model, TrainingSummaries(recorder, every=3), heads, batches=8)
    assert [step for step, _ in recorder.entries] == [4, 8]


def test_the_learning_rate_is_the_one_of_the_step_taken():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([2], [0.5, 0.25])  # 0.5 for steps 0, 1 and 2
    model, recorder = compiled(("target",), learning_rate=schedule), Recorder()
    fit(model, TrainingSummaries(recorder, every=1), ("target",))
    assert [(s, v["learning_rate"]) for s, v in recorder.entries] == [
        (1, 0.5),
        (2, 0.5),
        (3, 0.5),
        (4, 0.25),
        (5, 0.25),
    ]


@pytest.mark.parametrize(
    "logs",
    [
        {"loss": 3.0, "target_loss": 1.0, "source_loss": 2.0, "target_accuracy": 0.5, "source_accuracy": 0.25},
        {
            "loss": 3.0,
            "source_logits_loss": 2.0,
            "target_logits_loss": 1.0,
            "target_logits_masked_accuracy": 0.5,
            "source_logits_top1": 0.25,
        },
    ],
)
def test_log_names_of_both_keras(logs):
    want = {"loss/total": 3.0, "loss/target": 1.0, "loss/source": 2.0, "accuracy/target": 0.5, "accuracy/source": 0.25}
    assert scalars_from_logs(logs) == want


@pytest.mark.parametrize("head", ["target_", ""])
def test_other_entries_of_the_logs_go_under_training(head):
    logs = {"loss": 1.0, f"{head}loss": 1.0, f"{head}accuracy": 0.5, f"{head}top5": 0.9}
    logs |= {"gradient_norm": np.float32(2.5), "loss_scale": 1024.0}
    assert scalars_from_logs(logs) == {
        "loss/total": 1.0,
        "loss/target": 1.0,
        "accuracy/target": 0.5,
        f"training/{head}top5": 0.9,
        "training/gradient_norm": 2.5,
        "training/loss_scale": 1024.0,
    }


def test_logs_without_accuracy_or_anything():
    assert scalars_from_logs({}) == {"loss/total": None}
    assert scalars_from_logs({"loss": 1.0}) == {"loss/total": 1.0, "loss/target": 1.0}


def test_refuses_every_zero():
    with pytest.raises(InputError, match="every=0"):
        TrainingSummaries(Recorder(), every=0)


@pytest.mark.parametrize("source", [{}, {"source_loss": 3.0, "source_accuracy": 0.25}])
def test_co_tuning_is_a_loss_of_no_head(source):
    found = scalars_from_logs({"loss": 9.0, "target_loss": 2.0, "target_accuracy": 0.5, "co_tuning_loss": 4.0} | source)
    expected = {"loss/total": 9.0, "loss/target": 2.0, "accuracy/target": 0.5, "loss/co_tuning": 4.0}
    assert found == expected | ({"loss/source": 3.0, "accuracy/source": 0.25} if source else {})
