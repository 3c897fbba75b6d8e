"""What a finished round leaves behind: complete or absent, bit-equal when read, and only for the run it is of."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from sjft_tf.artifacts import ArtifactMismatch, remove_leftovers
from sjft_tf.errors import InputError
from sjft_tf.models import optimizer_state
from sjft_tf.training import RoundState, compile_joint
from sjft_tf.training.checkpoints import rounds
from sjft_tf.workdir import RoundFiles

MADE_FROM = {"learning_rate": 0.01, "target images": "abc"}
METRICS = {"loss": 0.1 + 0.2, "borrowed": {"union_size": 7}, "scoring": {"wrong": 3}}


@pytest.fixture
def state():
    return RoundState(1, 6, 2, np.arange(9, dtype=np.int32), METRICS)


@pytest.fixture(scope="module")
def trained(new_model, config):
    """A compiled model after one step, so that weights, momenta and step count are not those of the start."""
    model = new_model()
    compile_joint(model, config.training, config.model)
    images = np.random.default_rng(1).uniform(0, 255, (4, 8, 8, 3)).astype("float32")
    labels = {"target": np.array([0, 2, -1, -1]), "source": np.array([-1, -1, 1, 3])}
    model.train_on_batch(images, labels)
    return model


@pytest.fixture
def saved(trained, state, tmp_path):
    rounds.save_round(tmp_path / "rounds", state, trained, MADE_FROM)
    return tmp_path / "rounds"


@pytest.fixture(scope="module")
def other(new_model, config):
    model = new_model()
    compile_joint(model, config.training, config.model)
    return model, model.get_weights()


@pytest.fixture
def fresh(other):
    """A compiled model of the same form with other weights."""
    model, weights = other
    model.set_weights(weights)
    return model


def same_arrays(a, b):
    assert len(a) == len(b) > 0
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)
        assert x.dtype == y.dtype


def test_round_trip_is_bit_equal(saved, trained, fresh, state):
    assert any((a != b).any() for a, b in zip(fresh.get_weights(), trained.get_weights(), strict=True))
    loaded = rounds.load_round(saved, 1, fresh, MADE_FROM)
    same_arrays(fresh.get_weights(), trained.get_weights())
    ours, theirs = optimizer_state(fresh.optimizer), optimizer_state(trained.optimizer)
    assert list(ours) == list(theirs)
    same_arrays(list(ours.values()), list(theirs.values()))
    assert int(fresh.optimizer.iterations) == 1
    assert any((value != 0).any() for value in list(ours.values())[2:])  # momenta, not only the step count
    for read in (loaded, rounds.read_round(saved, 1)):
        assert (read.index, read.global_step, read.k0, read.metrics) == (1, 6, 2, METRICS)
        np.testing.assert_array_equal(read.counts, state.counts)
        assert read.counts.dtype == np.int32


def test_weights_alone_need_no_optimizer(saved, trained, new_model):
    model = new_model()
    rounds.load_round_weights(saved, 1, model)
    same_arrays(model.get_weights(), trained.get_weights())


def test_only_complete_folders_are_rounds(saved, tmp_path):
    assert rounds.finished_rounds(tmp_path / "nothing here") == []
    assert rounds.finished_rounds(saved) == [1]
    shutil.copytree(saved / "01", saved / ".02.x1y2.sjft-tmp")  # complete, but killed before it took its name
    shutil.copytree(saved / "01", saved / ".01.x1y2.sjft-old")
    shutil.copytree(saved / "01", saved / "00")
    shutil.copytree(saved / "01", saved / "123")
    (saved / "02").mkdir()
    shutil.copy(saved / "01" / RoundFiles.MODEL, saved / "02")
    (saved / "notes").mkdir()
    assert rounds.finished_rounds(saved) == [0, 1, 123]
    remove_leftovers(saved)
    assert sorted(p.name for p in saved.iterdir()) == ["00", "01", "02", "123", "notes"]


@pytest.mark.parametrize("stage", ["save_weights", "save_npz"])
def test_a_round_that_breaks_off_while_it_is_written_leaves_nothing(stage, trained, state, tmp_path, monkeypatch):
    def power_cut(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("keras.Model.save_weights" if stage == "save_weights" else "numpy.savez", power_cut)
    with pytest.raises(KeyboardInterrupt):
        rounds.save_round(tmp_path, state, trained, MADE_FROM)
    assert list(tmp_path.iterdir()) == []


def test_a_round_written_again_replaces_the_old_one(saved, trained, state):
    again = RoundState(1, 6, 2, state.counts + 1, {"loss": 1.0})
    rounds.save_round(saved, again, trained, MADE_FROM)
    assert rounds.read_round(saved, 1).metrics == {"loss": 1.0}
    assert [p.name for p in saved.iterdir()] == ["01"]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("name", [RoundFiles.MODEL, RoundFiles.STATE])
def test_a_cut_off_file_is_named(name, share, saved, fresh):
    path = saved / "01" / name
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=rf"{name}.*Remove .*again") as caught:
        rounds.load_round(saved, 1, fresh, MADE_FROM)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", [RoundFiles.MODEL, RoundFiles.STATE])
def test_overwritten_bytes_never_pass_for_the_round(name, saved, trained, fresh, rng):
    """Whatever part of a file is damaged: either what was saved is read, or an InputError names it."""
    path = saved / "01" / name
    content = path.read_bytes()
    messages, wanted = [], trained.get_weights()
    for _ in range(25):
        damaged, at = bytearray(content), int(rng.integers(len(content) - 64))
        damaged[at : at + 64] = rng.bytes(64)
        path.write_bytes(damaged)
        try:
            rounds.load_round(saved, 1, fresh, MADE_FROM)
        except InputError as error:
            messages.append(str(error))
        else:
            same_arrays(wanted, fresh.get_weights())
    assert len(messages) > 10
    assert all(name in message for message in messages)


def test_a_missing_weight_file_is_named(saved, fresh):
    (saved / "01" / RoundFiles.MODEL).unlink()
    with pytest.raises(InputError, match=r"model\.weights\.h5 cannot be read.*Remove .*01 to train again from the"):
        rounds.load_round(saved, 1, fresh, MADE_FROM)


def test_another_runs_round_is_refused(saved, fresh):
    before = fresh.get_weights()
    other = {**MADE_FROM, "learning_rate": 0.5}
    with pytest.raises(ArtifactMismatch, match=r"state\.npz .*learning_rate: 0\.01 there, 0\.5 asked for") as caught:
        rounds.load_round(saved, 1, fresh, other)
    assert "target images" not in str(caught.value)
    same_arrays(before, fresh.get_weights())


@pytest.mark.filterwarnings("ignore:Skipping nested container:UserWarning")  # Keras, before it raises
def test_another_networks_weights_are_refused(saved, config):
    from sjft_tf.models import build_joint_model, build_trunk

    wider = build_joint_model(build_trunk("preact_resnet", 8, depth=8, width=4), 3, 4)
    with pytest.raises(InputError, match=r"model\.weights\.h5 cannot be read"):
        rounds.load_round_weights(saved, 1, wider)


@pytest.fixture
def four(saved, trained, state):
    """Rounds 0 to 3, the first three copies of one another."""
    for index in range(4):
        rounds.save_round(saved, replace(state, index=index), trained, MADE_FROM)
    return saved


@pytest.mark.parametrize(
    ("keep", "scores", "wanted"),
    [
        (0, {}, [0, 1, 2, 3]),
        (1, {}, [3]),
        (2, {}, [2, 3]),
        (9, {}, [0, 1, 2, 3]),
        (1, {0: 0.5, 1: 0.7, 2: 0.7, 3: 0.6}, [1, 3]),
        (1, {0: 0.5, 1: 0.6, 2: 0.7, 3: 0.8}, [3]),
        (2, {0: 0.9, 3: 0.8}, [0, 2, 3]),
    ],
)
def test_the_last_rounds_and_the_best_stay(four, keep, scores, wanted):
    removed = rounds.prune_rounds(four, keep, scores.get)
    assert rounds.kept_rounds(four) == wanted
    assert sorted([*removed, *wanted]) == [0, 1, 2, 3]
    assert rounds.finished_rounds(four) == [0, 1, 2, 3]
    assert [(four / f"{i:02d}" / RoundFiles.OPTIMIZER).exists() for i in range(4)] == [i in wanted for i in range(4)]
    assert rounds.prune_rounds(four, keep, scores.get) == []
    for index in range(4):
        assert rounds.read_round(four, index).metrics == METRICS


def test_a_pruned_round_is_refused_with_those_that_are_there(four, fresh):
    rounds.prune_rounds(four, 1, {1: 1.0}.get)
    with pytest.raises(InputError, match=r"weights of round 1 are not kept \(--keep_rounds.*are there: 2, 4$"):
        rounds.load_round_weights(four, 0, fresh)
    rounds.load_round_weights(four, 1, fresh)
    (four / "03" / RoundFiles.MODEL).write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"Remove \S*02, \S*03 to train again after round 2; other rounds stay"):
        rounds.load_round(four, 3, fresh, MADE_FROM)
