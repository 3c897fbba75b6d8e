"""Templates, and how values are written in them."""

from __future__ import annotations

import math
from typing import Any

import jinja2

from sjft_tf.report.bounds import MOST
from sjft_tf.words import showable

MISSING = "\N{EN DASH}"


def render(template: str, **values: Any) -> str:
    """One of the HTML templates of the package, filled. Everything that is not markup already is escaped."""
    return showable(template_environment(autoescape=True).get_template(template).render(**values))


def template_environment(autoescape: bool) -> jinja2.Environment:
    """Where the templates are found, with the filters that write values."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sjft_tf.report", "templates"),
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "points": points, "duration": duration, "setting": setting, "num": num}
    return environment


def _known(value: Any) -> bool:
    """Whether there is a number to write; one that is not finite tells a reader nothing."""
    return (
        isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < MOST and math.isfinite(value)
    )


def percent(share: float | None, digits: int = 1) -> str:
    """0.1234 as "12.3 %"."""
    return MISSING if share is None or not _known(share) else f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def points(share: float | None, digits: int = 1) -> str:
    """A difference of shares in percentage points, with its sign."""
    if share is None or not _known(share):
        return MISSING
    text = f"{100 * share:+.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}")


def duration(seconds: float | None) -> str:
    """Seconds as one reads them: "9.3 s", "12 min 5 s", "3 h 20 min"."""
    if seconds is None or not _known(seconds):
        return MISSING
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def setting(value: Any) -> str:
    """A setting as its flag takes it."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "(none)"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "(empty)" if value == "" else MISSING if value is None else str(value)


def num(value: float | None, digits: int = 0) -> str:
    """A number with separators; at most `digits` places."""
    return MISSING if value is None or not _known(value) else f"{value:,.{digits}f}"
