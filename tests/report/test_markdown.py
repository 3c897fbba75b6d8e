"""The page as Markdown: tables, charts as files, no photographs."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.report import write_report
from sjft_tf.report.markdown import cell


@pytest.fixture(params=["comparison", "run"])
def markdown(request, tmp_path):
    return write_report(request.getfixturevalue(request.param), tmp_path / "my page.md")


def test_every_chart_is_a_file_that_stands_alone(markdown):
    text = markdown.read_text()
    links = re.findall(r"!\[[^\n]+\]\(([^)\s]+)\)", text)
    assert len(links) >= 6
    assert len(set(links)) == len(links)
    for link in links:
        path = markdown.parent / link.replace("%20", " ")
        root = ElementTree.parse(path).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert "prefers-color-scheme" in path.read_text()
    assert len(list((markdown.parent / "my page_charts").iterdir())) == len(links)


def test_tables_have_as_many_cells_as_their_heads(markdown):
    lines = markdown.read_text().splitlines()
    columns = 0
    for before, line in zip(["", *lines], lines, strict=False):
        if not line.startswith("|"):
            continue
        cells = len(re.findall(r"(?<!\\)\|", line))
        columns = columns if before.startswith("|") else cells
        assert cells == columns, line


def test_no_photographs_and_no_markup(markdown):
    text = markdown.read_text()
    assert "data:image" not in text
    assert not re.search(r"(?<!\\)<", re.sub(r"```bash.*?```", "", text, flags=re.DOTALL))
    assert "\n\n\n" not in text


def test_figures_are_those_of_the_page(comparison, tmp_path):
    text = write_report(comparison, tmp_path / "page.md").read_text()
    assert re.search(r"\| \\<em\\>sjft\\</em\\> \| 3 \| 65.00\s% ± 2.00 \| \+3.00 \| \+3.00", text)
    assert "# One run in full" in text


def test_the_same_again_is_the_same(run, tmp_path):
    first = write_report(run, tmp_path / "a.md").read_bytes()
    charts = {path.name: path.read_bytes() for path in (tmp_path / "a_charts").iterdir()}
    assert write_report(run, tmp_path / "a.md").read_bytes() == first
    assert charts == {path.name: path.read_bytes() for path in (tmp_path / "a_charts").iterdir()}


@given(st.text())
def test_a_name_stays_in_its_cell(name):
    text = cell(name)
    assert len(text.splitlines()) <= 1
    assert not re.search(r"(?<!\\)(\\\\)*\|", text)
