"""The notebook runs as it stands, and what is committed of it is small, whole and free of the machine that made it."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "examples" / "quickstart.ipynb"
# So much less is learned in the test; the code is the same.
SMALLER = {"glyphs?n=8320": "glyphs?n=520", '"steps_per_round": 100': '"steps_per_round": 10'}


def cells(kind):
    return [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == kind]


def source_of(cell):
    return "".join(cell["source"])


def test_it_is_small_and_plain_python():
    assert NOTEBOOK.stat().st_size < 200_000
    for cell in cells("code"):
        assert len(source_of(cell).splitlines()) < 12
        compile(source_of(cell), NOTEBOOK.name, "exec")


def test_its_outputs_are_committed_as_they_came_in_one_go():
    code = cells("code")
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} == {"stream", "display_data"}
    assert {output["name"] for output in outputs if output["output_type"] == "stream"} == {"stdout"}
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 4


def test_nothing_in_it_is_of_one_machine():
    notebook = json.loads(NOTEBOOK.read_text())
    assert set(notebook["metadata"]["language_info"]) == {"name"}
    for cell in notebook["cells"]:
        assert not cell["metadata"]
        texts = [source_of(cell)]
        for output in cell.get("outputs", []):
            texts += ["".join(text) for kind, text in output.get("data", {}).items() if kind != "image/png"]
            texts.append("".join(output.get("text", "")))
        for text in texts:
            assert not re.search(r"(?<![\w.:/)*])/\w+/|[A-Z]:\\|file:", text), text


def test_its_links_lead_somewhere_and_it_is_linked():
    text = "\n".join(source_of(cell) for cell in cells("markdown"))
    links = re.findall(r"\]\(([^)#\s]+)", text)
    assert links
    assert [link for link in links if not (NOTEBOOK.parent / link).exists()] == []
    assert "](examples/quickstart.ipynb)" in (ROOT / "README.md").read_text()
    assert "](../examples/quickstart.ipynb)" in (ROOT / "docs" / "python.md").read_text()


@pytest.mark.slow
def test_it_runs(tmp_path, monkeypatch):
    import matplotlib.pyplot as plt

    monkeypatch.chdir(tmp_path)
    code = [source_of(cell) for cell in cells("code")]
    for large, small in SMALLER.items():
        assert any(large in source for source in code)
        code = [source.replace(large, small) for source in code]
    names = {"__name__": "quickstart"}
    try:
        for number, source in enumerate(code):
            exec(compile(source, f"{NOTEBOOK.name}, code cell {number}", "exec"), names)
        assert len(plt.get_fignums()) == sum("image/png" in str(cell["outputs"]) for cell in cells("code"))
    finally:
        plt.close("all")
    assert names["probabilities"].shape == (10, 10)
    assert (tmp_path / "quickstart" / "page.html").is_file()
    assert (tmp_path / "quickstart" / "model" / "saved_model.pb").is_file()
    assert [name.decode() for name in names["answer"]["class_name"].numpy()] == names["answers"]
