"""The page as Markdown for a repository: text, tables, and the charts as SVG files in a folder beside it.

Photographs stay out: a page that is published must not carry images of somebody's data set.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from sjft_tf import artifacts
from sjft_tf.report.page import template_environment
from sjft_tf.words import showable

_LIGHT, _DARK = "#24292f", "#d0d7de"
"""Ink on light and on dark pages: an SVG file shown as a picture does not inherit the text's color."""


def write_markdown(path: Path, template: str, **values: Any) -> Path:
    """Fills a Markdown template and writes the charts it shows into the folder `STEM_charts` beside the file.

    Args:
        path: the Markdown file.
        template: one of the package's.
        values: for the template.

    Returns:
        `path`.
    """
    charts: dict[str, str] = {}
    folder = charts_folder(path)

    def chart(markup: Markup, name: str) -> str:
        charts[f"{name}.svg"] = standalone(markup)
        return f"![{cell(_title(markup))}]({quote(folder.name)}/{name}.svg)"

    # Nothing is HTML here: names are escaped for Markdown by the filter `cell`.
    environment = template_environment(autoescape=False)
    environment.filters |= {"chart": chart, "cell": cell}
    text = showable(environment.get_template(template).render(**values))
    # Templates leave empty lines where a section has nothing to say.
    text = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
    for name, content in charts.items():
        with artifacts.atomic_write(folder / name, "w") as stream:
            stream.write(content)
    with artifacts.atomic_write(path, "w") as stream:
        stream.write(text)
    return path


def charts_folder(path: Path) -> Path:
    """Where the charts of the Markdown file `path` are."""
    return path.with_name(f"{path.stem}_charts")


def standalone(chart: Markup) -> str:
    """An inline chart as an SVG file: named spaces, its width, a font, ink that follows the reader's color scheme."""
    style = (
        f"<style>svg{{color:{_LIGHT};font-family:sans-serif}}"
        f"@media(prefers-color-scheme:dark){{svg{{color:{_DARK}}}}}</style>"
    )
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    width = "".join(re.findall(r"max-width:(\d+)px", str(chart))[:1])
    text = re.sub(r"<svg\b", f'<svg {spaces} width="{width}"', str(chart), count=1)
    return text.replace("<title>", f"{style}<title>", 1) + "\n"


def cell(value: Any) -> str:
    """Text that stays text in a Markdown table, whatever signs a name is made of."""
    return re.sub(r"([\\`*_{}\[\]<>|#$&~])", r"\\\1", " ".join(str(value).split()))


def _title(chart: Markup) -> str:
    title = re.search(r"<title>(.*?)</title>", str(chart), re.DOTALL)
    return Markup(title[1]).unescape() if title else ""
