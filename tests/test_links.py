"""The documents lead somewhere: files and headings they link to exist, and the first pages stay small."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
CODE = r"^(```|~~~).*?^\1|`[^`\n]*`"


def slug(heading):
    """The anchor GitHub and MyST give a heading: lower case, punctuation gone, blanks to hyphens."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading.strip()).lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


@cache
def anchors(path):
    """Those of all headings; a repeated one is numbered."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    found = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", text, re.MULTILINE):
        name, number = slug(heading), 1
        while name in found:
            name, number = f"{slug(heading)}-{number}", number + 1
        found.add(name)
    return found


def wrong_links(path, text):
    """Relative links to a file that does not exist, or to a heading that it does not have."""
    wrong = set()
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(CODE, "", text, flags=re.MULTILINE | re.DOTALL)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        place = (path.parent / name).resolve() if name else path
        if not place.exists() or (anchor and anchor not in anchors(place)):
            wrong.add(link)
    return wrong


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path):
    assert wrong_links(path, path.read_text()) == set()


def test_a_wrong_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One `two`: three!\n## Same\n## Same\n```\n# no heading\n[no link](gone.md)\n```\n")
    assert anchors(page) == {"one-two-three", "same", "same-1"}
    text = (
        "[a](page.md#same-1) [b](#one-two-three) [c](page.md#same-2) [d](gone.md) [e](https://x.org/gone) `[f](gone)`"
    )
    assert wrong_links(page, text) == {"page.md#same-2", "gone.md"}


def test_every_guide_is_linked_from_the_readme():
    linked = set(re.findall(r"\(docs/([\w-]+\.md)", (ROOT / "README.md").read_text()))
    assert {path.name for path in (ROOT / "docs").glob("*.md")} <= linked


def test_every_guide_is_at_the_side_of_the_site():
    pages = (ROOT / "docs" / "conf.py").read_text().split("GUIDES = ")[1].split("}")[0]
    assert {path.stem for path in (ROOT / "docs").glob("*.md")} <= set(re.findall(r"[\w-]+", pages))


@pytest.mark.parametrize(("name", "most"), [("README.md", 9000), ("docs/architecture.md", 8000)])
def test_the_front_door_stays_small(name, most):
    assert len((ROOT / name).read_bytes()) <= most, f"What {name} has no room for goes into a guide in docs/"
