"""The cells of a study of transferability: which trunk each starts from, what is frozen, on which classes."""

from dataclasses import replace

import pytest

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.transferability import TransferSpec

BASE = RunConfig().replace("data", target="digits").replace("model", trunk="plain5", weights="none")
SPEC = TransferSpec(BASE, layers=(2, 5), seeds=(0, 1))
LAYERS = [f"conv{number}" for number in range(1, 6)]
NAMES = [str(number) for number in range(10)]


def study(spec=SPEC):
    return spec.check().study(LAYERS, spec.divisions(NAMES)).check()


def settings(cell, seed=1, of=None):
    one = of or study()
    return one.config(one.by_name[cell], seed)


def test_cells():
    cells = study().by_name
    assert list(cells) == [
        *("base-A", "base-B", "B2B", "B2B+", "A2B", "A2B+", "R2", "B5B", "B5B+", "A5B", "A5B+", "R5"),
    ]
    assert {name: cell.after for name, cell in cells.items() if "2" in name} == {
        **{"B2B": "base-B", "B2B+": "base-B", "A2B": "base-A", "A2B+": "base-A", "R2": ""}
    }
    frozen = {name: (settings(name).model.freeze, settings(name).model.reset_from) for name in cells}
    assert frozen["A2B"] == ("2", "2")
    assert frozen["B2B+"] == ("", "2")
    assert frozen["A5B"] == ("5", "")  # the head alone starts anew
    assert frozen["R2"] == ("2", "")
    assert frozen["base-B"] == ("", "")
    assert settings("A2B").model.weights == "runs/base-A/seed1/trunk.weights.h5"
    assert settings("R2").model.weights == "none"
    assert {settings(name).model.head_start for name in cells} == {"random"}
    assert cells["A2B"].axes == {"first layers": "AnB", "n": 2}
    assert cells["A2B"].description.endswith("layer 2 is conv2.")


def test_each_seed_has_its_halves_unless_one_is_given():
    assert settings("base-A").data.target == "digits?only_classes=@{workdir}/shared/classes/A-seed1.txt"
    assert settings("B2B", 0).data.target.endswith("/B-seed0.txt")
    fixed = replace(SPEC, split_seed=7)
    assert settings("base-A", of=study(fixed)).data.target.endswith("/A.txt")
    assert fixed.divisions(NAMES)[0] == fixed.divisions(NAMES)[1]
    assert SPEC.divisions(NAMES)[0] != SPEC.divisions(NAMES)[1]
    named = replace(SPEC, base=BASE.replace("data", test="folder:T#test?label=a", validation="none"))
    assert settings("A2B", of=study(named)).data.test.startswith("folder:T#test?label=a&only_classes=@")
    assert settings("A2B", of=study(named)).data.validation == "none"


def test_two_sets_are_not_divided():
    two = replace(SPEC, other="glyphs", base=BASE.replace("data", test="digits#test", source=["glyphs"]))
    one = study(two)
    assert two.divisions(NAMES) == {}
    assert (settings("base-A", of=one).data.target, settings("base-A", of=one).data.test) == ("glyphs", "")
    assert (settings("A2B", of=one).data.target, settings("A2B", of=one).data.test) == ("digits", "digits#test")
    assert settings("base-B", of=one).data.source == []
    assert one.notes == ("A is glyphs, B is digits.",)


def test_what_words_match_is_told(tmp_path):
    (tmp_path / "words.txt").write_text("low: 1, 2, 3\nhigh: 7, 8\n")
    one = study(replace(SPEC, words=str(tmp_path / "words.txt")))
    (said,) = one.notes
    assert said.startswith("A and B: low: 3 classes; high: 2 classes; 5 on neither side: 0, 4, 5, 6, 9. classes.csv")
    assert settings("A2B", of=one).data.target.endswith("classes/B.txt")


def test_what_is_not_asked_for_is_not_run():
    few = study(replace(SPEC, kinds=("BnB",), layers=()))
    assert list(few.by_name) == ["base-B", *(f"B{n}B" for n in range(1, 6))]
    assert SPEC.values_of_n(21) == (2, 5)
    assert replace(SPEC, layers=()).values_of_n(21) == (1, 4, 8, 11, 14, 18, 21)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kinds": ("AnC",)}, "--kinds=AnC: there is no such kind. Kinds: BnB, "),
        ({"seeds": ()}, "--seeds must be different numbers from 0"),
        ({"kinds": ()}, "--kinds must name at least one"),
        ({"classes_a": "a.txt"}, "--classes_a and --classes_b go together"),
        ({"words": "w.txt", "other": "glyphs"}, "--source and --words each say what A is"),
        ({"words": "w.txt", "split_seed": 3}, "--words and --split_seed each say what A is"),
        ({"words": "gone.txt"}, "gone.txt cannot be read as text"),
        ({"class_names": "n.tsv"}, "--class_names says what classes are for --words"),
        ({"base": BASE.replace("model", freeze="1")}, "--freeze and --reset_from are what this study varies"),
        ({"layers": (6,)}, r"--layers must be from 1 to 5, .*Received: \[6\]"),
    ],
)
def test_refusals(changes, message):
    with pytest.raises(InputError, match=message):
        study(replace(SPEC, **changes))
