"""Every artifact is read by a form of what it must hold; those that are read without are named here, and why."""

import ast
from pathlib import Path

import sjft_tf

# file, enclosing function: why no form is given to the call.
WITHOUT = {
    ("descriptors/edges.py", "load"): "the number of arrays is in the file; the form follows from it",
    ("descriptors/store_files.py", "read_description"): "another kind of file is told first",
    ("retrieval/neighbors.py", "load"): "another kind of file is told first",
    ("retrieval/search_checkpoint.py", "load"): "another kind of file is told first",
    ("export/saved_model.py", "read_description"): "another format is told first",
    ("influence/kept.py", "kept_rows"): "another kind of file is told first; names are compared with the target's",
    ("pipeline/sharding/featuring.py", "open"): "known by their digest; names and shapes are the trunk's",
    ("pipeline/studying/looks.py", "check_settings"): "compared as a whole with the settings asked for",
    ("summaries/projector.py", "projector_made_from"): "compared as a whole with what the points would be made from",
    ("training/checkpoints/model_files.py", "load_model"): "known by its digest; names and shapes are the model's",
    **{
        ("report/reading.py", name): "judged by report/schema.py"
        for name in ("read_run", "_figures", "_scoring", "_summary", "_classes", "_times")
    },
    ("report/comparison.py", "read_comparison"): "judged by report/schema.py",
    ("report/comparison.py", "_borrowed"): "judged by report/schema.py",
    ("report/comparison_sections.py", "_rounds"): "judged by report/schema.py",
}


def _formless(path):
    """Names of the functions in a file in which an artifact is read without a form."""
    functions = [one for one in ast.walk(ast.parse(path.read_text())) if isinstance(one, ast.FunctionDef)]
    for function in functions:
        for call in ast.walk(function):
            if isinstance(call, ast.Call):
                name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
                given = len(call.args) > 1 or {"form", "wanted"} & {one.arg for one in call.keywords}
                if name in ("read_json", "load_npz") and not given:
                    yield function.name


def test_artifacts_are_read_by_a_form():
    root = Path(sjft_tf.__file__).parent
    found = {(path.relative_to(root).as_posix(), name) for path in root.rglob("*.py") for name in _formless(path)}
    assert found == set(WITHOUT)
