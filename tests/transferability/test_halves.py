"""The classes of one set on two sides: drawn, listed, or by words."""

import pytest

from sjft_tf.errors import InputError
from sjft_tf.transferability import listed_halves, random_halves, read_texts, worded_halves

NAMES = [f"c{number}" for number in range(9)]


def test_random_halves_are_drawn_by_the_seed_and_cover_everything():
    one = random_halves(NAMES, 3)
    assert (len(one.a), len(one.b)) == (4, 5)
    assert sorted({*one.a, *one.b}) == NAMES
    assert list(one.a) == sorted(one.a)
    assert random_halves(NAMES, 3) == one
    assert len({random_halves(NAMES, seed).a for seed in range(5)}) > 1
    assert one.told() == "A: 4 classes; B: 5 classes"


def test_listed_halves_keep_the_order_of_the_set(tmp_path):
    (tmp_path / "near.txt").write_text("c3\n c1 \n\n", "utf-8-sig")
    (tmp_path / "far.txt").write_text("c2\nc8\n")
    one = listed_halves(NAMES, str(tmp_path / "near.txt"), str(tmp_path / "far.txt"))
    assert (one.a, one.b, one.titles) == (("c1", "c3"), ("c2", "c8"), ("near", "far"))
    assert one.told() == "near: 2 classes; far: 2 classes; 5 on neither side: c0, c4, c5, c6, c7"
    (tmp_path / "far.txt").write_text("c2\nc3\n")
    with pytest.raises(InputError, match="have classes in common: c3"):
        listed_halves(NAMES, str(tmp_path / "near.txt"), str(tmp_path / "far.txt"))
    (tmp_path / "far.txt").write_text("c22\n")
    with pytest.raises(InputError, match=r"names 1 class\(es\) that the target does not have, such as 'c22'.*'c2'"):
        listed_halves(NAMES, str(tmp_path / "near.txt"), str(tmp_path / "far.txt"))
    with pytest.raises(InputError, match=r"gone\.txt cannot be read"):
        listed_halves(NAMES, str(tmp_path / "near.txt"), str(tmp_path / "gone.txt"))


def test_words_are_whole_and_the_longest_counts(tmp_path):
    path = tmp_path / "words.txt"
    lines = [
        "# two sides",
        "natural: mouse, Sea-Snake, tree  # living",
        "man-made: computer mouse, car",
        "man-made: bus",
    ]
    path.write_text("\n".join(lines))
    texts = tmp_path / "names.tsv"
    texts.write_text("n1\tcomputer mouse, mouse\nn2\tsea snake\n")
    names = ["n1", "n2", "school_bus", "Mouse", "cart", "oak tree", "car in a tree"]
    one = worded_halves(names, str(path), read_texts(str(texts)))
    assert one.titles == ("natural", "man-made")
    assert one.a == ("n2", "Mouse", "oak tree", "car in a tree")
    assert one.b == ("n1", "school_bus")
    assert one.words["n1"] == "computer mouse"
    assert one.left_out == {"cart": "no word"}


def test_a_class_of_both_sides_is_left_out(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("one: cat, ape\ntwo: dog, pig\n")
    one = worded_halves(["cat dog", "cat", "ape", "dog", "pig"], str(path), {})
    assert one.left_out == {"cat dog": "words of both sides: cat, dog"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("one: a\ntwo", r"line 2: expected SIDE: word, word, .*Received: 'two'"),
        ("one: a", "must have the words of two sides. Received: one"),
        ("", "Received: none"),
        ("one: a\ntwo: b, a", "has words on both sides: a"),
        ("one: cat\ntwo: dog", "Each side needs at least 2 classes to tell apart. one has 1"),
    ],
)
def test_word_lists_that_cannot_be_meant(tmp_path, text, message):
    path = tmp_path / "words.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        worded_halves(["cat", "dog"], str(path), {})
    path.write_text("n1 goldfish\n")
    with pytest.raises(InputError, match="line 1: expected a class, a tab and its text. Received: 'n1 goldfish'"):
        read_texts(str(path))
