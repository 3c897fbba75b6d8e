"""The runner of all benchmarks, with benchmarks that only hand over figures; none is really run."""

import importlib
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "benchmarks"


@pytest.fixture
def modules(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("run"), importlib.import_module("suite"), importlib.import_module("comparing")


@pytest.fixture
def bench(modules, monkeypatch, tmp_path):
    """Runs `main`; what each program hands over stands in `ratios`, what was started in `started`."""
    run, suite, comparing = modules
    monkeypatch.setattr(run.machine, "git", lambda *_: "")
    goal = {"x / y": comparing.Goal(most=1)}
    two = (
        suite.Benchmark("one", "one.py --size=9", "--size=1", goal),
        suite.Benchmark("two", "two.py --set=folder:DATA/some#train -- --after", "--size=1", goal),
    )

    class Bench:
        out = tmp_path / "out.json"

        def __init__(self):
            self.started, self.ratios = [], {"one.py": 1.0, "two.py": 1.0}

        def start(self, words):
            self.started.append([word for word in words if not word.startswith("--json=")])
            if (ratio := self.ratios[words[0]]) is None:
                return 3
            (path,) = (word.removeprefix("--json=") for word in words if word.startswith("--json="))
            Path(path).write_text(json.dumps(comparing.Figure("x / y", ratio, ratio, ratio)._asdict()) + "\n")
            return 0

        def main(self, *arguments):
            self.started.clear()
            return run.main([f"--out={self.out}", *arguments], two, self.start)

    return Bench()


def test_each_is_started_once_and_written_at_once(bench, tmp_path, capsys):
    (tmp_path / "some").mkdir()
    bench.ratios["two.py"] = None
    assert bench.main(f"--data={tmp_path}") == 1
    assert bench.started == [["one.py", "--size=9"], ["two.py", f"--set=folder:{tmp_path}/some#train", "--", "--after"]]
    assert "two: failed, ended with status 3" in capsys.readouterr().out
    bench.ratios["two.py"] = 2.0
    assert bench.main(f"--data={tmp_path}") == 0
    assert [words[0] for words in bench.started] == ["two.py"]
    entry = json.loads(bench.out.read_text())["two"]
    assert entry["figures"][0]["ratio"] == 2.0
    assert entry["command"] == "two.py '--set=folder:DATA/some#train' -- --after"
    assert {"stack", "kind", "processor", "cores", "instructions", "settings", "versions"} == entry["machine"].keys()
    assert bench.main(f"--data={tmp_path}", "--again", "--only=one") == 0
    assert [words[0] for words in bench.started] == ["one.py"]


def test_without_its_data_one_is_skipped(bench, capsys):
    assert bench.main() == 0
    assert [words[0] for words in bench.started] == ["one.py"]
    assert "two: skipped, there is no DATA/some: --data names the folder with it" in capsys.readouterr().out


def test_quick_figures_stand_beside_the_others(bench, tmp_path):
    (tmp_path / "some").mkdir()
    bench.main("--only=one")
    bench.main(f"--data={tmp_path}", "--quick")
    assert bench.started[0] == ["one.py", "--size=9", "--size=1"]
    assert bench.started[1][1:] == [f"--set=folder:{tmp_path}/some#train", "--size=1", "--", "--after"]
    assert {"one", "one (quick)", "two (quick)"} < json.loads(bench.out.read_text()).keys()


def test_what_got_worse_is_the_exit_status(bench, tmp_path, capsys):
    bench.main("--only=one")
    earlier = bench.out.rename(tmp_path / "earlier.json")
    bench.ratios["one.py"] = 1.2
    assert bench.main("--only=one", f"--compare={earlier}") == 1
    printed = capsys.readouterr().out
    assert re.search(r"one: x / y +1 +1.2 +worse +at most 1", printed)
    assert "1 figures; worse: one: x / y; failed: none" in printed


def test_an_unknown_name_and_a_damaged_file_are_said(bench, capsys):
    with pytest.raises(SystemExit):
        bench.main("--only=three")
    assert "no benchmark three; there are one, two" in capsys.readouterr().err
    bench.out.write_text("{")
    with pytest.raises(SystemExit):
        bench.main("--only=one")
    assert "out.json" in capsys.readouterr().err


def test_the_documentation_shows_what_is_run(modules):
    """And the goals are of figures that the programs hand over, as far as their names are written out."""
    suite = modules[1]
    shown = re.findall(r"^python benchmarks/(.*)$", (ROOT / "docs" / "benchmarks.md").read_text(), re.MULTILINE)
    runs = [one.command for one in suite.SUITE]
    assert [line for line in shown if not line.startswith(("run.py", "scale.py"))] == runs
    assert len({one.name for one in suite.SUITE}) == len(runs)
    for one in suite.SUITE:
        source = (FOLDER / f"{one.program}.py").read_text()
        assert "parse(parser" in source
        options = re.findall(r"--(\w+)", f"{one.command.split(' -- ')[0]} {one.quick}")
        assert set(options) <= set(re.findall(r'"--(\w+)"', source + (FOLDER / "influence_data.py").read_text()))
        assert all(name in source or "{" in source for name in one.goals)
