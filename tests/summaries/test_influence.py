"""The influence histogram reaches TensorBoard, and a second writing replaces the first."""

import numpy as np
import tensorflow as tf

from sjft_tf.summaries import influence_summary


def tags(folder):
    tags = []
    for path in folder.glob("*tfevents*"):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            tags += [value.tag for value in event.summary.value]
    return tags


def test_histogram_and_pictures(tmp_path):
    png = tmp_path / "x.png"
    png.write_bytes(tf.io.encode_png(np.zeros((3, 3, 3), np.uint8)).numpy())
    other = tmp_path / "logs" / "events.out.tfevents.1.round-00"
    other.parent.mkdir()
    other.write_bytes(b"")
    for _ in range(2):
        influence_summary(tmp_path / "logs", np.array([0.1, -np.inf, 3.0]), {"harmful": png})
    assert tags(tmp_path / "logs") == ["influence/scores", "influence/harmful"]
    assert other.exists()
