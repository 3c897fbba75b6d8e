"""Charts as inline SVG: small, sharp in print, and in the colors of the page that holds them."""

from __future__ import annotations

import html
import io
import re
import warnings
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from markupsafe import Markup

from sjft_tf.report.bounds import plottable
from sjft_tf.words import one_line, showable

# Drawn in this color, shown in the text's own: light on dark pages, dark on light ones.
INK = "#010203"
BASELINE = "#7d8590"
# Readable on white and on near-black, apart from each other for most color-blind eyes too.
PALETTE = ("#3987c9", "#d9722b", "#2e9e77", "#b7569a", "#b08d1a", "#7f6bd0", "#c4484d", "#4ba3b5")
TARGET, SOURCE, WRONG = PALETTE[0], PALETTE[1], PALETTE[6]

WIDE = 7.4  # inches
LOG_ENDS = (1e-12, 1e12)  # of a logarithmic axis, which has no 0
_TICKS = 12
_NARROW = 500  # pixels; wider charts are scrolled on a phone, where they would become too small to read

_STYLE = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    # A class may be called "$1" or "a_b^c"; none of it is mathematics.
    "text.parse_math": False,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.handlelength": 1.4,
    "legend.borderaxespad": 0.2,
}


class Chart:
    """A figure with one pair of axes, to be drawn on inside `with` and taken out with `svg`.

    Args:
        name: letters and hyphens, unique in the page: the ids inside are made from it.
        width, height: inches.
        grid: the axis whose ticks have faint lines.
    """

    def __init__(self, name: str, width: float = 4.7, height: float = 2.7, grid: Literal["x", "y"] = "y") -> None:
        self.name, self._width, self._height, self._grid = name, width, height, grid

    def __enter__(self) -> Chart:
        import matplotlib as mpl
        from matplotlib.figure import Figure

        self._context = mpl.rc_context({**_STYLE, "svg.hashsalt": self.name})
        self._context.__enter__()
        # The object interface: no global figure, no window system.
        self.figure = Figure(figsize=(self._width, self._height), layout="constrained")
        self.axes = self.figure.add_subplot()
        self.axes.set_axisbelow(True)
        self.axes.grid(axis=self._grid, color=INK, alpha=0.13, linewidth=0.6)
        return self

    def __exit__(self, *_: object) -> None:
        self._context.__exit__(None, None, None)

    def label(self, x: str = "", y: str = "") -> None:
        """Titles of the axes."""
        self.axes.set_xlabel(shortened(one_line(x), 90) if x else "")
        self.axes.set_ylabel(shortened(one_line(y), 90) if y else "")

    def names(self, rows: Sequence[int] | np.ndarray, texts: Sequence[str], longest: int = 26) -> None:
        """Words at the upright axis, first on top. They may hold anything: none of it is mathematics."""
        self.axes.set_yticks(rows, [shortened(one_line(text), longest) for text in texts])
        self.axes.tick_params(axis="y", length=0)
        self.axes.set_ylim(len(rows) - 0.45, -0.55)

    def log_axis(self, values: Iterable[object]) -> None:
        """A logarithmic axis below, with a tick at each value as long as they are few."""
        self.axes.set_xscale("log")
        places = plottable(list(values), *LOG_ENDS)
        ticks = sorted(set(places[np.isfinite(places)].tolist()))
        if len(ticks) <= _TICKS:
            self.axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            self.axes.set_xticks([], minor=True)

    def legend(self, columns: int = 3) -> None:
        """Names of the lines above the axes, where they cover nothing."""
        handles, names = self.axes.get_legend_handles_labels()
        if handles:
            short = [shortened(one_line(name), 40) for name in names]
            self.figure.legend(handles, short, loc="outside upper left", ncols=columns)

    def svg(self, description: str) -> Markup:
        """The chart as an `<svg>` element.

        Args:
            description: what it shows, for those who do not see it.
        """
        stream = io.StringIO()
        with warnings.catch_warnings():
            # The reader's fonts draw the text, not the one that measures it here; and a chart that is squeezed by its
            # own names is still worth having.
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
            warnings.filterwarnings("ignore", message="Matplotlib currently does not support .* natively")
            warnings.filterwarnings("ignore", message="constrained_layout not applied")
            self.figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        return inline(stream.getvalue(), self.name, showable(description), round(self._width * 96))


def inline(text: str, name: str, description: str, width: int) -> Markup:
    """An SVG file of matplotlib as an element for the middle of a page.

    Without prolog and metadata, whose addresses nobody would fetch but a reader could take for requests; with ids of
    its own, because all charts share one page.

    Args:
        text: the file.
        name: goes before every id.
        description: becomes the accessible name.
        width: pixels it is at most shown with.
    """
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r"<[^!][^>]*>", lambda tag: _own_tag(tag[0], name), text)  # text content has no bare < or >
    view = "".join(re.findall(r'viewBox="([^"]*)"', text)[:1])
    said = html.escape(description)
    kind = "chart wide" if width > _NARROW else "chart"
    head = f'<svg class="{kind}" viewBox="{view}" role="img" aria-label="{said}" style="max-width:{width}px">'
    return Markup(re.sub(r"<svg\b[^>]*>", lambda _: f"{head}<title>{said}</title>", text, count=1))


def _own_tag(tag: str, name: str) -> str:
    tag = re.sub(r'\bid="', f'id="{name}-', tag)
    tag = tag.replace("url(#", f"url(#{name}-")
    tag = re.sub(r'(?:xlink:)?href="#', f'href="#{name}-', tag)
    tag = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", tag)  # the page's font
    return tag.replace(INK, "currentColor")


def shortened(name: str, longest: int = 22) -> str:
    """Cuts the middle out of a long name, since the ends tell most names apart."""
    if len(name) <= longest:
        return name
    head = (longest - 1) // 2
    return f"{name[:head]}…{name[-(longest - 1 - head) :]}"
