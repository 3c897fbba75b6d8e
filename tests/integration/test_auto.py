"""A run with --selector=auto: what it takes is what the run is made with, recorded and shown, and stays."""

import json

from sjft_tf.pipeline.finished_run import restore
from sjft_tf.pipeline.programs.retrieve import retrieve
from sjft_tf.pipeline.programs.train import train
from sjft_tf.report import write_report
from sjft_tf.training import round_made_from
from sjft_tf.workdir import Workdir


def test_a_run_takes_what_auto_decides_and_keeps_to_it(config, tmp_path, monkeypatch):
    monkeypatch.setattr("sjft_tf.advice.deciding.FAR", 100.0)  # these sets are of noise
    automatic = config.replace("selection", selector="auto", k0="auto")
    workdir = Workdir(tmp_path / "run")
    lines = retrieve(automatic, workdir)
    assert lines[0].startswith("  selector: in training --selector=auto takes all: source images lie ")
    assert workdir.neighbors.is_file()
    report = train(automatic, workdir)
    assert workdir.read_config() == automatic
    assert round_made_from(workdir.rounds, 1)["selector"] == "all"
    figures = json.loads(workdir.metrics.read_text())
    assert figures["auto"]["selector"] == "all"
    assert figures["rounds"][1]["borrowed"]["union_size"] == 40
    assert any(line.startswith("  selector: all (--selector=auto): source images lie ") for line in report.lines())
    assert workdir.borrowed.read_text().count("*,") == 40
    page = write_report(workdir.root).read_text()
    assert "<code>--selector=auto</code> took <b>all</b>" in page
    assert "Selector all: the images were not chosen by these distances." in page
    assert len(restore(workdir, 0).model.outputs) == 2
    before = {path: path.stat().st_mtime_ns for path in (workdir.decision, workdir.saved_model / "saved_model.pb")}
    train(automatic, workdir)
    assert {path: path.stat().st_mtime_ns for path in before} == before
