"""The page of a study: its curves, its table by axes, its runs; from study.json alone."""

import subprocess
import sys

import pytest

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.report import write_report
from sjft_tf.report.study import read_study, study_context
from sjft_tf.study import Axis, CellRecord, CellRun, StudyRecord, paired_summary, t_interval

PLAIN = {0: 0.50, 1: 0.52, 2: 0.51}


def cell(name, axes, values, reference="plain"):
    runs = tuple(CellRun(seed, None, v, v, 1.0, 9.0, f"runs/{name}/seed{seed}") for seed, v in values.items())
    gains = [values[seed] - PLAIN[seed] for seed in values] if reference else []
    summary = paired_summary(values, PLAIN if reference else {}, [9.0])
    return CellRecord(
        *(name, name.title(), f"About {name}", axes, {"freeze": "1"}, "", reference, runs, summary),
        *(t_interval(list(values.values())), t_interval(gains)),
    )


def write(root, **changes):
    cells = (
        cell("plain", {}, PLAIN, ""),
        cell("apart", {}, PLAIN, ""),
        *(cell(f"n{n}", {"way": "kept <b>", "n": n}, {s: v + 0.01 * n for s, v in PLAIN.items()}) for n in (1, 2, 4)),
        cell("other", {"way": "new", "n": 2}, {0: 0.4, 1: 0.9}),
    )
    axes = (Axis("way", "way"), Axis("n", "layers kept"), Axis("unused", "unused"))
    values = {"x": "n", "cells": cells, "axes": axes, "notes": ("Mind this.",), "failed": {"n9/seed0": "no room"}}
    values |= changes
    given = {
        "study": "tried",
        "title": "Layers & more",
        "command": "sjft-x --y",
        "seeds": (0, 1, 2),
        "reference": "plain",
    }
    record = StudyRecord(**given, target="digits", source=(), **values)
    artifacts.write_json(root / "study.json", record.to_json())


def test_the_page_has_curves_table_runs_and_what_failed(tmp_path):
    write(tmp_path)
    text = write_report(tmp_path).read_text()
    for said in (
        "Layers &amp; more",
        "Mind this.",
        "Failed: n9/seed0: no room",
        "kept &lt;b&gt;",
        "layers kept",
        "+4.0",
    ):
        assert said in text
    assert ">unused<" not in text
    assert text.count("<svg") == 2
    assert 'href="runs/' not in text  # there is no such folder
    text = write_report(tmp_path, tmp_path / "page.md").read_text()
    assert "| N4 | kept \\<b\\> | 4 | 3 | 55.00\u00a0% ± 1.00 |" in text
    assert {path.name for path in (tmp_path / "page_charts").iterdir()} == {"accuracy.svg", "differences.svg"}


def test_a_level_is_what_others_are_compared_with(tmp_path):
    write(tmp_path)
    context = study_context(read_study(tmp_path), tmp_path, tmp_path / "report.html")
    drawn = str(context["accuracy"])
    assert "Plain" in drawn
    assert "Apart" not in drawn
    assert context["references"] == ["Plain"]
    write(tmp_path, x="")
    assert study_context(read_study(tmp_path), tmp_path, tmp_path / "report.html")["accuracy"] is None
    assert "Results" in write_report(tmp_path).read_text()


def test_records_that_cannot_be_are_refused(tmp_path):
    for changes, message in [
        ({"cells": ()}, "cells of different names"),
        ({"cells": (cell("a", {}, {0: 0.5}, "gone"),)}, "`reference` as the name of a cell"),
        ({"cells": (cell("a", {}, {0: 1.5}, ""),)}, "cell a"),
        ({"cells": (cell("a", {"n": 1e300}, {0: 0.5}, ""),)}, "a number that can be drawn"),
    ]:
        write(tmp_path, **changes)
        with pytest.raises(InputError, match=message):
            write_report(tmp_path)


def test_neither_the_page_nor_what_leads_a_study_takes_tensorflow(tmp_path):
    write(tmp_path)
    code = (
        "import sys\n"
        "sys.modules |= dict.fromkeys(('tensorflow', 'keras'))\n"
        "from sjft_tf.pipeline.programs import compare, factors, transferability\n"
        "from sjft_tf.pipeline.programs.report import report\n"
        f"print(*report({str(tmp_path)!r}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("report: "), done.stderr
