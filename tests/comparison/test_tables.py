"""What a comparison says: the table, the sentences, the intervals over images."""

import csv

import numpy as np
import pytest

from sjft_tf import artifacts
from sjft_tf.comparison import Arm, ComparisonSpec, Point
from sjft_tf.comparison.images import image_intervals
from sjft_tf.comparison.records import ArmRecord, ComparisonRecord, RunRecord
from sjft_tf.comparison.tables import csv_lines, markdown, verdicts
from sjft_tf.config import RunConfig
from sjft_tf.evaluation import save_predictions
from sjft_tf.study import SetsSummary, image_interval

SETS = SetsSummary(True, 0.0, 7, "rose", {"target": 70, "test": 12}, {})
PLAIN = [0.50, 0.52, 0.51, 0.53, 0.49]


def arm(name, values):
    chosen = Point(0.01, None if name == "fine-tune" else 0.3)
    runs = [
        RunRecord(seed, *chosen, None, value, None, 90.0, f"runs/{name}/seed{seed}")
        for seed, value in enumerate(values or [None])
    ]
    return ArmRecord(Arm(name, name.title(), ""), chosen, [], runs)


def content(*arms):
    base = RunConfig().replace("data", target="folder:A", source=["folder:B", "glyphs"], per_class=3)
    return ComparisonRecord(ComparisonSpec(base, ()), (arm("fine-tune", PLAIN), *arms))


@pytest.mark.parametrize(
    ("gains", "said"),
    [
        ([0.01, 0.02, 0.015, 0.012, 0.018], "- Rounds (`rounds`) gained 1.5 points over fine-tuning (1.2 to 1.8)."),
        (
            [-0.01, -0.02, -0.015, -0.012, -0.018],
            "- Rounds (`rounds`) lost 1.5 points against fine-tuning (1.2 to 1.8).",
        ),
        ([0.01, -0.01, 0.02, -0.02, 0.0], "- Rounds (`rounds`): no difference to fine-tuning can be told (+0.0 points"),
        # Above 0 by the bootstrap, not by the wider interval.
        ([0.0, 0.03, 0.0, 0.04, 0.03], "the wider t interval holds 0, so that more seeds are needed."),
    ],
)
def test_the_sentence_says_what_the_numbers_say(gains, said):
    values = [plain + gain for plain, gain in zip(PLAIN, gains, strict=True)]
    (sentence,) = verdicts(content(arm("rounds", values)))
    assert said in sentence


def test_of_one_seed_nothing_is_told():
    one = content(arm("rounds", [0.9]))
    assert verdicts(one) == [
        "- Rounds (`rounds`): +40.0 points against fine-tuning, from one seed: nothing can be told of it."
    ]
    assert len(verdicts(content(arm("rounds", []), arm("frozen", PLAIN)))) == 0  # frozen does not borrow


def test_the_table_has_a_line_an_arm():
    record = content(arm("rounds", [value + 0.01 for value in PLAIN]), arm("all", []))
    lines = markdown(record, ["Look out."], SETS, {})
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert {len(row) for row in table} == {9}
    assert table[2] == ["Fine-Tune (`fine-tune`)", "5", "51.00 ± 1.58", "-", "-", "-", "0.01", "-", "1.5"]
    assert table[3][1:4] == ["5", "52.00 ± 1.58", "+1.00 (+1.00 to +1.00)"]
    assert table[4][1:6] == ["0", "-", "-", "-", "-"]
    assert "# Does borrowing help? folder:A <- folder:B, glyphs, 3 images a class" in lines
    assert "**Look out.**\n" in lines
    assert any("on 12 test images" in line for line in lines)


def test_csv_has_fractions_and_empty_cells():
    record = content(arm("rounds", [value + 0.01 for value in PLAIN]), arm("all", []))
    head, plain, rounds, nothing = csv_lines(record, {})
    assert {len(line) for line in (head, plain, rounds, nothing)} == {len(head)}
    of = dict(zip(head, rounds, strict=True))
    assert (of["arm"], of["n"], of["learning_rate"], of["source_weight"]) == ("rounds", 5, 0.01, 0.3)
    assert of["difference"] == pytest.approx(0.01)
    assert of["t_low"] == pytest.approx(0.01)
    assert nothing[2:] == ["", "", "", "", "", "", "", "", "", 0.01, 0.3, 90.0, ""]


def test_right_images_are_read_from_the_runs(tmp_path):
    rng = np.random.default_rng(0)
    labels, names = np.repeat([0, 1, 2], 4), ["a", "b", "c"]
    record, right = content(arm("rounds", PLAIN[:2]), arm("fusion", PLAIN[:2]), arm("all", PLAIN)), {}
    record.arms[2].runs[:] = record.arms[1].runs  # the fusion lies in the runs of rounds
    for name in ("fine-tune", "rounds"):
        for seed in range(2):
            run = tmp_path / "runs" / name / f"seed{seed}"
            each = rng.dirichlet(np.ones(3), size=(2, 12))
            save_predictions(run / "predictions.csv", [f"i{i}" for i in range(12)], names, each[1], labels)
            artifacts.write_json(run / "classes.json", {"target": names})
            for number in range(2):
                path = run / "rounds" / f"{number:02d}" / "probabilities-test.npz"
                artifacts.save_npz(path, {"probabilities": each[number]}, {})
            right[name, seed] = each[1].argmax(axis=1) == labels
            right["fusion", seed] = each.mean(axis=0).argmax(axis=1) == labels
    got = image_intervals(tmp_path, record)
    assert set(got) == {"rounds", "fusion"}
    for name in ("rounds", "fusion"):
        gains = [right[name, seed].astype(float) - right["fine-tune", seed] for seed in range(2)]
        assert got[name] == image_interval(np.stack(gains), labels)
    with open(tmp_path / "runs/rounds/seed0/predictions.csv", newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 12
