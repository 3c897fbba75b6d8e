"""Event files, read back the way TensorBoard does."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.summaries import RoundSummaries
from sjft_tf.summaries.layout import chart_layout


def read(logdir):
    """{tag: [(step, value)]} of every event in the folder, duplicates included."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(logdir), size_guidance={"tensors": 0})
    accumulator.Reload()
    return {
        tag: [(e.step, tf.make_ndarray(e.tensor_proto)) for e in accumulator.Tensors(tag)]
        for tag in accumulator.Tags()["tensors"]
    }


def test_scalars_at_the_global_step(tmp_path):
    with RoundSummaries(tmp_path / "deep" / "log", 0) as summaries:
        summaries.scalars(10, {"loss/target": np.float32(0.5), "loss/source": tf.constant(2.0), "left/out": None})
        summaries.scalars(20, {"loss/target": 0.25})
    entries = read(tmp_path / "deep" / "log")
    assert set(entries) == {"loss/target", "loss/source"}
    assert entries["loss/target"] == [(10, 0.5), (20, 0.25)]
    assert entries["loss/source"] == [(10, 2.0)]


def test_histogram(tmp_path):
    with RoundSummaries(tmp_path, 1) as summaries:
        summaries.histogram(100, "borrowed/k_per_target", np.array([10, 10, 50, 30], np.int32))
        summaries.histogram(100, "of/nothing", np.zeros(0))
    entries = read(tmp_path)
    assert set(entries) == {"borrowed/k_per_target"}
    [(step, buckets)] = entries["borrowed/k_per_target"]
    assert step == 100
    assert buckets[:, 2].sum() == 4, "every target image is in one bucket"
    assert (buckets[0, 0], buckets[-1, 1]) == (10, 50)


def test_text(tmp_path):
    with RoundSummaries(tmp_path, 0) as summaries:
        summaries.text(7, "run/card", "# Title")
    [(step, value)] = read(tmp_path)["run/card"]
    assert (step, value.item()) == (7, b"# Title")


def test_the_layout_is_what_the_custom_scalars_tab_reads(tmp_path):
    from tensorboard.plugins.custom_scalar import layout_pb2, metadata

    with RoundSummaries(tmp_path, 0) as summaries:
        summaries.layout(chart_layout())
    [(step, value)] = read(tmp_path)[metadata.CONFIG_SUMMARY_TAG]
    layout = layout_pb2.Layout.FromString(value.item())
    assert step == 0
    assert "^test/top1$" in layout.category[0].chart[0].multiline.tag


def test_picture(tmp_path, rng):
    pixels = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "p.png")
    with RoundSummaries(tmp_path, 0) as summaries:
        summaries.picture(3, "neighbors", tmp_path / "p.png")
    [(step, value)] = read(tmp_path)["neighbors"]
    assert step == 3
    assert value[:2].tolist() == [b"7", b"5"]
    np.testing.assert_array_equal(tf.io.decode_png(value[2]).numpy(), pixels)


def test_a_round_begun_again_shows_no_step_twice(tmp_path):
    for round_number in range(3):
        with RoundSummaries(tmp_path, round_number) as summaries:
            for step in (1, 2):
                summaries.scalars(10 * round_number + step, {"loss/target": round_number})
    (tmp_path / "events.out.tfevents.1.other.v2").write_bytes(b"")
    # Killed in round 2, or told to go on from the end of round 0: only what is before the opened round stays.
    with RoundSummaries(tmp_path, 1) as summaries:
        summaries.scalars(11, {"loss/target": 9})
    assert read(tmp_path)["loss/target"] == [(1, 0.0), (2, 0.0), (11, 9.0)]
    assert (tmp_path / "events.out.tfevents.1.other.v2").exists(), "a file of another writer is left alone"


def test_a_round_taken_up_in_its_middle_shows_no_step_twice(tmp_path):
    with RoundSummaries(tmp_path, 0) as summaries:
        summaries.scalars(5, {"loss": 0})
    (tmp_path / "events.out.tfevents.1.old.v2.round-01").write_bytes(b"")  # as earlier versions named it
    killed = RoundSummaries(tmp_path, 1, 10)
    for step in range(11, 18):
        killed.scalars(step, {"loss": 1})
        if step in (12, 14):
            killed.cut(step)
    killed.flush()
    with RoundSummaries(tmp_path, 1, 14) as again:
        for step in range(15, 18):
            again.scalars(step, {"loss": 2})
    # Files of one second are read in any order.
    losses = sorted(read(tmp_path)["loss"])
    assert losses == [(5, 0)] + [(step, 1) for step in range(11, 15)] + [(step, 2) for step in range(15, 18)]
    killed.close()
    # The checkpoint was written before the file was cut: it does not matter.
    with RoundSummaries(tmp_path, 1, 12):
        pass
    assert sorted(read(tmp_path)["loss"]) == [(5, 0), (11, 1), (12, 1)]


def test_a_killed_writer_leaves_its_round_replaceable(tmp_path):
    summaries = RoundSummaries(tmp_path, 0)
    summaries.scalars(1, {"loss/target": 1})
    summaries.flush()
    [path] = tmp_path.iterdir()
    with open(path, "ab") as stream:  # half a record, as after kill -9
        stream.write(b"\x20\x00\x00")
    with RoundSummaries(tmp_path, 0) as again:
        again.scalars(1, {"loss/target": 2})
    summaries.close()
    assert read(tmp_path)["loss/target"] == [(1, 2.0)]


def test_refuses_a_negative_round(tmp_path):
    with pytest.raises(InputError, match="round_number=-1"):
        RoundSummaries(tmp_path, -1)
