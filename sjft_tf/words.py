"""Names as pictures and pages show them: whatever they are made of, they are text of one line."""

from __future__ import annotations

import re

# C0 and C1 controls but tab and line end, lone surrogates, noncharacters: no XML may hold them and UTF-8 not all.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def showable(text: object) -> str:
    """Text without the characters that neither a page nor a font can take; they become the replacement sign."""
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", str(text))


def one_line(text: object) -> str:
    """A name as a chart shows it: one line, never empty, and not begun as what a legend leaves out."""
    words = " ".join(showable(text).split()) or "(empty)"
    return f" {words}" if words.startswith("_") else words


def shortened(name: str, longest: int = 20) -> str:
    """Cuts the middle out of a long name, since the ends tell most names apart."""
    name = one_line(name)
    if len(name) <= longest:
        return name
    head = (longest - 1) // 2
    return f"{name[:head]}…{name[-(longest - 1 - head) :]}"
