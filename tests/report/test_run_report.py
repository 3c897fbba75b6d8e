"""The page of a run: complete, alone, safe against its own names, and honest about what is missing."""

import shutil

import pytest

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.report import write_report

SECTIONS = (
    *("summary", "curves", "neighbors", "entropy", "union", "borrowed"),
    *("hardest", "confusions", "classes", "leaks", "times", "configuration"),
)


@pytest.fixture(scope="module")
def page(run, opened, tmp_path_factory):
    return opened(write_report(run, tmp_path_factory.mktemp("page") / "deep" / "run.html"))


def test_all_sections_and_nothing_from_elsewhere(page):
    assert {f"run-{name}" for name in SECTIONS} <= set(page.ids)
    assert page.tags["svg"] == 9
    assert page.tags["img"] > 20
    assert "not recorded" not in page.text
    assert len(page.source) < 1_000_000


def test_names_are_text(page):
    assert "<script>alert(1)</script>" in page.text
    assert "<img src=x onerror=alert(2)>" in page.text
    assert "</svg>" in page.text
    assert "<b>s</b>" in page.text
    assert '$a_b^c$ & "q" id="x"' in page.text


def test_figures_are_those_of_the_artifacts(page, run):
    found = artifacts.read_json(run / "rounds" / "01" / "metrics.json")["test"]
    assert f"{100 * found['mean_class_accuracy']:.1f}\N{NO-BREAK SPACE}%" in page.text
    assert "11" in page.text  # the last union
    assert "1 min 2 s" in page.text
    assert "--steps_per_round" in page.text


def test_the_same_again_is_the_same(run, tmp_path):
    assert write_report(run, tmp_path / "a.html").read_bytes() == write_report(run, tmp_path / "b.html").read_bytes()


def test_an_older_run_says_what_it_lacks(run, opened, tmp_path):
    old = tmp_path / "old"
    shutil.copytree(run, old)
    for path in (*old.glob("rounds/*/scoring.npz"), old / "leaks.csv", old / "times.json", old / "report.csv"):
        path.unlink()
    shutil.rmtree(old / "logs")
    (old / "metrics.json").unlink()
    page = opened(write_report(old))
    assert {f"run-{name}" for name in SECTIONS} <= set(page.ids)
    for what in ("Entropies of single images", "Predictions for single target images", "Times of the stages"):
        assert f"{what}: not recorded by this run." in page.text
    assert "made no audit" in page.text
    assert page.tags["svg"] == 4  # accuracy and hard images by round, K, union: those were always recorded


def test_images_that_are_gone_or_others(run, specs, opened, tmp_path):
    page = opened(write_report(run, tmp_path / "a.html", target=f"npz:{tmp_path / 'gone.npz'}"))
    assert "The target images could not be opened" in page.text
    page = opened(write_report(run, tmp_path / "b.html", target=specs[1]))
    assert "has other images now (20)" in page.text
    page = opened(write_report(run, tmp_path / "c.html", source=[specs[0]]))
    assert "The source images could not be opened" in page.text
    assert page.tags["img"] > 5  # the target's are there


def test_plain_fine_tuning_of_one_round(plain_run, opened):
    page = opened(write_report(plain_run))
    assert "Nothing was borrowed" in page.text


def test_what_is_no_workdir_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"nothing to report in .*config\.json"):
        write_report(tmp_path)
    (tmp_path / "rounds").mkdir()
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="no run with a finished round"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()
