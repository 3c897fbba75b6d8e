"""--early_stopping: the best round is what is told, exported and restored, and an interrupted run decides alike."""

import csv

import h5py
import numpy as np
import pytest

from sjft_tf.artifacts import ArtifactMismatch, load_npz, read_json, remove_directory
from sjft_tf.errors import InputError
from sjft_tf.pipeline.checking.begun_run import refuse_other_run
from sjft_tf.pipeline.programs import train as program
from sjft_tf.pipeline.programs.train import train
from sjft_tf.pipeline.stages import learning, results
from sjft_tf.report.reading import read_run
from sjft_tf.training import finished_rounds
from sjft_tf.workdir import Workdir

SCORES = (0.5, 0.7, 0.7, 0.6, 0.9, 0.9)


@pytest.fixture
def early(config, monkeypatch):
    """Plain fine-tuning of at most six rounds of one step, whose validation scores are as written above."""

    def score(workdir, index):
        return SCORES[index] if (workdir.rounds / f"{index:02d}" / "metrics.json").is_file() else None

    for module in (results, learning):
        monkeypatch.setattr(module, "validation_score", score)
    plain = config.replace("data", source=[]).replace("selection", selector="none")
    return plain.replace("training", rounds=6, steps_per_round=1, early_stopping=2).validate()


def weights(path):
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def ending(workdir):
    """What a run left, but for times."""
    figures = read_json(workdir.metrics)
    for told in figures["rounds"]:
        del told["seconds"]
    return figures, workdir.predictions.read_text(), workdir.report.read_text()


def test_the_best_round_counts_and_an_interrupted_run_ends_alike(early, tmp_path, monkeypatch):
    workdir, exported = Workdir(tmp_path / "run"), []
    # The SavedModel itself takes seconds, and is like that of any round.
    monkeypatch.setattr(program, "export_round", lambda *arguments: exported.append((arguments[2](), arguments[4])))
    report = train(early, workdir)
    # Round 2 is the best, and the two after it are no better: round 5 and its 0.9 are never trained.
    assert finished_rounds(workdir.rounds) == [0, 1, 2, 3]
    line = "      kept: round 2, the best on the validation images (--early_stopping=2); ended after round 4 of 6"
    assert line in list(report.lines())
    told = read_json(workdir.metrics)
    assert told["early_stopping"] == {"patience": 2, "rounds": 6}
    assert told["final"]["round"] == 2
    assert told["final"]["test"]["loss"] == told["rounds"][1]["test"]["loss"] != told["rounds"][3]["test"]["loss"]
    ((model, number),) = exported
    assert number == results.counting_round(workdir, 2) + 1 == 2
    assert read_run(workdir.root).counting == 1
    # The weights beside it and the answers are that round's.
    trunk = weights(workdir.trunk)
    kept = [array.tobytes() for array in weights(workdir.rounds / "01" / "model.weights.h5").values()]
    assert all(array.tobytes() in kept for array in [*trunk.values(), *model.get_weights()])
    probabilities = load_npz(workdir.rounds / "01" / "probabilities-test.npz")[0]["probabilities"]
    with open(workdir.predictions, newline="") as stream:
        answers = [row["predicted"] for row in csv.DictReader(stream)]
    assert answers == ["abc"[i] for i in probabilities.argmax(axis=1)]
    # Broken off after round 3, and the figures of round 1 lost: the same end.
    end, lasting = ending(workdir), {path: weights(path) for path in workdir.rounds.glob("*/model.weights.h5")}
    remove_directory(workdir.rounds / "03")
    (workdir.rounds / "00" / "metrics.json").unlink()
    train(early, workdir, saved_model=False)
    assert ending(workdir) == end
    for path, before in lasting.items():
        for name, array in weights(path).items():
            np.testing.assert_array_equal(array, before[name])
    # By other views another round might have been the best.
    with pytest.raises(ArtifactMismatch, match="views of evaluation: 'center' there, 'dense"):
        refuse_other_run(early.replace("evaluation", eval_views="dense"), workdir)


def test_what_it_needs(early, tmp_path):
    with pytest.raises(InputError, match=r"--early_stopping=2 goes by validation images.*--validation_fold=1/5"):
        train(early.replace("data", validation="none"), Workdir(tmp_path / "run"))
    with pytest.raises(InputError, match=r"--rounds=1 has no two to choose from.*--rounds=20 --steps_per_round=25"):
        early.replace("training", rounds=1, steps_per_round=500).validate()
