import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.errors import InputError
from sjft_tf.images.places.spec import Options, Spec, by_role, choose_split, parse, quoted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("digits", Spec("digits")),
        ("glyphs?n=8000&seed=1", Spec("glyphs", options=(("n", "8000"), ("seed", "1")))),
        ("folder:/data/c#/img", Spec("folder", "/data/c#/img")),
        ("folder:/data/c#/img#val", Spec("folder", "/data/c#/img", "val")),
        ("folder:/what?/img", Spec("folder", "/what?/img")),
        ("folder:C:/x y", Spec("folder", "C:/x y")),
        ("tfds:a/b:1.0.0/train[:10%]", Spec("tfds", "a/b:1.0.0/train[:10%]")),
        (
            "tfds:a/train[:10%]?data_dir=/x/y&download=false",
            Spec("tfds", "a/train[:10%]", None, (("data_dir", "/x/y"), ("download", "false"))),
        ),
        (" digits#test?per_class=5 ", Spec("digits", "", "test", (("per_class", "5"),))),
    ],
)
def test_parse(text, expected):
    assert parse(text) == expected
    assert parse(str(expected)) == expected


@given(
    st.sampled_from(["folder", "npz"]),
    st.text("abc/._- ", min_size=1).filter(lambda t: t == t.strip()),
    st.one_of(st.none(), st.text("abc[]:%0", min_size=1)),
    st.lists(st.tuples(st.text("abc", min_size=1), st.text("abc/0."))),
)
def test_text_and_back(kind, rest, split, options):
    spec = Spec(kind, rest, split, tuple(options))
    assert parse(str(spec)) == spec


@given(
    st.text("ab/#?%&=236F ", min_size=1).filter(lambda t: t == t.strip()),
    st.one_of(st.none(), st.text("ab#?%&=25", min_size=1).filter(lambda t: t == t.strip())),
    st.lists(st.tuples(st.text("abc", min_size=1), st.text("ab/#?%&=25 ").filter(lambda t: t == t.strip()))),
)
def test_text_and_back_with_the_signs_of_the_form(rest, split, options):
    spec = Spec("folder", rest, split, tuple(options))
    assert parse(str(spec)) == spec
    assert parse(f"folder:{quoted(rest)}").rest == rest


def test_quoted_signs():
    assert parse("folder:/a%23b/c%3F%2520d#x%2623") == Spec("folder", "/a#b/c?%20d", "x&23")
    assert parse(r"folder:/p?label=^(.+?)_#\d+%26&splits=false").options == (
        ("label", r"^(.+?)_#\d+&"),
        ("splits", "false"),
    )
    assert parse("folder:/50%/%41").rest == "/50%/%41"  # no other code is read
    assert str(parse("folder:/c%23/img")) == "folder:/c#/img"


@pytest.mark.parametrize("text", ["", ":x", "#train", "/some/where", "digits?per_class=5&seed"])
def test_not_a_spec(text):
    with pytest.raises(InputError, match=r"is not an image set|must look like key=value"):
        parse(text)


def options(**defaults):
    fields = [(name, type(value), value) for name, value in defaults.items()]
    return dataclasses.make_dataclass("Given", fields, bases=(Options,), frozen=True)


def test_options_take_the_type_of_their_default():
    spec = parse("x?a=3&b=false&c=text")
    given = spec.read_options(options(a=1, b=True, c="", d=4))
    assert dataclasses.asdict(given) == {"a": 3, "b": False, "c": "text", "d": 4}
    with pytest.raises(InputError, match=r"unknown option 'c'. Options of x: a, b"):
        spec.read_options(options(a=1, b=True))
    with pytest.raises(InputError, match=r"'c' must be an integer. Received: 'text'"):
        spec.read_options(options(a=1, b=True, c=1))
    with pytest.raises(InputError, match=r"'a' must be true or false. Received: '3'"):
        spec.read_options(options(a=True))


def test_path():
    assert parse("folder:~/x").path == (Path.home() / "x").resolve()
    with pytest.raises(InputError, match=r"names no path"):
        _ = parse("folder").path


def test_choose_split_by_name_or_role():
    assert choose_split(parse("f:x#val"), ["train", "val"]) == "val"
    assert choose_split(parse("f:x#validation"), ["train", "valid"]) == "valid"
    assert choose_split(parse("f:x#fold3"), ["fold3"]) == "fold3"
    with pytest.raises(InputError, match=r"has no split 'test'. Splits there: #train, #valid"):
        choose_split(parse("f:x#test"), ["train", "valid"])
    with pytest.raises(InputError, match=r"needs a split. Splits there: #train"):
        choose_split(parse("f:x"), ["train"])


def test_roles():
    assert by_role(["test", "dev", "training", "extra"]) == {"train": "training", "validation": "dev", "test": "test"}
    assert by_role(["test"]) == {}
