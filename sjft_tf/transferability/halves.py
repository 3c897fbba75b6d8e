"""The classes of one set divided into A, that the first base learns, and B: at random, by lists, or by words."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sjft_tf.errors import InputError


@dataclass(frozen=True)
class Division:
    """A division of classes.

    Attributes:
        a, b: classes of each side, in the order of the set's.
        titles: what the sides are called.
        words: of each class the word that it went by; empty without.
        left_out: of each class on neither side why.
    """

    a: tuple[str, ...]
    b: tuple[str, ...]
    titles: tuple[str, str] = ("A", "B")
    words: Mapping[str, str] | None = None
    left_out: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        for title, side in zip(self.titles, (self.a, self.b), strict=True):
            if len(side) < 2:
                raise InputError(f"Each side needs at least 2 classes to tell apart. {title} has {len(side)}")

    def told(self) -> str:
        """A line about it."""
        (first, second), left = self.titles, len(self.left_out or ())
        more = f"; {left} on neither side: {_some(self.left_out or ())}" if left else ""
        return f"{first}: {len(self.a)} classes; {second}: {len(self.b)} classes{more}"


def _some(names: Iterable[str], most: int = 5) -> str:
    listed = list(names)
    return ", ".join(listed[:most]) + (", ..." if len(listed) > most else "")


def random_halves(names: Sequence[str], seed: int) -> Division:
    """Half of the classes each, drawn by `seed`: by a hash of each name, so that other classes change little."""

    def key(name: str) -> bytes:
        return hashlib.sha256(f"halves/{seed}/{name}".encode()).digest()

    first = set(sorted(names, key=key)[: len(names) // 2])
    return Division(tuple(n for n in names if n in first), tuple(n for n in names if n not in first))


def listed_halves(names: Sequence[str], a: str, b: str) -> Division:
    """The classes that two files list, a name a line.

    Raises:
        InputError: a file that cannot be read, a class that is not there or in both.
    """
    sides = [set(_listed(path, names)) for path in (a, b)]
    if both := sorted(sides[0] & sides[1]):
        raise InputError(f"--classes_a={a} and --classes_b={b} have classes in common: {_some(both)}")
    left = {name: "in neither list" for name in names if name not in sides[0] | sides[1]}
    first, second = (tuple(name for name in names if name in side) for side in sides)
    return Division(first, second, (Path(a).stem, Path(b).stem), left_out=left)


def _listed(path: str, names: Sequence[str]) -> list[str]:
    listed = [line for _, text in _lines(path) if (line := text.strip())]
    if unknown := [name for name in listed if name not in set(names)]:
        near = difflib.get_close_matches(unknown[0], names, n=3, cutoff=0.4) or names[:3]
        raise InputError(
            f"{path} names {len(unknown)} class(es) that the target does not have, such as {unknown[0][:300]!r}. "
            f"Among its {len(names)} classes are: {', '.join(map(repr, near))}"
        )
    return listed


def worded_halves(names: Sequence[str], words: str, texts: Mapping[str, str]) -> Division:
    """The classes in whose text a side's words stand; of several words the longest counts.

    Args:
        names: of the classes.
        words: a file of lines "SIDE: word, word, ..."; the side that comes first is A. See docs/studies.md.
        texts: of classes whose name does not say what they are.

    Raises:
        InputError: the file is not of this form, or a side has fewer than two classes.
    """
    sides = read_words(words)
    found: dict[str, tuple[str, str]] = {}
    left: dict[str, str] = {}
    for name in names:
        text = f" {_plain(texts.get(name, name))} "
        hits = [(len(word), word, side) for side, own in sides.items() for word in own if f" {word} " in text]
        longest = [hit for hit in hits if hit[0] == max(hits)[0]]
        if not hits:
            left[name] = "no word"
        elif len({side for _, _, side in longest}) > 1:
            left[name] = f"words of both sides: {', '.join(word for _, word, _ in longest)}"
        else:
            found[name] = longest[0][1:]
    first, second = sides
    return Division(
        tuple(name for name in names if name in found and found[name][1] == first),
        tuple(name for name in names if name in found and found[name][1] == second),
        (first, second),
        {name: word for name, (word, _) in found.items()},
        left,
    )


def read_words(path: str) -> dict[str, list[str]]:
    """{side: words} of a file of lines "SIDE: word, word, ..."; "#" begins a remark.

    Raises:
        InputError: it cannot be read, has other lines, not two sides, or a word on both.
    """
    sides: dict[str, list[str]] = {}
    for number, line in _lines(path):
        text = line.partition("#")[0].strip()
        side, colon, listed = (part.strip() for part in text.partition(":"))
        if text and not (side and colon and listed):
            raise InputError(
                f"{path}, line {number}: expected SIDE: word, word, ... such as natural: fish, sea snake. "
                f"Received: {text[:100]!r}"
            )
        if text:
            sides.setdefault(side, []).extend(word for part in listed.split(",") if (word := _plain(part)))
    if len(sides) != 2:
        raise InputError(f"{path} must have the words of two sides. Received: {_some(sides) or 'none'}")
    if both := sorted(set.intersection(*map(set, sides.values()))):
        raise InputError(f"{path} has words on both sides: {_some(both)}")
    return sides


def read_texts(path: str) -> dict[str, str]:
    """{class: text} of a file with a class, a tab and what it is on each line; none of "".

    Raises:
        InputError: it cannot be read, or a line has no tab.
    """
    texts: dict[str, str] = {}
    for number, line in _lines(path) if path else ():
        name, tab, text = line.partition("\t")
        if line.strip() and not tab:
            raise InputError(f"{path}, line {number}: expected a class, a tab and its text. Received: {line[:100]!r}")
        texts[name.strip()] = text
    return texts


def _lines(path: str) -> list[tuple[int, str]]:
    try:
        return list(enumerate(Path(path).read_text(encoding="utf-8-sig").splitlines(), start=1))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as text in UTF-8: {error}") from error


def _plain(text: str) -> str:
    """Words in small letters, one space between them: what names and lists are compared as."""
    return " ".join(re.findall(r"[^\W_]+", text.lower()))
