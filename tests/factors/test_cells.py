"""The runs of every factor: what differs, what all have in common, and what is refused."""

from dataclasses import replace

import pytest

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.factors import FACTORS, FactorSpec, Prepared, labels, study_of

BASE = (
    RunConfig()
    .replace("data", target="folder:DATA/birds", source=["folder:DATA/large"])
    .replace("model", trunk="MobileNetV2", weights="none")
    .replace("training", learning_rate=0.003, steps_per_round=10)
    .replace("selection", selector="all")
)
PREPARED = Prepared(
    {("folder:DATA/birds", "folder:DATA/large"): 1.25, ("folder:DATA/birds", "glyphs"): 4.0},
    {(n, s): {"source": [f"folder:DATA/large?only_classes=@{n}-{s}"]} for n in (5, 20) for s in (0, 1)},
)
TWO = replace(BASE, data=replace(BASE.data, source=["folder:DATA/large", "glyphs"]))
ASKED = {"source_classes": {"values": ("20", "5")}, "distance": {"base": TWO}}


def study(factor, **more):
    spec = FactorSpec(factor, **{"base": BASE, "seeds": (0, 1), **ASKED.get(factor, {}), **more})
    return study_of(spec.check(), PREPARED)


@pytest.mark.parametrize("factor", FACTORS)
def test_every_factor_is_a_study_of_equal_budgets(factor):
    made = study(factor).check()
    assert len(made.cells) >= 3
    assert {made.config(cell, 0).training.total_draws for cell in made.cells} == {BASE.training.total_draws}
    reference = made.by_name[made.cells[-1].reference]
    assert [cell.reference for cell in made.cells] == [reference.name] * len(made.cells)
    on_axis = [cell for cell in made.cells if made.x in cell.axes]
    assert len(on_axis) >= 2
    configs = [made.config(cell, 0).to_json() for cell in made.cells]
    assert all(configs[0] != other for other in configs[1:])


def test_rates_are_around_the_runs_own():
    made = study("rate")
    assert [cell.axes["rate"] for cell in made.cells] == [0.0003, 0.001, 0.003, 0.01, 0.03]
    assert made.cells[0].reference == "rate-0.003"
    assert [cell.axes["rate"] for cell in study("rate", values=("0.1", "0.02")).cells] == [0.02, 0.1]


def test_the_head_moves_and_the_trunk_stays():
    for cell in study("head_rate").cells:
        training = study("head_rate").config(cell, 0).training
        factor = float(training.layer_rate[0].partition(":")[2]) if training.layer_rate else 1.0
        assert training.learning_rate * factor == pytest.approx(0.003, rel=1e-5)


def test_depths_are_slower_or_frozen():
    changes = [cell.changes for cell in study("depth_rate", values=("block_5,trunk",)).cells]
    assert changes[0] == {}
    assert [change.get("freeze") for change in changes].count("block_5") == 1
    assert {"layer_rate": ["trunk:0.01"]} in changes


def test_each_seed_has_its_own_classes():
    made = study("source_classes")
    five = made.by_name["classes-5"]
    assert [made.config(five, seed).data.source[0] for seed in (0, 1)] == [
        f"folder:DATA/large?only_classes=@5-{seed}" for seed in (0, 1)
    ]
    assert not made.config(made.by_name["no-source"], 0).uses_source


def test_sources_lie_where_they_were_measured():
    made = study("distance")
    assert [cell.axes.get("distance") for cell in made.cells] == [None, 1.25, 4.0]
    assert made.by_name["source-glyphs"].title == "glyphs (4.00 away)"
    assert made.config(made.by_name["source-glyphs"], 0).data.source == ["glyphs"]


def test_widths_have_their_weights():
    base = BASE.replace("model", weights="DIR/v2_{width}.weights.h5")
    models = [study("width", base=base).config(cell, 0).model for cell in study("width", base=base).cells]
    assert (models[0].alpha, models[0].weights) == (0.35, "DIR/v2_0.35.weights.h5")
    plain = BASE.replace("model", trunk="preact_resnet")
    made = study("width", base=plain)
    assert [made.config(cell, 0).model.width for cell in made.cells] == [8, 16, 32]


def test_targets_have_all_values_each_with_its_own_reference():
    targets = ("folder:DATA/birds", "folder:DATA/cars?splits=false")
    prepared = Prepared({(targets[0], ""): 1.24, (targets[1], ""): 3.0})
    spec = FactorSpec("rate", BASE.replace("selection", selector="none"), ("0.01", "0.003"), targets).check()
    made = study_of(spec, prepared).check()
    assert [cell.name for cell in made.cells] == [
        f"rate-{rate}-{name}" for name in ("birds", "cars") for rate in ("0.003", "0.01")
    ]
    assert {cell.name: cell.reference for cell in made.cells}["rate-0.01-cars"] == "rate-0.003-cars"
    assert {cell.axes["target"] for cell in made.cells} == {"birds (1.2 away)", "cars (3.0 away)"}
    assert made.config(made.cells[-1], 0).data.target == targets[1]


def test_names_of_sets_differ():
    assert labels(("folder:A/x", "folder:B/x", "npz:C/x", "digits?per_class=5", "csv:a b.csv#train")) == {
        "folder:A/x": "x",
        "folder:B/x": "x-2",
        "npz:C/x": "x-3",
        "digits?per_class=5": "digits",
        "csv:a b.csv#train": "a-b.csv-train",
    }


@pytest.mark.parametrize(
    ("factor", "more", "message"),
    [
        ("colour", {}, "--factor must be one of rate, head_rate"),
        ("rate", {"values": ("0.1",)}, "two or more different numbers above 0. Received: 0.1"),
        ("rate", {"values": ("0.1", "x")}, "--values must be numbers"),
        ("rate", {"source_images": 5}, "for --factor=source_classes"),
        ("rate", {"targets": ("a", "a")}, "different sets"),
        ("per_class", {"values": ("1.5", "2")}, "whole numbers"),
        ("head_rate", {"base": BASE.replace("training", layer_rate=["trunk:0.1"])}, "sets --layer_rate and --freeze"),
        ("source_classes", {"values": ()}, "needs --values"),
        ("source_classes", {"base": TWO}, "give --source once"),
        ("source_classes", {"images": "fixed"}, "needs --source_images"),
        ("source_classes", {"base": BASE.replace("selection", selector="none")}, "--selector=all, or --adapt_steps"),
        ("distance", {"base": BASE}, "--source more than once, or --targets"),
        ("distance", {"values": ("1", "2")}, "leave --values out"),
        ("width", {"base": BASE.replace("model", trunk="VGG16")}, "Received: --trunk=VGG16"),
        ("width", {"base": BASE.replace("model", weights="w.weights.h5")}, "needs weights for every width"),
    ],
)
def test_what_cannot_be_done_is_refused(factor, more, message):
    with pytest.raises(InputError, match=message):
        study(factor, **more)
