"""What a run keeps of the network it starts with: which weights of a file were taken, as lines and as a list."""

import csv
import logging

import pytest

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.models import build_trunk
from sjft_tf.pipeline.networks import build_model
from sjft_tf.pipeline.stages.starting import keep_start
from sjft_tf.workdir import Workdir


def test_partly_loaded_weights_are_told_and_listed(tmp_path, caplog):
    path = tmp_path / "shallow.keras"
    build_trunk("preact_resnet", 8, depth=8, width=2).save(path)
    config = (
        RunConfig()
        .replace("view", image_size=8, resize=8)
        .replace("model", trunk="preact_resnet", depth=14, width=2, weights=str(path), partial_weights=True)
    )
    workdir = Workdir(tmp_path / "run")
    workdir.root.mkdir()
    with caplog.at_level(logging.INFO):
        keep_start(config, build_model(config, 2, None), workdir)
    rows = list(csv.DictReader(workdir.loaded_weights.read_text().splitlines()))
    states = [row["state"] for row in rows]
    assert f"{states.count('loaded')} of {len(rows)} layers of the trunk are taken from the file" in caplog.text
    assert rows[0] == {"layer": "stem_conv", "state": "loaded", "in_file": "stem_conv", "shapes": "3x3x3x2"}
    assert {row["layer"][:12] for row in rows if row["state"] == "at its start"} == {
        f"stage{stage}_unit2" for stage in (1, 2, 3)
    }
    assert not workdir.architecture.exists()


@pytest.mark.parametrize("weights", ["none", "imagenet"])
def test_partial_weights_are_of_a_file(weights):
    with pytest.raises(InputError, match=f"--partial_weights is for a file. Received: --weights={weights}"):
        RunConfig().with_settings(target="digits", weights=weights, partial_weights=True).validate()
