"""Checkpoints within a round: taken up bit for bit wherever a run is cut, and damaged ones named with the way on."""

import os
import shutil
import signal
from dataclasses import replace
from functools import partial

import keras
import numpy as np
import pytest

from sjft_tf import artifacts
from sjft_tf.artifacts import ArtifactMismatch, NoSpace
from sjft_tf.errors import InputError, Stopped
from sjft_tf.models import build_joint_model, build_trunk, optimizer_state
from sjft_tf.training import (
    CheckpointPolicy,
    Checkpoints,
    RoundHooks,
    RoundSettings,
    StopRequest,
    finished_rounds,
    read_round,
    rounds,
)
from sjft_tf.training.checkpoints import model_files
from sjft_tf.training.checkpoints.steps import metric_variables, restore_metrics
from sjft_tf.workdir import RoundFiles

MADE_FROM = {"test": "checkpoints"}
STEPS = 6


def changed(config, **values):
    return replace(config, training=replace(config.training, **values))


class PowerCut(BaseException):
    pass


class At(keras.callbacks.Callback):
    """Does something after these steps of the whole run, behind which there is nothing of its step."""

    def __init__(self, steps, action):
        super().__init__()
        self.steps, self.action, self.seen = steps, action, []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(int(self.model.optimizer.iterations))
        if self.seen[-1] in self.steps:
            self.action(self.model)


def cut(_):
    raise PowerCut


@pytest.fixture(scope="module")
def new_joint():
    def make():
        keras.utils.set_random_seed(3)
        return build_joint_model(build_trunk("preact_resnet", 8, depth=8, width=2), 3, 4, dropout=0.3)

    return make


@pytest.fixture(scope="module")
def go_in(config, sets, new_scorer, new_joint):
    """Starts the run in a folder as a new process would; returns the model."""

    def start(folder, callback=None, every=2, keep=2, stop=None, marks=None, **training):
        model = new_joint()
        settings = changed(config, **({"rounds": 2, "steps_per_round": STEPS} | training))
        store = Checkpoints(folder / "checkpoints", keep, MADE_FROM)

        def mark(index, step):
            (marks if marks is not None else []).append((index, step))

        rounds.train_rounds(
            RoundSettings.of(settings),
            model,
            new_scorer(model),
            sets,
            CheckpointPolicy(folder / "rounds", MADE_FROM, store, every, mark, stop),
            RoundHooks(callbacks=lambda _: [callback] if callback else []),
        )
        return model

    return start


@pytest.fixture
def go(go_in, tmp_path):
    return partial(go_in, tmp_path)


