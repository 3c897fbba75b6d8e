"""The front door: what it gives is what the programs make, and its examples run."""

import doctest
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sjft_tf
from sjft_tf.api import comparing, looking, runs
from sjft_tf.artifacts import ArtifactMismatch
from sjft_tf.config import run as config_module
from sjft_tf.errors import InputError

SMALL = {
    **{"trunk": "preact_resnet", "weights": "none", "depth": 8, "width": 4, "image_size": 8, "resize": 8},
    **{"descriptor_resize": 8, "descriptor_crop": 8, "bins": 8, "k0": "2", "rounds": 2, "steps_per_round": 2},
    **{"batch_size": 4, "projector_images": 0},
}
NEAREST = {**SMALL, "selector": "nearest"}


def stripes(rng, count, classes):
    y = np.arange(count) % classes
    wave = np.sin(np.arange(8)[None, :, None] * (1 + y[:, None, None]) + rng.uniform(0, 6, (count, 1, 1)))
    x = 128 + 90 * np.repeat(wave[..., None], 3, axis=-1) + rng.normal(0, 9, (count, 8, 8, 3))
    return x.clip(0, 255).astype(np.uint8), y


@pytest.fixture(scope="module")
def sets():
    rng = np.random.default_rng(0)
    return {name: stripes(rng, count, classes) for name, count, classes in (("target", 12, 3), ("source", 30, 5))}


@pytest.fixture(scope="module")
def run(sets, tmp_path_factory):
    test = stripes(np.random.default_rng(1), 9, 3)
    folder = tmp_path_factory.mktemp("api") / "run"
    return sjft_tf.fine_tune(sets["target"], sets["source"], test=test, workdir=folder, **NEAREST)


def test_arrays_in_a_model_out(run, tmp_path):
    assert run.class_names == ("0", "1", "2")
    assert run.figures["final"]["test"]["count"] == 9
    assert run.neighbors.rows.shape[0] == 12
    x, _ = stripes(np.random.default_rng(2), 5, 3)
    answers = run.predict(x)
    np.testing.assert_allclose(run.model(x.astype(np.float32), training=False), answers, rtol=1e-4, atol=1e-6)
    assert run.report(tmp_path / "page.html").stat().st_size > 1000
    exported = run.export(tmp_path / "saved_model")
    assert (exported / "saved_model.pb").is_file()
    run.export(tmp_path / "files", formats=["keras"])
    assert (tmp_path / "files.keras").is_file()
    assert repr(run) == f"Run({str(run.workdir)!r})"


def test_image_files_are_answered_too(run, tmp_path):
    from PIL import Image

    x, _ = stripes(np.random.default_rng(2), 2, 3)
    for number, image in enumerate(x):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    np.testing.assert_allclose(run.predict(sorted(tmp_path.iterdir())), run.predict(x), rtol=1e-5)


def test_the_same_call_goes_on_in_the_same_workdir(run, sets, monkeypatch):
    monkeypatch.setattr("keras.Model.fit", None)
    test = stripes(np.random.default_rng(1), 9, 3)
    again = sjft_tf.fine_tune(sets["target"], sets["source"], test=test, workdir=run.workdir, **NEAREST)
    assert again.figures["final"] == run.figures["final"]
    assert sjft_tf.load_run(run.workdir).figures["final"] == run.figures["final"]


def test_images_of_a_refused_call_do_not_stay(run, sets):
    before = sorted((run.workdir / "inputs").iterdir())
    with pytest.raises(ArtifactMismatch, match="target images"):
        sjft_tf.fine_tune(stripes(np.random.default_rng(5), 12, 3), sets["source"], workdir=run.workdir, **NEAREST)
    assert sorted((run.workdir / "inputs").iterdir()) == before


def test_a_temporary_run_goes_with_its_object(sets):
    plain = sjft_tf.fine_tune(sets["target"], **{**SMALL, "rounds": 1})
    folder = plain.workdir
    assert plain.neighbors is None
    assert folder.is_dir()
    del plain
    assert not folder.exists()


def test_neighbors_are_those_of_the_run(run, sets):
    table = sjft_tf.neighbors(sets["target"], sets["source"], **NEAREST)
    np.testing.assert_array_equal(table.rows, run.neighbors.rows)


def test_influence(sets):
    scores, dropped = sjft_tf.influence_scores(
        sets["target"], validation=stripes(np.random.default_rng(1), 9, 3), **SMALL
    )
    assert scores.shape == dropped.shape == (12,)
    assert np.isfinite(scores).all()
    assert (scores[dropped] > 0).all()


def test_advice(sets):
    advice = sjft_tf.advise(sets["target"], sets["source"], **SMALL)
    assert advice.recipes


def test_refusals(sets, tmp_path):
    with pytest.raises(InputError, match="no setting 'learning_rat'. Did you mean 'learning_rate'"):
        sjft_tf.fine_tune(sets["target"], workdir=tmp_path / "a", learning_rat=1)
    with pytest.raises(InputError, match="--rounds must be between"):
        sjft_tf.fine_tune(sets["target"], workdir=tmp_path / "a", rounds=0)
    assert not (tmp_path / "a" / "inputs").exists()
    with pytest.raises(InputError, match="target images must be one set"):
        sjft_tf.fine_tune([sets["target"]] * 2, workdir=tmp_path / "a")
    with pytest.raises(InputError, match="no finished run in"):
        sjft_tf.load_run(tmp_path)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = sjft_tf.nothing


@pytest.mark.slow
@pytest.mark.parametrize("module", [comparing, looking, runs, config_module], ids=lambda module: module.__name__)
def test_the_examples_run(module, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testmod(
        module, extraglobs=vars(sjft_tf) | {name: getattr(sjft_tf, name) for name in sjft_tf.__all__}
    )
    assert tried
    assert not failed


def test_the_package_says_what_it_has_without_tensorflow():
    code = (
        "import sys, sjft_tf; assert set(sjft_tf.__all__) <= set(dir(sjft_tf)); sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_ten_lines_of_the_documents_run(tmp_path, monkeypatch, sets):
    root = Path(__file__).parents[2]
    texts = [(root / name).read_text() for name in ("README.md", "docs/python.md")]
    ((block,), (again,)) = (re.findall(r"```python\n(.*?)```", text, re.DOTALL) for text in texts)
    assert block == again
    assert len([line for line in block.splitlines() if line.strip()]) <= 10
    monkeypatch.chdir(tmp_path)
    (x, y), (x_test, y_test) = sets["target"], stripes(np.random.default_rng(1), 9, 3)
    for name, array in {"x": x, "y": y, "x_test": x_test, "y_test": y_test}.items():
        np.save(f"{name}.npy", array)
    np.savez("large.npz", x=sets["source"][0], y=sets["source"][1])
    small = ", ".join(f"{name}={value!r}" for name, value in SMALL.items())
    block = block.replace('"folder:LARGE_SET"', '"npz:large.npz"')
    block = re.sub(r"trunk=.*?\)\n", f"{small})\n", block)
    exec(compile(block, "README.md", "exec"), {})
    assert (tmp_path / "my_model" / "saved_model.pb").is_file()
    assert (tmp_path / "page.html").is_file()
