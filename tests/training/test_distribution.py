"""Several devices do what one does: two logical CPUs, and two processes; what is sent between them; what is refused."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.training import ALONE, open_cluster
from sjft_tf.training.tf_config import place_in_cluster

DEVICES = Path(__file__).with_name("devices.py")
ENVIRONMENT = {**os.environ, "PYTHONWARNINGS": "ignore"}


def finished(process: subprocess.Popen) -> str:
    output = process.communicate(timeout=600)[0]
    assert process.returncode == 0, output
    return output


def started(*arguments: str, **variables: str) -> subprocess.Popen:
    command = [sys.executable, str(DEVICES), *arguments]
    return subprocess.Popen(
        command, env=ENVIRONMENT | variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory):
    """What one device (first) and two logical CPUs (second) gave, by case and figure."""
    out = tmp_path_factory.mktemp("mirrored") / "out.npz"
    finished(started("mirrored", str(out)))
    results = np.load(out)
    return lambda case, what: (results[f"{case}/1/{what}"], results[f"{case}/2/{what}"])


@pytest.mark.slow
def test_the_first_20_losses_are_those_of_one_device(mirrored):
    one, two = mirrored("plain", "loss")
    assert one.shape == (20,)
    np.testing.assert_allclose(two, one, rtol=1e-5)
    for name in ("target_loss", "source_loss", "target_accuracy", "source_accuracy"):
        np.testing.assert_allclose(*mirrored("plain", name)[::-1], rtol=1e-4, err_msg=name)
    np.testing.assert_allclose(*mirrored("plain", "weights"), atol=1e-5)


@pytest.mark.slow
def test_clipping_accumulating_averaging_and_the_rest_are_those_of_one_device(mirrored):
    for name in ("loss", "gradient_norm"):
        np.testing.assert_allclose(*mirrored("all", name)[::-1], rtol=1e-4, err_msg=name)
    np.testing.assert_allclose(*mirrored("all", "weights"), atol=1e-4)
    assert mirrored("all", "steps") == (3, 3)


@pytest.mark.slow
def test_batch_normalization_is_each_replicas_own(mirrored):
    one, two = mirrored("batch norm", "loss")
    assert np.isfinite(two).all()
    assert not np.allclose(one, two, rtol=1e-4)
    # But the moving means, over equal parts, are those of the whole batch in the first layer.
    np.testing.assert_allclose(*mirrored("batch norm", "first mean"), rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_replicas_drop_differently_and_count_alike(mirrored):
    np.testing.assert_array_equal(*mirrored("dropout", "state"))
    (one_first, first), (one_second, second) = (mirrored("dropout", call) for call in "01")
    # The first replica's numbers are one device's; no two of the four are alike.
    np.testing.assert_array_equal(first[0], one_first[0])
    np.testing.assert_array_equal(second[0], one_second[0])
    assert len(np.unique(np.concatenate([first, second]), axis=0)) == 4


@pytest.mark.slow
def test_a_run_of_rounds_grows_the_same_neighbors(mirrored):
    one, two = mirrored("run", "counts")
    np.testing.assert_array_equal(one, two)
    np.testing.assert_allclose(*mirrored("run", "weights"), atol=1e-4)


def free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("localhost", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


@pytest.mark.slow
def test_two_processes_do_what_one_device_does(mirrored, tmp_path):
    workers = [f"localhost:{port}" for port in free_ports(2)]
    outs = [tmp_path / name for name in ("chief.npz", "other.npz")]
    processes = []
    for index, out in enumerate(outs):
        task = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        processes.append(started("worker", str(out), TF_CONFIG=json.dumps(task)))
    for process in processes:
        finished(process)
    chief, other = (np.load(out) for out in outs)

    np.testing.assert_allclose(chief["plain/loss"], mirrored("plain", "loss")[0][:6], rtol=1e-5)
    np.testing.assert_array_equal(chief["run/counts"], mirrored("run", "counts")[0])
    np.testing.assert_allclose(chief["run/weights"], mirrored("run", "weights")[0], atol=1e-4)
    np.testing.assert_allclose(chief["again/weights"], chief["run/weights"], atol=1e-6)
    for what in ("plain/loss", "plain/weights", "run/weights", "again/weights"):
        np.testing.assert_array_equal(other[what], chief[what], err_msg=what)
    # Bit by bit, also numbers that a sum would change.
    assert other["sent/floats"].tobytes() == np.array([0.0, -0.0, np.nan, 1e-45, np.inf]).tobytes()
    assert (other["sent/odd"].dtype, other["sent/empty"].shape) == (np.uint8, (0, 2))
    assert (str(chief["error"]), str(other["error"])) == ("no such images", "The chief stopped: no such images")
    assert "differs" not in chief
    assert "does not have the chief's flags" in str(other["differs"])
    # Only the chief writes, and tells of rounds.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["chief", "chief.npz", "other.npz"]
    assert len(other["run/counts"]) == 0


def changed(config, section, **values):
    return config.replace(section, **values)


def opened(config):
    return open_cluster(config.distribution, config.training.batch_size)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"distribution": {"strategy": "mirrored"}, "training": {"jit": True}}, "--jit works on one device"),
        (
            {"distribution": {"strategy": "multi_worker"}, "model": {"precision": "float16"}},
            "--precision=float16 works on one device",
        ),
        ({"distribution": {"logical_cpus": 2}}, "--logical_cpus needs --strategy=mirrored"),
        ({"distribution": {"strategy": "tpu"}}, "--strategy must be one of none, mirrored, multi_worker"),
    ],
)
def test_what_does_not_go_together_is_refused(config, settings, message):
    for section, values in settings.items():
        config = changed(config, section, **values)
    with pytest.raises(InputError, match=message):
        config.validate()


def test_without_a_strategy_there_is_one_device(config):
    cluster = opened(config)
    assert (cluster.replicas, cluster.is_chief, cluster.strategy) == (1, True, None)
    assert ALONE.once(lambda: {"a": np.arange(2)})["a"].tolist() == [0, 1]
    ALONE.check_equal({"images": "1"})


def test_settings_of_devices_do_not_stamp():
    assert RunConfig().stamp("distribution") == {}


def tf_config(**value):
    return json.dumps({"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}} | value)


def test_the_place_in_a_cluster():
    assert place_in_cluster(tf_config()) == (1, ("a:1", "b:1"))
    three = {"chief": ["c:1"], "worker": ["a:1", "b:1"]}
    assert place_in_cluster(tf_config(cluster=three)) == (2, ("c:1", "a:1", "b:1"))
    assert place_in_cluster(tf_config(cluster=three, task={"type": "chief", "index": 0})).own == 0


def test_an_address_given_twice_is_refused():
    with pytest.raises(InputError, match="lists the worker a:1 twice"):
        place_in_cluster(tf_config(cluster={"worker": ["a:1", "b:1", "a:1"]}))


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '"worker"',
        tf_config(task={"type": "worker", "index": 2}),
        tf_config(task={"type": "worker", "index": -1}),
        tf_config(task={"type": "worker", "index": "1"}),
        tf_config(task={"type": "ps", "index": 0}),
        tf_config(task=None),
        tf_config(cluster={"worker": ["a:1"], "ps": ["b:1"]}),
        tf_config(cluster={"chief": ["a:1", "b:1"], "worker": ["c:1"]}),
        tf_config(cluster=[]),
        tf_config(cluster={"worker": ["a:1", "b"]}),
        tf_config(cluster={"worker": ["a:1", "b:70000"]}),
        tf_config(cluster={"worker": ["a:1", 3]}),
    ],
)
def test_an_ill_formed_tf_config_is_refused(text):
    with pytest.raises(InputError, match="TF_CONFIG must list the workers .*Received"):
        place_in_cluster(text)


def test_a_missing_tf_config_is_refused(config, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(InputError, match="needs the environment variable TF_CONFIG, e.g. "):
        opened(changed(config, "distribution", strategy="multi_worker"))


def test_a_batch_that_cannot_be_divided_is_refused(config, monkeypatch):
    class Three:
        num_replicas_in_sync = 3

    monkeypatch.setattr("tensorflow.distribute.MirroredStrategy", lambda devices: Three())
    with pytest.raises(InputError, match="--batch_size=4 cannot be divided equally among the 3 devices"):
        opened(changed(config, "distribution", strategy="mirrored"))
