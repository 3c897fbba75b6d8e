"""Any file of a finished run damaged, then one of the programs started: it ends well with the figures of before, or is
refused with an InputError and has changed nothing. What only computes (networks) is replaced; what reads is not."""

from __future__ import annotations

import importlib.util
import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sjft_tf import artifacts
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.export import DESCRIPTION_FILE, DIGESTS_FILE, FORMAT
from sjft_tf.pipeline import finished_run
from sjft_tf.pipeline.inputs import views_stamp
from sjft_tf.pipeline.programs.evaluate import EvaluationRequest, evaluate
from sjft_tf.pipeline.programs.export import ExportRequest, export
from sjft_tf.pipeline.programs.prune import prune
from sjft_tf.pipeline.programs.train import train
from sjft_tf.pipeline.pruning import head as judging
from sjft_tf.pipeline.pruning import target as pruning
from sjft_tf.pipeline.stages import learning
from sjft_tf.pipeline.stages.learning import training_made_from
from sjft_tf.pipeline.stages.results import evaluate_round
from sjft_tf.sealed import file_digest
from sjft_tf.training import TrainingSets, finished_rounds, read_round
from sjft_tf.training.checkpoints import model_files
from sjft_tf.training.checkpoints.rounds import RoundState, round_made_from, save_round
from sjft_tf.workdir import RoundFiles, Workdir

# What a start that ends well leaves as it was. Not NPZ: it has bits, such as dates, that say nothing.
LEFT = {
    "train": (
        *("metrics.json", "predictions.csv", "report.csv", "classes.json", "config.json", "trunk.weights.h5"),
        *("saved_model/saved_model.pb", "rounds/00/metrics.json"),
    ),
    "prune": ("influence/kept.json", "influence/influence.csv", "influence/harmful.png"),
    "export": ("saved_model/saved_model.pb",),
}


def _scorer(*_, **__):
    return lambda images, description="": np.random.default_rng(len(images)).dirichlet(np.ones(3), len(images))


def _save_model(folder, _):
    for name in (RoundFiles.MODEL, RoundFiles.OPTIMIZER):
        (folder / name).write_bytes(folder.name.encode() * 20)
    return {"weights": model_files._digest(folder / RoundFiles.MODEL), "optimizer": "o"}


def _load_weights(folder, digests, _):
    model_files.check_weights(folder, digests)


def _export(model, class_names, view, path, description, given, aspect_ratio):
    with artifacts.atomic_directory(path) as folder:
        (folder / "saved_model.pb").write_bytes(bytes(range(256)))
        told = {"format": FORMAT, "class_names": list(class_names), "resize": view.resize, "crop": view.crop}
        artifacts.write_json(folder / DESCRIPTION_FILE, told | {"made_from": description, "versions": {}})
        names = ("saved_model.pb", DESCRIPTION_FILE.as_posix())
        artifacts.write_json(folder / DIGESTS_FILE, {"files": {name: file_digest(folder / name) for name in names}})


def _save_trunk(_, path):
    with artifacts.atomic_write(path) as stream:
        stream.write(b"trunk" * 20)


def _train(config, sets, workdir, *_):
    made_from = training_made_from(config, TrainingSets(sets.target))
    for index in range(2):
        if index not in finished_rounds(workdir.rounds):
            scoring = {"train_top1": 0.5, "wrong": 3, "uncertain": 1, "mean_entropy": 0.5}
            metrics = {"seconds": 1.5, "scoring": scoring}
            state = RoundState(index, 10 * (index + 1), 0, np.zeros(len(sets.target), np.int32), metrics)
            save_round(workdir.rounds, state, None, made_from)
        read_round(workdir.rounds, index)
        artifacts.check_made_from(workdir.rounds, round_made_from(workdir.rounds, index), made_from)
        evaluate_round(_scorer(), sets, workdir, index, views_stamp(config))
    return lambda: None


def _judged(bench):
    scores = np.array([0.5, -0.5] + [0.0] * (len(bench.target) - 2))
    rows = np.arange(len(scores))
    return judging.InfluenceScores(rows, scores, scores, (bench.target.labels + 1) % 3, "by hand")


class _Problem:
    def __init__(self, config, sets, workdir):
        self.target = sets.target


@pytest.fixture(scope="module", autouse=True)
def _no_networks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(artifacts.writing.os, "fsync", lambda _: None)  # no power is cut here
        patch.setattr(model_files, "save_model", _save_model)
        patch.setattr(model_files, "load_weights", _load_weights)
        for name in ("check_settings", "write_projection"):
            patch.setattr(f"sjft_tf.pipeline.programs.train.{name}", lambda *_: None)
        patch.setattr(learning, "train", _train)
        patch.setattr(finished_run, "build_model", lambda *_, **__: None)
        patch.setattr(finished_run, "export_saved_model", _export)
        patch.setattr("sjft_tf.pipeline.programs.train.save_trunk", _save_trunk)
        patch.setattr("sjft_tf.pipeline.programs.evaluate.make_scorer", _scorer)
        patch.setattr(pruning, "pair_montage", lambda path, pairs: Image.new("L", (len(pairs), 1)).save(path))
        patch.setattr(pruning, "InfluenceProblem", _Problem)
        patch.setattr(pruning, "by_head", _judged)
        patch.setattr("sjft_tf.config.RunConfig.check_network", lambda _: None)
        yield


