"""Opening the sets of a run: what is drawn of the target, and what stays."""

import numpy as np
import pytest

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.influence import save_kept
from sjft_tf.run_sets import open_sets
from sjft_tf.workdir import Workdir


@pytest.fixture
def config(tmp_path) -> RunConfig:
    """Three classes of 8, 4 and 6 images in an archive, 2 of each for testing."""
    labels = np.repeat([0, 1, 2], [8, 4, 6])
    pixels = np.arange(len(labels) * 16, dtype=np.uint16).reshape(-1, 4, 4) % 251
    np.savez(
        tmp_path / "set.npz",
        **{"x_train": pixels.astype(np.uint8), "y_train": labels, "class_names": ["a", "b", "c"]},
        **{"x_test": (pixels[:6] + 3).astype(np.uint8), "y_test": np.repeat([0, 1, 2], 2)},
    )
    plain = RunConfig()
    return plain.replace("data", target=f"npz:{tmp_path / 'set.npz'}").replace("selection", selector="none")


def test_few_of_each_class_for_training_only(config, tmp_path):
    workdir = Workdir(tmp_path / "run")
    everything = open_sets(config, workdir)
    assert everything.target.class_counts.tolist() == [8, 4, 6]
    few = [open_sets(config.replace("data", per_class=3).replace("training", seed=seed), workdir) for seed in (0, 1)]
    for sets in few:
        assert sets.target.class_counts.tolist() == [3, 3, 3]
        assert sets.test.fingerprint == everything.test.fingerprint
    assert len({sets.target.fingerprint for sets in (everything, *few)}) == 3
    with pytest.raises(InputError, match=r"--per_class=5 needs 5 training images .* 'b' \(4\)"):
        open_sets(config.replace("data", per_class=5).validate(), workdir)


def test_sets_that_are_not_wanted_are_not_opened(config, tmp_path):
    workdir = Workdir(tmp_path / "run")
    assert open_sets(config, workdir).test is not None
    assert open_sets(config.replace("data", test="none").validate(), workdir).test is None


def test_a_test_part_is_held_out_before_anything_is_drawn(config, tmp_path):
    workdir, alone = Workdir(tmp_path / "run"), config.replace("data", target=f"{config.data.target}#train").validate()
    everything = open_sets(alone, workdir).target
    held = [
        open_sets(alone.replace("training", seed=seed).replace("data", holdout_test=0.5, per_class=2), workdir)
        for seed in (0, 1)
    ]
    assert held[0].test.class_counts.tolist() == [4, 2, 3]
    assert held[0].test.fingerprint == held[1].test.fingerprint
    assert held[0].target.fingerprint != held[1].target.fingerprint
    unscored = open_sets(alone.replace("data", holdout_test=0.5, test="none").validate(), workdir)
    assert unscored.test is None
    assert sorted([*unscored.target.ids, *held[0].test.ids]) == sorted(everything.ids)
    with pytest.raises(InputError, match="--holdout_test is for a target without test images"):
        open_sets(config.replace("data", holdout_test=0.5).validate(), workdir)


def test_a_fold_validates_and_the_others_train(config, tmp_path):
    workdir = Workdir(tmp_path / "run")
    whole = open_sets(config.replace("data", per_class=3).validate(), workdir).target
    folds = [
        open_sets(config.replace("data", per_class=3, validation_fold=f"{i}/3").validate(), workdir) for i in (1, 2, 3)
    ]
    assert sorted(name for sets in folds for name in sets.validation.ids) == sorted(whole.ids)
    for sets in folds:
        assert sets.target.class_counts.tolist() == [2, 2, 2]
        assert sets.validation.class_counts.tolist() == [1, 1, 1]
    given = config.replace(
        "data", validation=f"{config.data.target}#test", test="none", validation_fold="1/2"
    ).validate()
    with pytest.raises(InputError, match="--validation_fold is for a target without validation images"):
        open_sets(given, workdir)
    for wrong in ("1", "0/3", "4/3", "1/1", "a/b"):
        with pytest.raises(InputError, match="--validation_fold must be I/K"):
            config.replace("data", validation_fold=wrong).validate()


def test_source_rows_are_a_list_for_this_source(config, tmp_path):
    workdir = Workdir(tmp_path / "run")
    apart = config.replace("data", target=f"{config.data.target}#train", source=[f"{config.data.target}#test"])
    borrowing = apart.replace("selection", selector="nearest")
    source = open_sets(borrowing, workdir).source
    save_kept(tmp_path / "kept.json", source, np.arange(6) % 2 == 0, {})
    left = open_sets(borrowing.replace("data", source_rows=str(tmp_path / "kept.json")).validate(), workdir).source
    assert left.ids.tolist() == source.ids[::2].tolist()
    with pytest.raises(InputError, match="--source_rows=nowhere: there is no such file"):
        open_sets(borrowing.replace("data", source_rows="nowhere").validate(), workdir)
