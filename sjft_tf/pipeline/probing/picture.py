"""The picture of a probe: features of the best layer in the plane, by class and by set."""

from __future__ import annotations

import numpy as np

from sjft_tf import artifacts
from sjft_tf.images import ImageSet
from sjft_tf.models import spread_rows
from sjft_tf.pipeline.probing.subject import Subject, subject_features
from sjft_tf.probing import points
from sjft_tf.workdir import ProbeFiles, Workdir

MOST = {"training": 800, "test": 400, "source": 400}
"""Images of each set that are shown."""


def write_points(subject: Subject, layer: str, source: ImageSet | None, workdir: Workdir) -> None:
    """Writes the coordinates of images of every set, seen by one layer, with class and set."""
    found, labels, sets = [], [], []
    for number, name in enumerate(("training", "test")):
        images = subject.images[name]
        rows = np.sort(spread_rows(np.asarray(images.labels), MOST[name]))
        found.append(subject.features(name, layer, "center", rows)[:, 0])
        labels.append(images.labels[rows])
        sets.append(np.full(len(rows), number))
    if source is not None:
        some = source.subset(np.sort(spread_rows(np.asarray(source.labels), MOST["source"])))
        kept = subject_features(subject, some, "source", workdir, plain=True)
        found.append(kept.layer(layer)[:, 0])
        labels.append(np.full(len(some), -1))  # classes of its own, which are too many to tell apart
        sets.append(np.full(len(some), 2))
    placed = points(np.concatenate(found), subject.probe.picture, 0)
    arrays = {"points": placed, "labels": np.concatenate(labels), "sets": np.concatenate(sets)}
    arrays = {name: value.astype(np.float32 if name == "points" else np.int32) for name, value in arrays.items()}
    names = ["training", "test", *(["source"] if source is not None else [])]
    meta = {"layer": layer, "how": subject.probe.picture, "sets": names}
    meta |= {"classes": list(subject.sets.target.class_names)}
    artifacts.save_npz(workdir.root / ProbeFiles.POINTS, arrays, meta)
