"""What --selector=auto took stands on the page, as far as it is known."""

import pytest

from sjft_tf import artifacts
from sjft_tf.config import RunConfig
from sjft_tf.report import reading, write_report
from sjft_tf.workdir import Workdir

from .conftest import make_run

REASON = "far | <b>away</b>"


@pytest.fixture
def folder(tmp_path, specs):
    """A run whose settings say auto."""
    folder = make_run(tmp_path / "run", specs)
    record = artifacts.read_json(Workdir(folder).config)
    config = RunConfig.from_json(record["config"]).replace("selection", selector="auto")
    artifacts.write_json(Workdir(folder).config, record | {"config": config.to_json()})
    return folder


def test_the_page_says_what_was_taken_and_why(folder):
    artifacts.write_json(Workdir(folder).decision, {"selector": "all", "reason": REASON, "made_from": {}})
    page = write_report(folder).read_text()
    assert "<code>--selector=auto</code> took <b>all</b>: far | &lt;b&gt;away&lt;/b&gt;." in page
    assert "Selector all: the images were not chosen by these distances." in page
    text = write_report(folder, str(folder / "page.md")).read_text()
    assert "`--selector=auto` took all: far" in text
    assert "<b>away" not in text


def test_the_page_says_whether_it_was_co_tuned(folder, monkeypatch):
    taught = "the source's head learned which source classes theirs looks like"
    left_out = "Co-Tuning was left out: the source's classes do not tell your images' classes."
    for co_tuned in (None, False, True):
        monkeypatch.setattr(reading.RecordedRun, "co_tuned", co_tuned)
        for path in (None, str(folder / "page.md")):
            text = write_report(folder, path).read_text().replace("&#39;", "'")
            assert [taught in text, left_out in text] == [co_tuned is True, co_tuned is False]


@pytest.mark.parametrize("asked", [None, False])
def test_whether_it_was_co_tuned_is_read_from_the_figures(folder, asked):
    metrics = artifacts.read_json(Workdir(folder).metrics)
    if asked is not None:
        artifacts.write_json(Workdir(folder).metrics, metrics | {"co_tuning": asked})
    assert reading.read_run(folder).co_tuned is asked


@pytest.mark.parametrize("content", [None, "{", '{"selector": 3}'])
def test_a_page_without_a_record_of_it(folder, content):
    if content is not None:
        Workdir(folder).decision.write_text(content)
    page = write_report(folder).read_text()
    assert "</code> took" not in page
    assert ("selector.json is damaged and was left out" in page) == (content is not None)
    assert "Nothing was borrowed." not in page
