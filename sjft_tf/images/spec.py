"""The text form of an image set: `KIND:REST[#split][?key=value&...]`."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from sjft_tf.errors import InputError

_FORM = re.compile(
    r"(?P<kind>[A-Za-z][A-Za-z0-9_]*)(?::(?P<rest>.*?))?(?:#(?P<split>[^#/?]+))?(?:\?(?P<options>[^?/=]+=[^?]*))?", re.S
)

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
        text = self.kind + (f":{self.rest}" if self.rest else "") + (f"#{self.split}" if self.split else "")
        return text + ("?" + "&".join(f"{k}={v}" for k, v in self.options) if self.options else "")

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
                known = ", ".join(defaults) or "none"
                raise InputError(f"'{self}': unknown option '{key}'. Options of {self.kind}: {known}")
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


def parse(text: str | Spec) -> Spec:
    """Reads a spec; a '#' or '?' inside a path's folders is part of the path."""
    if isinstance(text, Spec):
        return text
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise InputError(
            f"'{text}' is not an image set. Expected KIND:REST[#split][?key=value&...], e.g. folder:/data/flowers#train"
        )
    pairs = [part.partition("=") for part in (match["options"] or "").split("&") if part]
    if any(not key or not equal for key, equal, _ in pairs):
        raise InputError(f"'{text}': options must look like key=value&key=value. Received: '{match['options']}'")
    return Spec(match["kind"], match["rest"] or "", match["split"], tuple((key, value) for key, _, value in pairs))


def role_of(split: str) -> str | None:
    """ "train", "validation" or "test", if the split's name says so."""
    return next((role for role, names in ROLES.items() if split.lower() in names), None)


def by_role(available: Iterable[str]) -> dict[str, str]:
    """Which of the available splits serves as train, validation and test; `{}` without a training split."""
    split_of: dict[str, str] = {}
    for split in available:
        role = role_of(split)
        if role is not None:
            split_of.setdefault(role, split)
    return {role: split_of[role] for role in ROLES if role in split_of} if "train" in split_of else {}


def choose_split(spec: Spec, available: Iterable[str]) -> str:
    """The available split that `spec.split` asks for, by its own name or another name of the same role."""
    names = list(available)
    if spec.split in names:
        return str(spec.split)
    role = role_of(spec.split) if spec.split else None
    alike = [name for name in names if role is not None and role_of(name) == role]
    if len(alike) == 1:
        return alike[0]
    fault = f"has no split '{spec.split}'" if spec.split else "needs a split"
    listed = ", ".join(f"#{name}" for name in names) or "none"
    raise InputError(f"'{spec}' {fault}. Splits there: {listed}")


def with_splits(spec: Spec, available: Iterable[str]) -> Mapping[str, str]:
    """`default_splits` of a spec whose splits are `available`."""
    return {role: str(spec.at(split)) for role, split in by_role(available).items()}
