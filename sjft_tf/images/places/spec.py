"""The text form of an image set: `KIND:REST[#split][?key=value&...]`.

Where a path, a split or an option's value contains what the form itself is made of, it is written as in a web address:
`%23` for #, `%3F` for ?, `%26` for &, `%25` for a % that stands before one of these codes. No other code is read.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from sjft_tf.errors import InputError

_FORM = re.compile(
    r"(?P<kind>[A-Za-z][A-Za-z0-9_]*)(?::(?P<rest>.*?))?(?:#(?P<split>[^#/?]+))?(?:\?(?P<options>[^?/=]+=.*))?", re.S
)

_CODES = {"#": "%23", "?": "%3F", "&": "%26", "%": "%25"}
_CODE = re.compile("|".join(_CODES.values()), re.I)
_CODED = re.compile(r"[#?&]|%(?=23|3F|26|25)", re.I)

_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")

ROLES: dict[str, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("val", "validation", "valid", "dev"),
    "test": ("test", "testing"),
}
"""What the splits of a set are for, and the names people give them."""


def is_remote(path: str) -> bool:
    """Whether a path names a file system (gs://, hdfs://, ram://, ...) and is none of the local disk's."""
    return "://" in path and _REMOTE.match(path) is not None


@dataclasses.dataclass(frozen=True)
class Options:
    """What a kind of image set can be told: a subclass has a field with a default for each option, this one none."""


KindOptions = TypeVar("KindOptions", bound=Options)


@dataclasses.dataclass(frozen=True)
class Spec:
    """One parsed spec. `rest` is a path or a name, "" where the kind needs none."""

    kind: str
    rest: str = ""
    split: str | None = None
    options: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        plain = self._text(str)
        try:
            return plain if _read(plain) == self else self._text(quoted)
        except InputError:
            return self._text(quoted)

    def _text(self, written: Callable[[str], str]) -> str:
        text = self.kind + (f":{written(self.rest)}" if self.rest else "")
        text += f"#{written(self.split)}" if self.split else ""
        return text + ("?" + "&".join(f"{k}={written(v)}" for k, v in self.options) if self.options else "")

    def at(self, split: str) -> Spec:
        """The same set's split of that name."""
        return dataclasses.replace(self, split=split)

    @property
    def path(self) -> Path:
        """`rest` as an absolute path. Raises InputError where the system could never find it."""
        if not self.rest:
            raise InputError(f"'{self}' names no path. Expected {self.kind}:PATH")
        try:
            path = Path(self.rest).expanduser().resolve()
            str(path).encode()
            path.stat()
        except (FileNotFoundError, NotADirectoryError):
            pass  # a pattern, or for whoever opens it to say
        except UnicodeEncodeError:
            raise InputError(f"{str(self)!a}: the path is not UTF-8. Rename its folders") from None
        except OSError as error:
            raise InputError(f"'{self}': the path cannot be used: {error.strerror or error}") from error
        except (RuntimeError, ValueError) as error:  # "~nobody", links to themselves; NUL
            raise InputError(f"{str(self)!a}: the path cannot be used: {error}") from error
        return path

    @property
    def location(self) -> str:
        """`rest` as it stands if it is remote, else as an absolute path."""
        return self.rest if is_remote(self.rest) else str(self.path)

    def read_options(self, kind_options: type[KindOptions]) -> KindOptions:
        """The options, converted to the types of their defaults; one that `kind_options` does not have is refused."""
        defaults: dict[str, int | str | bool] = dataclasses.asdict(kind_options())
        values: dict[str, int | str | bool] = {}
        for key, text in self.options:
            if key not in defaults:
                known = ", ".join([*defaults, "only_classes"])
                hint = ". A ? that belongs to the path is written %3F" if "/" in key + text else ""
                raise InputError(f"'{self}': unknown option '{key}'. Options of {self.kind}: {known}{hint}")
            try:
                values[key] = _convert(text, defaults[key])
            except ValueError as error:
                expected = "true or false" if isinstance(defaults[key], bool) else "an integer"
                raise InputError(f"'{self}': option '{key}' must be {expected}. Received: {text!r}") from error
        return kind_options(**values)


def _convert(text: str, default: int | str | bool) -> int | str | bool:
    if isinstance(default, bool):
        if text.lower() not in ("true", "false", "1", "0"):
            raise ValueError(text)
        return text.lower() in ("true", "1")
    return int(text) if isinstance(default, int) else text


def quoted(text: str) -> str:
    """A path, split or value with what the form is made of in codes, for a spec that is put together from parts."""
    return _CODED.sub(lambda match: _CODES[match[0]], text)


def _unquoted(text: str) -> str:
    return _CODE.sub(lambda match: chr(int(match[0][1:], 16)), text)


def parse(text: str | Spec) -> Spec:
    """Reads a spec; a '#' inside a path's folders is part of the path, and a '?' before what is no option."""
    if isinstance(text, Spec):
        return text
    if (spec := _read(text.strip())) is None:
        raise InputError(
            f"'{text}' is not an image set. Expected KIND:REST[#split][?key=value&...], e.g. folder:/data/flowers#train"
        )
    return spec


def _read(text: str) -> Spec | None:
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    pairs = [part.partition("=") for part in (match["options"] or "").split("&") if part]
    if any(not key or not equal for key, equal, _ in pairs):
        raise InputError(f"'{text}': options must look like key=value&key=value. Received: '{match['options']}'")
    return Spec(
        match["kind"],
        _unquoted(match["rest"] or ""),
        _unquoted(match["split"]) if match["split"] else None,
        tuple((key, _unquoted(value)) for key, _, value in pairs),
    )


def role_of(split: str) -> str | None:
    """ "train", "validation" or "test", if the split's name says so."""
    return next((role for role, names in ROLES.items() if split.lower() in names), None)


def by_role(available: Iterable[str], role: Callable[[str], str | None] = role_of) -> dict[str, str]:
    """Which of the available splits serves as train, validation and test; `{}` without a training split."""
    split_of: dict[str, str] = {}
    for split in available:
        serves = role(split)
        if serves is not None:
            split_of.setdefault(serves, split)
    return {name: split_of[name] for name in ROLES if name in split_of} if "train" in split_of else {}


def choose_split(spec: Spec, available: Iterable[str], role: Callable[[str], str | None] = role_of) -> str:
    """The available split that `spec.split` asks for, by its own name or another name of the same role.

    Args:
        spec: what is asked for.
        available: names of splits.
        role: what a split serves as by its name; None for nothing known.

    Raises:
        InputError: none or several are meant.
    """
    names = list(available)
    if spec.split in names:
        return str(spec.split)
    wanted = role(spec.split) if spec.split else None
    alike = [name for name in names if wanted is not None and role(name) == wanted]
    if len(alike) == 1:
        return alike[0]
    fault = f"has no split '{spec.split}'" if spec.split else "needs a split"
    listed = ", ".join(f"#{name}" for name in names) or "none"
    raise InputError(f"'{spec}' {fault}. Splits there: {listed}")


def with_splits(spec: Spec, splits: Mapping[str, str]) -> Mapping[str, str]:
    """The specs of a set's splits, by role."""
    return {role: str(spec.at(split)) for role, split in splits.items()}