def test_a_run_cut_within_rounds_ends_as_if_nothing_had_happened(go_in, go, tmp_path):
    calm = go_in(tmp_path / "calm")
    store, marks = Checkpoints(tmp_path / "checkpoints", 2, MADE_FROM), []
    with pytest.raises(PowerCut):
        go(At({5, 6}, cut), steps_per_execution=2, marks=marks)
    assert store.steps() == [2, 4]
    second = At({9}, cut)
    with pytest.raises(PowerCut):
        go(second, marks=marks)
    assert second.seen == [5, 6, 7, 8, 9]
    assert store.steps() == [8]
    # Four steps are left, which three at once do not divide.
    third = At({}, cut)
    model = go(third, steps_per_execution=3, marks=marks)
    assert third.seen == [10, 12]
    assert marks == [(0, 0), (0, 2), (0, 4), (0, 4), (1, 6), (1, 8), (1, 8), (1, 10)]
    for ours, theirs in zip(model.get_weights(), calm.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    ours, theirs = optimizer_state(model.optimizer), optimizer_state(calm.optimizer)
    for name in theirs:
        np.testing.assert_array_equal(ours[name], theirs[name])
    for index in (0, 1):
        a, b = (read_round(folder / "rounds", index) for folder in (tmp_path, tmp_path / "calm"))
        np.testing.assert_array_equal(a.counts, b.counts)
        assert {**a.metrics, "seconds": 0} == {**b.metrics, "seconds": 0}
    assert not store.folder.exists()


def test_sigterm_ends_the_run_with_a_checkpoint(go, tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    ask = At({3, 6}, lambda _: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(
        Stopped, match=r"SIGTERM after step 3, kept in .*step-00000003\. The same command goes on there"
    ):
        go(ask, every=0, stop=StopRequest())
    assert signal.getsignal(signal.SIGTERM) == before
    # At a round's last step the round is finished first.
    with pytest.raises(Stopped, match=r"SIGTERM after round 1, kept in .*00\. "):
        go(ask, every=0, stop=StopRequest())
    assert ask.seen == [1, 2, 3, 4, 5, 6]
    assert signal.getsignal(signal.SIGTERM) == before
    assert finished_rounds(tmp_path / "rounds") == [0]
    assert not (tmp_path / "checkpoints").exists()


def test_nothing_that_is_not_finite_is_written(go, tmp_path):
    def spoil(model):
        variable = model.get_layer("target_head").bias
        variable.assign(np.array([0, np.inf, 0], np.float32))

    # After the step before a checkpoint: the loss does not know of it yet.
    with pytest.raises(
        InputError, match=r"at step 4\. The last good state is kept in (\S*step-00000002), .*new --workdir"
    ):
        go(At({4}, spoil), rounds=1)
    assert Checkpoints(tmp_path / "checkpoints", 2, MADE_FROM).steps() == [2]
    # After the last step of a round.
    with pytest.raises(InputError, match=r"no longer finite at step 6\. The last good state .*step-00000004"):
        go(At({6}, spoil), rounds=1)
    assert finished_rounds(tmp_path / "rounds") == []
    # The next step's loss tells, and what the message offers works.
    with pytest.raises(InputError, match=r"The loss became nan at step 6\. .*--weights=(\S+\.weights\.h5)") as caught:
        go(At({5}, spoil), rounds=1)
    path = str(caught.value).split("--weights=")[1].split(" ")[0]
    trunk = build_trunk("preact_resnet", 8, depth=8, width=2, weights=path)
    joint = build_joint_model(build_trunk("preact_resnet", 8, depth=8, width=2), 3, 4, dropout=0.3)
    artifact = Checkpoints(tmp_path / "checkpoints", 2, MADE_FROM)
    model_files.load_weights(artifact.path(4), artifacts.load_npz(artifact.path(4) / "state.npz")[1], joint)
    for ours, theirs in zip(trunk.get_weights(), joint.get_weights(), strict=False):
        np.testing.assert_array_equal(ours, theirs)


def test_a_full_disk_names_what_is_kept_and_leaves_nothing_behind(go, tmp_path, monkeypatch):
    save, left = keras.Model.save_weights, [1]

    def full(self, path, *rest, **options):
        if not left[0]:
            raise OSError(28, os.strerror(28), str(path))
        left[0] -= 1
        return save(self, path, *rest, **options)

    monkeypatch.setattr("keras.Model.save_weights", full)
    with pytest.raises(
        NoSpace, match=r"no room to write \S*step-00000004 .*last good state is kept in \S*step-00000002"
    ):
        go()
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["step-00000002"]
    with pytest.raises(NoSpace, match=r"no room to write \S*step-00000004 "):
        go()


@pytest.fixture(scope="module")
def model(config, new_joint):
    """A compiled model after one step."""
    made = new_joint()
    rounds.compile_joint(made, config.training, config.model)
    images = np.random.default_rng(1).uniform(0, 255, (4, 8, 8, 3)).astype("float32")
    made.train_on_batch(images, {"target": np.array([0, 2, -1, -1]), "source": np.array([-1, -1, 1, 3])})
    return made


@pytest.fixture
def store(model, tmp_path):
    """Checkpoints of that model after steps 2 and 4."""
    made = Checkpoints(tmp_path / "checkpoints", 2, MADE_FROM)
    for step in (2, 4):
        made.save(step, model, seconds=step / 8)
    return made


def test_what_is_saved_comes_back(store, model):
    weights, state = model.get_weights(), optimizer_state(model.optimizer)
    model.set_weights([w + 1 for w in weights])
    model.optimizer.iterations.assign(77)
    resumed = store.resume(0, STEPS, model, "the beginning")
    assert (resumed.step, resumed.seconds) == (4, 0.5)
    for ours, theirs in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for name, value in optimizer_state(model.optimizer).items():
        np.testing.assert_array_equal(value, state[name])
    values = [np.array(v) for v in metric_variables(model)]
    model.reset_metrics()
    restore_metrics(model, resumed.metrics)
    for ours, theirs in zip(metric_variables(model), values, strict=True):
        np.testing.assert_array_equal(np.array(ours), theirs)
    assert any(value.any() for value in values)
    with pytest.raises(InputError, match="holds 1 metric values"):
        restore_metrics(model, resumed.metrics[:1])


def test_damaged_checkpoints_are_named_with_the_way_on(store, model):
    def damage(step, name, share):
        path = store.path(step) / name
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    path, whole = store.path(4), store.path(4).with_name("whole")
    shutil.copytree(path, whole)
    for name in (RoundFiles.MODEL, RoundFiles.OPTIMIZER, "state.npz"):
        for share in (None, 0.0, 0.5, 0.99):
            (path / name).unlink() if share is None else damage(4, name, share)
            message = rf"{path} is damaged .*Remove that folder .* to go on from step 2 \({store.path(2)}\)"
            with pytest.raises(InputError, match=message):
                store.resume(0, STEPS, model, "the beginning")
            shutil.rmtree(path)
            shutil.copytree(whole, path)
    damage(2, RoundFiles.MODEL, 0.5)
    damage(4, RoundFiles.OPTIMIZER, 0.5)
    with pytest.raises(InputError, match="to go on from the beginning"):
        store.resume(0, STEPS, model, "the beginning")
    assert store.steps() == [2, 4]


def test_of_another_run_or_of_no_use(store, model, tmp_path):
    other = Checkpoints(store.folder, 2, {"test": "other"})
    for first, end in ((0, STEPS), (STEPS, 2 * STEPS)):
        with pytest.raises(ArtifactMismatch, match="test: 'checkpoints' there, 'other' asked for"):
            other.resume(first, end, model, "the beginning")
    assert store.steps() == [2, 4]
    # Those of a finished round, if the process died before it removed them; it does not matter whether they are whole.
    (store.path(4) / "state.npz").write_bytes(b"")
    assert store.resume(4, 10, model, "the beginning") is None
    assert store.steps() == []
    assert Checkpoints(tmp_path / "none", 1, {}).resume(0, 5, model, "") is None


def test_only_the_newest_stay(store, model):
    for step in (5, 6, 7):
        store.save(step, model)
    (store.folder / "notes").mkdir()
    shutil.copytree(store.path(7), store.folder / ".step-00000009.x.sjft-tmp")
    assert store.steps() == [6, 7]
    store.clear()
    assert not store.folder.exists()


def test_the_last_state_is_the_newest_of_all(store, tmp_path):
    policy = CheckpointPolicy(tmp_path / "rounds", MADE_FROM, store)
    assert policy.last_state() == store.path(4)
    store.clear()
    assert policy.last_state() is None
    for name in ("00", "01"):
        (tmp_path / "rounds" / name).mkdir(parents=True)
        (tmp_path / "rounds" / name / "state.npz").touch()
    (tmp_path / "rounds" / "00" / RoundFiles.MODEL).touch()
    assert policy.last_state() == tmp_path / "rounds" / "00"
    message = r"room left \(No space left on device\)\. Free .*rounds/00\."
    with pytest.raises(NoSpace, match=message), policy._guarded():
        raise RuntimeError("x: No space left on device")  # as TensorFlow says it
    with pytest.raises(RuntimeError, match="out of memory"), policy._guarded():
        raise RuntimeError("out of memory")


def test_ctrl_c_ends_the_run_with_a_checkpoint_and_a_second_one_at_once(go, tmp_path, capfd):
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(Stopped, match=r"Ended by Ctrl-C after step 3, kept in .*step-00000003\.") as ended:
        go(At({3}, lambda _: signal.raise_signal(signal.SIGINT)), every=0, stop=StopRequest())
    assert ended.value.signal == signal.SIGINT
    assert "Ctrl-C again ends at once" in capfd.readouterr().err
    with pytest.raises(KeyboardInterrupt):
        go(At({5}, lambda _: [signal.raise_signal(signal.SIGINT) for _ in "ab"]), every=0, stop=StopRequest())
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000003"]