def _start(workdir: Workdir, config: RunConfig) -> None:
    with workdir.locked():
        list(train(config, workdir).lines())


def _prune(workdir: Workdir, config: RunConfig) -> None:
    with workdir.locked():
        list(prune(config, workdir))


PROGRAMS = {
    "train": _start,
    "prune": _prune,
    "export": lambda workdir, config: list(export(workdir, ExportRequest(1))),
    "evaluate": lambda workdir, config: list(evaluate(workdir, EvaluationRequest())),
    "evaluate rounds": lambda workdir, config: list(evaluate(workdir, EvaluationRequest(fuse_rounds=True))),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory, _no_networks) -> tuple[Path, RunConfig]:
    folder, rng = tmp_path_factory.mktemp("programs"), np.random.default_rng(0)
    for name, count in (("train", 6), ("test", 9)):
        pixels = rng.integers(0, 256, (count, 8, 8, 3), np.uint8)
        np.savez(folder / f"{name}.npz", x=pixels, y=np.arange(count) % 3, class_names=np.array(["a", "b", "c"]))
    plain = RunConfig()
    data = replace(plain.data, target=f"npz:{folder / 'train.npz'}", test=f"npz:{folder / 'test.npz'}")
    data = replace(data, validation="none", source=[])
    selection, view = replace(plain.selection, selector="none"), replace(plain.view, image_size=8, resize=8, pad=0)
    config = replace(plain, data=data, selection=selection, view=view)
    _start(Workdir(folder / "run"), config)
    _prune(Workdir(folder / "run"), config)
    return folder / "run", config


def _files(root: Path) -> dict[Path, bytes]:
    return {
        path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file() and path.name != ".lock"
    }


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_end_well(program, whole, tmp_path, request, mutate):
    root, config = tmp_path / "run", whole[1]
    before, refused = _files(whole[0]), 0
    names = sorted(path for path in before if path.parts[0] != "logs")
    mutations = max(len(names), request.config.getoption("--fuzz"))
    for number in range(mutations):
        chance, name = random.Random(f"{program} {number}"), names[number % len(names)]
        shutil.copytree(whole[0], root)
        what = mutate(root / name, chance)
        damaged = _files(root)
        try:
            PROGRAMS[program](Workdir(root), config)
        except InputError:
            refused += 1
            assert _files(root) == damaged, (name, number, what)
        except Exception as error:
            raise AssertionError(f"{name}, mutation {number} ({what}): {type(error).__name__}: {error}") from error
        else:
            after = _files(root)
            assert all(after[Path(one)] == before[Path(one)] for one in LEFT.get(program, ())), (name, number, what)
        shutil.rmtree(root)
    print(f"{program}: {mutations} mutations, {refused} refused, {mutations - refused} ended well")
    assert refused


@pytest.fixture(scope="module")
def pretended():
    """The pretended runs of the comparison's own tests."""
    path = Path(__file__).parent.parent / "pipeline" / "comparing" / "test_comparison.py"
    spec = importlib.util.spec_from_file_location("pretended_runs", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_comparisons_end_well(pretended, tmp_path, request, mutate):
    spec = replace(pretended.SPEC, arms=pretended.SPEC.arms[1:], seeds=(0, 1), rates=(0.1,))
    whole, root, refused, again = tmp_path / "whole", tmp_path / "compared", 0, 0

    def compare(folder):
        launch = pretended.Pretended()
        with Workdir(folder).locked():
            pretended.compare(folder, launch, spec)
        return len(launch.jobs)

    compare(whole)
    before = _files(whole)
    names = sorted(path for path in before if path.suffix in (".json", ".csv", ".md"))
    mutations = max(len(names), request.config.getoption("--fuzz"))
    for number in range(mutations):
        chance, name = random.Random(f"compare {number}"), names[number % len(names)]
        shutil.copytree(whole, root)
        what = mutate(root / name, chance)
        damaged = _files(root)
        try:
            again += compare(root)
        except InputError:
            refused += 1
            assert _files(root) == damaged, (name, number, what)
        except Exception as error:
            raise AssertionError(f"{name}, mutation {number} ({what}): {type(error).__name__}: {error}") from error
        else:
            assert _files(root) == before, (name, number, what)
        shutil.rmtree(root)
    print(
        f"compare: {mutations} mutations, {refused} refused, {mutations - refused} ended well, {again} runs made again"
    )
    assert refused
