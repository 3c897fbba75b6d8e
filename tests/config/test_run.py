"""The settings: the paper's defaults, what is refused and how it is said, and the round trip through JSON."""

import dataclasses
import math
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError

PLAIN = replace(RunConfig(), data=replace(RunConfig().data, target="digits", source=["glyphs"]))
NUMBERS = [
    (section.name, item.name)
    for section in dataclasses.fields(RunConfig)
    for item in dataclasses.fields(getattr(PLAIN, section.name))
    if type(getattr(getattr(PLAIN, section.name), item.name)) in (int, float)
]


def changed(section, **values):
    return replace(PLAIN, **{section: replace(getattr(PLAIN, section), **values)})


def test_defaults_are_the_papers():
    config = RunConfig()
    assert (config.selection.delta, config.selection.wrong_growth, config.selection.uncertain_growth) == (0.1, 4, 2)
    assert (config.selection.selector, config.selection.k0, config.selection.source_share) == ("auto", "auto", 0.15)
    assert config.selection.passes == 2
    assert config.selection.least_sample_per_class == 0
    training = config.training
    assert (training.optimizer, training.momentum, training.weight_decay) == ("sgd", 0.9, 1e-4)
    assert (training.learning_rate, training.schedule, training.rounds) == (0.003, "cosine", 5)
    assert (training.target_weight, training.source_weight) == (1.0, 0.3)
    assert 2 * training.batch_size == 20
    assert config.training.total_steps == 16_000
    assert (config.view.resize, config.view.image_size, config.view.mirror) == (256, 224, True)
    assert (config.retrieval.descriptor_resize, config.retrieval.descriptor_crop) == (256, 224)
    assert (config.retrieval.bins, config.retrieval.max_neighbors) == (100, 5000)
    assert config.retrieval.bank_before_nonlinearity
    assert config.model.trunk == "ResNet152V2"
    assert config.model.weights == "imagenet"


def test_the_defaults_with_images_are_valid():
    assert PLAIN.validate() is PLAIN


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        ("data", {"target": ""}, r"--target is missing: .* e\.g\. --target=folder:PATH"),
        ("data", {"bad_images": "ignore"}, r"--bad_images must be one of error, skip\. Received: 'ignore'"),
        ("view", {"image_size": 0}, r"--image_size must be between 1 and 8192\. Received: 0"),
        ("view", {"image_size": 300}, "--image_size=300 is cut from --resize=256, which is smaller"),
        ("view", {"image_size": 300, "pad": 30}, "--image_size=300 is cut from --resize=256, which is smaller"),
        ("view", {"resize_max": 255}, "--resize_max=255 is below --resize=256"),
        ("retrieval", {"bins": 1}, r"--bins must be between 2 and 65535\. Received: 1"),
        ("retrieval", {"descriptor_crop": 257}, "--descriptor_crop=257 is cut from --descriptor_resize=256"),
        (
            "selection",
            {"selector": "best"},
            r"--selector must be one of auto, nearest, .*, .*, none\. Received: 'best'",
        ),
        ("selection", {"source_share": 0.0}, "--source_share must be between 1e-09 and 1"),
        ("selection", {"source_share": 1.5}, "--source_share must be between 1e-09 and 1"),
        ("selection", {"nearest_share": 0.0}, "--nearest_share must be between 1e-09 and 1"),
        ("selection", {"passes": 0.0}, "--passes must be between 0.001 and"),
        ("selection", {"draw_cap": 0.5}, r"--draw_cap must be 0 \(no cap\) or at least 1: .* Received: 0.5"),
        ("selection", {"draws": "own"}, "--draws must be one of neighbor, uniform"),
        ("model", {"dropout": 1.0}, "--dropout must be between"),
        ("model", {"reset_from": "x", "weights": "none"}, "--reset_from keeps the first layers of --weights, but"),
        ("data", {"prune_target": True, "target_rows": "kept.json"}, "give one of the two"),
        ("prune", {"cross_fit": 2}, "--cross_fit must be 0 .off. or at least 3 folds. Received: 2"),
        ("prune", {"solver": "lissa"}, "--solver=lissa is for --influence_layers; the convex head has direct and cg"),
        ("prune", {"solver": "direct", "influence_layers": ["all"]}, "--influence_layers goes with --solver=cg, lissa"),
        ("prune", {"cross_fit": 5, "influence_layers": ["all"]}, "--influence_layers goes with .* without --cross_fit"),
        ("prune", {"cross_fit": 5, "drop_confidence": 0.9}, "--drop_confidence resamples one validation set"),
        ("prune", {"prune_by": "loss", "focus_class": ["a"]}, "--prune_by=loss knows no --focus_class"),
        ("training", {"schedule": "linear"}, r"--schedule must be one of step, cosine, constant\. Received: 'linear'"),
        ("training", {"learning_rate": math.nan}, "--learning_rate must be between .* Received: nan"),
        ("training", {"momentum": 1.0}, "--momentum must be between"),
        (
            "training",
            {"rounds": 2, "steps_per_round": 5, "warmup_steps": 10},
            r"--warmup_steps must be below the 10 steps of the run.*Received: 10",
        ),
    ],
)
def test_what_is_refused(section, values, message):
    with pytest.raises(InputError, match=message):
        changed(section, **values).validate()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"search": "approximate"}, "--search=approximate is for filter banks; --bank=features has no descriptors"),
        ({"keep_descriptors": True}, "--keep_descriptors is for filter banks"),
        ({"reduced_decoding": True}, "--reduced_decoding is for filter banks"),
        ({"bank_layers": ["conv1"]}, "--bank_layers is for filter banks"),
        ({"bank_weights": "imagenet"}, "--bank_weights is for filter banks"),
    ],
)
def test_features_have_no_descriptors(values, message):
    changed("retrieval", bank="features").validate()
    with pytest.raises(InputError, match=message):
        changed("retrieval", bank="features", **values).validate()


