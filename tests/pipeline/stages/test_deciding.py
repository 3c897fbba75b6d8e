"""--selector=auto of a run: measured and decided once, kept, and heeded."""

import json

import numpy as np
import pytest

from sjft_tf import artifacts
from sjft_tf.advice import FAR
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet
from sjft_tf.pipeline.stages import deciding
from sjft_tf.pipeline.stages.deciding import decision_of, kept_decision, resolved
from sjft_tf.pipeline.stages.sampling import GROUPS, Samples
from sjft_tf.retrieval import Layout
from sjft_tf.run_sets import Sets
from sjft_tf.workdir import Workdir


def some(count, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 255, (count, 8, 8, 3), np.uint8)
    return ImageSet.from_arrays("some", pixels, np.arange(count) % 2)


SETS = Sets(some(6), source=some(20, 1))


def settings(draws=20, co_tuning="0", **selection):
    config = RunConfig().replace("data", target="target", source=["source"]).replace("selection", **selection)
    return config.replace("training", rounds=1, steps_per_round=draws, batch_size=1, co_tuning=co_tuning).validate()


class Measured:
    """In place of described samples: a distance, and how often it was asked for."""

    def __init__(self, monkeypatch, whole, **parts):
        self.whole, self.parts, self.asked = whole, parts, []
        monkeypatch.setattr(deciding.Samples, "of", self.of)

    def of(self, *_, **more):
        self.asked.append(more)
        return self

    @property
    def distance(self):
        return type("Distance", (), {"ratio": self.whole})

    def part_ratios(self):
        self.asked.append("parts")
        return self.parts


@pytest.fixture
def workdir(tmp_path):
    return Workdir(tmp_path)


@pytest.mark.parametrize(
    ("whole", "parts", "selector"),
    [(FAR - 0.01, {}, "all"), (FAR, {"a": FAR, "b": 9.0}, "none"), (9.0, {"a": 9.0, "b": 1.0}, "all")],
)
def test_it_takes_what_is_not_far_away(workdir, monkeypatch, caplog, whole, parts, selector):
    measured = Measured(monkeypatch, whole, **parts)
    with caplog.at_level("INFO", "sjft_tf"):
        config, sets = resolved(settings(), SETS, workdir)
    assert config.selection.selector == selector
    assert (sets.source is None) == (selector == "none")
    assert measured.asked == [{"several": False}, "parts"]
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"selector=auto takes {selector}: ")


@pytest.mark.parametrize(("whole", "selector"), [(1.0, "all"), (9.0, "none")])
def test_what_auto_takes_is_co_tuned_by_itself(workdir, monkeypatch, whole, selector):
    Measured(monkeypatch, whole)
    for given, weight in (("auto", "related"), ("0.5", "0.5")):
        config, sets = resolved(settings(co_tuning=given), SETS, workdir)
        assert (config.selection.selector, config.training.co_tuning, sets) == (selector, weight, SETS)


def test_it_is_decided_once(workdir, monkeypatch):
    measured = Measured(monkeypatch, 1.0)
    first = decision_of(settings(), SETS, workdir)
    measured.whole = 9.0
    assert decision_of(settings(), SETS, workdir) == first
    assert len(measured.asked) == 2
    kept = json.loads(workdir.decision.read_text())
    assert (kept["selector"], set(kept["made_from"])) == ("all", {"target", "source"})
    chosen = kept_decision(settings(), workdir)
    assert (chosen.selector, chosen.reason) == (first.selector, first.reason)
    assert kept_decision(settings(selector="all"), workdir) is None


def test_one_of_other_images_is_made_again(workdir, monkeypatch):
    measured = Measured(monkeypatch, 1.0)
    decision_of(settings(), SETS, workdir)
    measured.whole = 9.0
    assert decision_of(settings(draws=22, passes=1.9), SETS, workdir).selector == "all"
    assert decision_of(settings(), Sets(some(5), source=SETS.source), workdir).selector == "none"


def test_a_k0_that_nothing_looks_for_is_told(workdir, monkeypatch, caplog):
    Measured(monkeypatch, 1.0)
    resolved(settings(), SETS, workdir)
    assert "--k0" not in caplog.text
    resolved(settings(k0="3"), SETS, workdir)
    assert "--k0=3 has no effect with --selector=auto" in caplog.text


def test_a_damaged_one_is_made_again(workdir, monkeypatch, caplog):
    Measured(monkeypatch, 1.0)
    first = decision_of(settings(), SETS, workdir)
    for damage in (lambda text: text[:-9], lambda text: text.replace('"all"', '"nearest"')):
        workdir.decision.write_text(damage(workdir.decision.read_text()))
        with pytest.raises(InputError):
            kept_decision(settings(), workdir)
        assert decision_of(settings(), SETS, workdir) == first
    artifacts.write_json(workdir.decision, {**artifacts.read_json(workdir.decision), "selector": "best"})
    assert decision_of(settings(), SETS, workdir) == first
    assert "It is made again" in caplog.text


def test_nothing_to_decide(workdir, monkeypatch):
    monkeypatch.setattr(deciding, "decision_of", None)
    for selector in ("nearest", "none"):
        config = settings(selector=selector)
        assert resolved(config, SETS, workdir) == (config, SETS)


def test_without_a_source_it_is_plain_fine_tuning(workdir):
    alone = Sets(SETS.target)
    config, sets = resolved(settings().replace("data", source=[]), alone, workdir)
    assert (config.selection.selector, sets) == ("none", alone)


def histograms(places, rng, bins=4):
    """Images of one filter each, most of whose responses are in the bins `places`."""
    values = rng.uniform(0.01, 0.02, (len(places), bins)).astype(np.float32)
    values[np.arange(len(places)), places] += 1
    return values / values.sum(axis=1, keepdims=True)


def test_the_near_classes_of_a_far_source_are_found(rng):
    target = histograms(np.zeros(20, int), rng)
    places = np.repeat([3, 2, 0, 3, 2, 3, 2, 3], 30)
    names = [f"class {number}" for number in np.repeat(np.arange(8), 30)]
    layout = Layout((1,), 4)
    groups = Samples(target, histograms(places, rng), layout, names, several=False).part_ratios()
    assert len(groups) == GROUPS
    assert next(iter(groups)) == "class 2 and 1 more"
    assert groups["class 2 and 1 more"] < 2
    assert min(list(groups.values())[1:]) > FAR
    sets = [f"{'leaves' if place == 0 else 'maps'}/{name}" for place, name in zip(places, names, strict=True)]
    parts = Samples(target, histograms(places, rng), layout, sets, several=True).part_ratios()
    assert set(parts) == {"leaves", "maps"}
    assert parts["leaves"] < 2 < FAR < parts["maps"]
    few = Samples(target, histograms(places[:30], rng), layout, names[:30], several=False).part_ratios()
    assert list(few) == ["class 0"]


def test_samples_are_drawn_by_the_seed():
    one, again, other = (Samples.of(some(9), some(12, 1), (5, 7), seed) for seed in (0, 0, 1))
    assert (one.target.shape[0], one.source.shape[0], len(one.classes)) == (5, 7, 7)
    np.testing.assert_array_equal(one.source, again.source)
    assert one.distance == again.distance != other.distance
