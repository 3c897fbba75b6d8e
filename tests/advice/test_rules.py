"""The decision table: all four cells, borders, random weights; every command is a valid configuration."""

import json
import math
import shlex
from dataclasses import replace

import pytest

from sjft_tf.advice import Measurement, advise, command, flags_of
from sjft_tf.advice.trunk_stages import early_stage, middle_stage
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError

PLAIN = RunConfig()
USER = replace(
    PLAIN,
    data=replace(PLAIN.data, target="folder:MY IMAGES", source=["folder:LARGE_SET", "glyphs?n=520"], audit=False),
    training=replace(PLAIN.training, layer_rate=["conv2:0.5"]),
).validate()


def with_settings(settings):
    return USER.with_settings(**settings).validate()


def measured(median, ratio, **more):
    return Measurement(median * 10, 10, median, median, median, 40_000, ratio, **more)


def advice_for(median, ratio, **more):
    return advise(measured(median, ratio, **more), "ResNet152V2", pretrained=True)


def test_little_and_similar():
    advice = advice_for(10, 1.2)
    assert advice.cell == "little data, similar domain"
    assert [recipe.name for recipe in advice.recipes] == ["borrow", "linear-head"]
    assert advice.borrowing.startswith("likely to help")
    config = with_settings(advice.recipes[1].settings)
    assert (config.model.freeze, config.model.freeze_batch_norm, config.selection.selector) == ("trunk", True, "none")
    assert with_settings(advice.recipes[0].settings).selection.selector == "auto"


def test_little_and_different():
    advice = advice_for(10, 4.0)
    assert advice.cell == "little data, different domain"
    assert [recipe.name for recipe in advice.recipes] == ["borrow", "early-frozen"]
    assert advice.borrowing.startswith("likely to help")
    config = with_settings(advice.recipes[1].settings)
    assert (config.model.freeze, config.training.layer_rate) == ("conv2", ["trunk:0.1"])


def test_much_and_similar():
    advice = advice_for(500, 1.2)
    assert advice.cell == "much data, similar domain"
    assert [recipe.name for recipe in advice.recipes] == ["layer-rates", "borrow"]
    assert advice.borrowing.startswith("may still help")
    config = with_settings(advice.recipes[0].settings)
    assert config.training.layer_rate == ["conv4:0.01", "trunk:0.1"]
    assert config.model.freeze == ""


def test_much_and_different():
    advice = advice_for(500, 4.0)
    assert advice.cell == "much data, different domain"
    assert [recipe.name for recipe in advice.recipes] == ["fine-tune", "borrow"]
    assert advice.borrowing.startswith("not likely")
    assert with_settings(advice.recipes[0].settings).training.layer_rate == []


@pytest.mark.parametrize(
    ("ratio", "parts", "takes"),
    [
        (9.0, {"a": 9.0, "b": 1.0}, "the whole source"),
        (1.2, {"a": 1.0, "b": 1.5}, "the whole source"),
        (4.0, {"a": 4.0, "b": 9.0}, "nothing of this source"),
    ],
)
def test_borrowing_is_left_to_auto_whose_decision_is_told(ratio, parts, takes):
    advice = advice_for(10, ratio, parts=parts)
    recipe = advice.recipes[0]
    assert (recipe.name, recipe.settings) == ("borrow", {"selector": "auto"})
    assert takes in recipe.why
    assert "co-tunes" in recipe.why
    assert "co-tunes" not in advise(measured(10, ratio, parts=parts), "VGG16", pretrained=False).recipes[0].why


@pytest.mark.parametrize(("median", "little"), [(49, True), (50, False)])
@pytest.mark.parametrize(("ratio", "similar"), [(1.999, True), (2.0, False), (math.inf, False)])
def test_thresholds(median, little, ratio, similar):
    measurement = measured(median, ratio)
    assert (measurement.little, measurement.similar) == (little, similar)


def test_bordering_cases_are_said_to_be_so():
    assert not [note for note in advice_for(10, 1.2).notes if "Bordering" in note]
    (note,) = [note for note in advice_for(10, 1.9).notes if "Bordering" in note]
    assert "1.90 is near the threshold of 2. It may as well be: little data, different domain" in note
    (note,) = [note for note in advice_for(60, 1.2).notes if "Bordering" in note]
    assert "60 images a class are near the threshold of 50. It may as well be: little data, similar domain" in note
    assert len(measured(45, 2.2).borders()) == 2


def test_what_the_measurement_cannot_tell():
    assert any("exact copy" in note for note in advice_for(10, math.inf).notes)
    uneven = advise(Measurement(5000, 10, 3, 400, 900, 40_000, 1.2), "VGG16", pretrained=True)
    assert any("the smallest has 3 images" in note for note in uneven.notes)
    assert any("images the trunk was trained on" in note for note in uneven.notes)


@pytest.mark.parametrize(("median", "ratio"), [(10, 1.2), (10, 4.0), (500, 1.2), (500, 4.0)])
def test_random_weights_leave_nothing_to_keep(median, ratio):
    advice = advise(measured(median, ratio), "preact_resnet", pretrained=False)
    assert {recipe.name for recipe in advice.recipes} == {"borrow", "fine-tune"}
    assert advice.recipes[0].name == ("fine-tune" if (median, ratio) == (500, 4.0) else "borrow")
    assert not any("images the trunk was trained on" in note for note in advice.notes)


def test_what_is_not_finite_is_null_in_json():
    text = json.dumps(measured(10, math.inf).to_json(), allow_nan=False)
    assert json.loads(text)["ratio"] is None
    assert json.loads(text)["median"] == 10


def test_flags_are_the_settings_that_differ():
    assert flags_of(USER) == [
        "--target=folder:MY IMAGES",
        "--source=folder:LARGE_SET",
        "--source=glyphs?n=520",
        "--noaudit",
        "--layer_rate=conv2:0.5",
    ]
    words = shlex.split(command("train", USER, "runs/a b", "--plan"))
    assert words[:3] == ["python", "scripts/train.py", "--target=folder:MY IMAGES"]
    assert words[-2:] == ["--workdir=runs/a b", "--plan"]


def test_settings_that_do_not_go_together_are_refused():
    with pytest.raises(InputError, match="freeze_batch_norm|selector"):
        with_settings({"selector": "some"})


@pytest.mark.parametrize("trunk", ["ResNet50V2", "DenseNet121", "VGG16", "MobileNetV2", "EfficientNetB0"])
def test_the_stages_exist(trunk):
    check_stages(trunk)


@pytest.mark.slow
@pytest.mark.parametrize("trunk", ["ResNet152V2", "ConvNeXtTiny", "Xception", "NASNetMobile", "MobileNetV3Small"])
def test_the_stages_of_further_trunks_exist(trunk):
    check_stages(trunk, 96)


def test_the_stages_of_the_smallest_trunk_exist():
    check_stages("preact_resnet", depth=8, width=4)


def check_stages(trunk, size=64, **settings):
    from sjft_tf.models import build_trunk, layers_up_to

    model = build_trunk(trunk, size, weights="none", **settings)
    early, middle = (len(layers_up_to(model, name(trunk))) for name in (early_stage, middle_stage))
    assert 0 < early < middle < len([layer for layer in model.layers if layer.weights])