def test_a_random_trunk_chooses_nothing():
    for section, values, which in (
        ("retrieval", {"bank": "features"}, "--bank=features"),
        ("selection", {"selector": "class_importance"}, "--selector=class_importance"),
        ("selection", {"selector": "uot"}, "--selector=uot"),
        ("selection", {"selector": "gradients"}, "--selector=gradients"),
    ):
        config = replace(changed(section, **values), model=replace(PLAIN.model, weights="none"))
        with pytest.raises(InputError, match=f"^{which} looks at images through .* --weights=none is random"):
            config.validate()
        # Plain fine-tuning with the same flags chooses nothing.
        replace(config, selection=replace(config.selection, selector="none")).validate()


@pytest.mark.parametrize("k0", ["0", "-3", "2.5", "many", "", " 7", "²"])
def test_k0_is_a_number_or_auto(k0):
    with pytest.raises(InputError, match="--k0 must be a number from 1, auto or share"):
        changed("selection", k0=k0).validate()


@given(st.text(max_size=4))
def test_any_k0_that_passes_can_be_read(k0):
    config = changed("selection", k0=k0)
    try:
        config.validate()
    except InputError:
        return
    assert config.selection.fixed_k0() is None or config.selection.fixed_k0() >= 1


def test_k0_as_a_number():
    assert changed("selection", k0="12").validate().selection.fixed_k0() == 12
    assert PLAIN.selection.fixed_k0() is None


@pytest.mark.parametrize(("section", "name"), NUMBERS)
def test_every_number_has_its_limits(section, name):
    for value in (-1, 10**10):
        with pytest.raises(InputError, match=rf"^--{name} must be between .* Received: {value}$"):
            changed(section, **{name: value}).validate()


@pytest.mark.parametrize("selector", ["nearest", "random", "all"])
def test_what_borrows_needs_a_source(selector):
    alone = replace(changed("data", source=[]), selection=replace(PLAIN.selection, selector=selector))
    message = rf"--selector={selector} borrows images, but no --source was given\..*--selector=none"
    with pytest.raises(InputError, match=message):
        alone.validate()


