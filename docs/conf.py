"""How Sphinx makes the static site (`make docs`) from README, guides and docstrings; it does not import the package."""

import re
from pathlib import Path

project = "sjft_tf"
author = "The sjft_tf developers"
copyright = "the sjft_tf developers, Apache-2.0"

extensions = ["myst_parser", "sphinx.ext.napoleon", "autoapi.extension"]
# The source is the whole checkout, so that links are the same on the site as in the files.
include_patterns = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/**.md", "docs/api/**"]
exclude_patterns = [".*", "build", "dist", "runs"]
root_doc = "README"
myst_heading_anchors = 4

autoapi_dirs = ["sjft_tf"]
autoapi_root = "docs/api"
autoapi_add_toctree_entry = False
autoapi_options = ["members", "show-inheritance", "show-module-summary"]
autoapi_python_class_content = "both"
# It does not see constants that are unpacked from a tuple, and takes attributes for references to any of that name.
suppress_warnings = ["autoapi.python_import_resolution", "ref.python"]

highlight_language = "none"
html_theme = "furo"
html_title = "sjft_tf"

GUIDES = {
    "Guides": "python image-sets retrieval training flags recipes devices cluster probing patches comparing studies "
    "factors reports serving influence",
    "Reference": "artifacts architecture method decisions",
    "Measured": "evidence benchmarks fuzzing",
}


def side_bar(app, name, source):
    """The README has no list of pages of its own: on the site they stand at the side."""
    trees = {**GUIDES, "Python": "python" if (Path(app.srcdir) / "docs" / "python.md").exists() else ""}
    if name == "README":
        for caption, pages in trees.items():
            lines = [f"/docs/{page}" for page in pages.split()]
            lines += ["/docs/api/sjft_tf/index"] if caption == "Python" else []
            lines += ["/CONTRIBUTING", "/CHANGELOG"] if caption == "Reference" else []
            options = f":hidden:\n:caption: {caption}\n"
            source[0] += f"\n```{{toctree}}\n{options}\n" + "\n".join(lines) + "\n```\n"
    elif name.startswith("docs/evidence/"):
        source[0] = f"---\norphan: true\n---\n{source[0]}"


def plain_text(app, what, name, obj, options, lines):
    """Docstrings are plain text with code in backticks: what reStructuredText would take for markup is escaped."""
    paragraphs = "\n".join(lines).split("\n\n")
    for number, text in enumerate(paragraphs):
        if re.search(r"^\s*>>>", text, re.MULTILINE):
            continue
        if what in ("module", "package") and re.search(r"\S {3,}\S", text):  # columns
            paragraphs[number] = "::\n\n" + re.sub("^", "    ", text, flags=re.MULTILINE)
            continue
        parts = re.split(r"(`[^`]+`)", text)  # text and code in turn
        parts[::2] = [re.sub(r"[*|`]", r"\\\g<0>", part) for part in parts[::2]]
        parts[1::2] = [rf"\ `{part}`\ " for part in parts[1::2]]
        paragraphs[number] = "".join(parts)
    lines[:] = "\n\n".join(paragraphs).split("\n")


def first_page(app, error):
    """index.html leads to the README."""
    if error is None:
        link = '<a href="README.html">sjft_tf</a>'
        page = f'<!doctype html><meta http-equiv="refresh" content="0; url=README.html">{link}\n'
        (Path(app.outdir) / "index.html").write_text(page)


def setup(app):
    app.connect("source-read", side_bar)
    app.connect("autodoc-process-docstring", plain_text, priority=400)
    app.connect("build-finished", first_page)