def test_auto_borrows_where_there_is_a_source():
    alone = changed("data", source=[])
    assert alone.validate() is alone
    assert (alone.borrows, alone.may_search, PLAIN.borrows, PLAIN.may_search) == (False, False, True, True)
    plain = replace(PLAIN, selection=replace(PLAIN.selection, selector="none"))
    assert (plain.borrows, plain.may_search) == (False, False)
    bank = replace(PLAIN, retrieval=replace(PLAIN.retrieval, bank="alexnet"))
    with pytest.raises(InputError, match="Bank alexnet needs weights"):
        bank.check_bank()
    replace(bank, data=alone.data).check_bank()


def test_plain_fine_tuning_needs_no_source():
    plain = replace(changed("data", source=[]), selection=replace(PLAIN.selection, selector="none"))
    assert plain.validate() is plain


@given(
    st.builds(
        lambda sources, target, k0, share, rounds, rate, mirror: replace(
            PLAIN,
            data=replace(PLAIN.data, source=sources, target=target),
            view=replace(PLAIN.view, mirror=mirror),
            selection=replace(PLAIN.selection, k0=k0, source_share=share),
            training=replace(PLAIN.training, rounds=rounds, learning_rate=rate),
        ),
        st.lists(st.text(max_size=8), max_size=3),
        st.text(max_size=8),
        st.sampled_from(["auto", "share", "1", "50"]),
        st.floats(0.01, 1.0),
        st.integers(1, 9),
        st.floats(1e-9, 1.0),
        st.booleans(),
    )
)
def test_json_and_back(tmp_path_factory, config):
    from sjft_tf import artifacts

    path = tmp_path_factory.mktemp("config") / "config.json"
    artifacts.write_json(path, config.to_json())
    assert RunConfig.from_json(artifacts.read_json(path)) == config


def test_older_configurations_take_the_defaults():
    assert RunConfig.from_json({}) == RunConfig()
    assert RunConfig.from_json({"view": {"pad": 3}}) == replace(RunConfig(), view=replace(RunConfig().view, pad=3))


@pytest.mark.parametrize("given_settings", [{"view": {"pad": 3, "zoom": 2}}, {"zoom": {"factor": 2}}])
def test_settings_of_a_newer_version_are_refused(given_settings):
    with pytest.raises(InputError, match=r"settings this version does not know: \['zoom'\]"):
        RunConfig.from_json(given_settings)


def test_lists_are_not_shared():
    RunConfig().data.source.append("folder:x")
    assert RunConfig().data.source == []


def test_reading_settings_does_not_import_tensorflow():
    code = "import sys, sjft_tf.config; sjft_tf.config.RunConfig(); print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_profiled_steps():
    assert PLAIN.monitor.profiled_steps(16_000) == range(0)
    assert changed("monitor", profile="20:25").validate().monitor.profiled_steps(16_000) == range(20, 25)
    assert changed("monitor", profile="0:16000").validate().monitor.profiled_steps(16_000) == range(16_000)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        *[(text, "two step numbers such as 20:25. Received: ") for text in ("20", "a:b", "5:5", "9:3", "-1:4", ":4")],
        *[(text, "two step numbers") for text in ("1:2:3", "٣:٤", " 1:2", "1:99999999999")],
        ("3:16001", "beyond the 16000 steps of the run"),
    ],
)
def test_bad_profiles_are_refused(given, said):
    with pytest.raises(InputError, match=said):
        changed("monitor", profile=given).validate()


def test_what_monitors_a_run_changes_no_result():
    assert PLAIN.stamp("monitor") == {}


def test_stamps_of_runs_from_before_an_option_stay_valid():
    assert not {"mixup", "cutmix"} & PLAIN.stamp("augmentation").keys()
    assert changed("augmentation", mixup=0.2).stamp("augmentation")["mixup"] == 0.2
