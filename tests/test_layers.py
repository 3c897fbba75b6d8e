"""Who may import whom: the table that docs/architecture.md shows, and that no import breaks it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GROUND = frozenset(
    {"errors", "schema", "sealed", "artifacts", "outputs", "csv_files", "weight_files", "progress", "parallel"}
    | {"rounding", "compat", "owned_folder", "catalog", "native", "words"}
)
# Each may import the ground, itself, and these. Nothing here can go round in a circle: a row names only rows above it.
LAYERS = {
    "config": (),
    "workdir": ("config",),
    "images": (),
    "descriptors": (),
    "retrieval": ("descriptors", "images"),
    "engine": (),
    "selection": ("config", "images"),
    "models": (),
    "features": ("models",),
    "drift": ("features", "models"),
    "patches": ("models",),
    "probing": ("features", "models"),
    "evaluation": (),
    "influence": ("evaluation", "images", "models"),
    "run_sets": ("config", "images", "influence", "workdir"),
    "training": ("config", "images", "models", "selection", "workdir"),
    "export": ("images", "models", "patches"),
    "summaries": (),
    "study": ("config", "workdir"),
    "comparison": ("config", "evaluation", "study", "workdir"),
    "transferability": ("config", "study"),
    "advice": ("config", "evaluation"),
    "factors": ("advice", "config", "study"),
    "report": (
        *("comparison", "config", "drift", "evaluation", "images", "influence", "retrieval"),
        *("run_sets", "study", "summaries", "training", "workdir"),
    ),
    "pipeline": (
        *("advice", "comparison", "config", "descriptors", "drift", "engine", "evaluation"),
        *("export", "factors", "features", "images", "influence", "models", "patches"),
        *("probing", "report", "retrieval", "run_sets", "selection", "study", "summaries"),
        *("training", "transferability", "workdir"),
    ),
    "api": (
        *("advice", "comparison", "config", "export", "images", "models", "pipeline"),
        *("report", "retrieval", "training", "workdir"),
    ),
    "scripts": (
        *("comparison", "config", "factors", "images", "pipeline", "study", "training"),
        *("transferability", "workdir"),
    ),
}


def imports(path):
    """The parts of sjft_tf that a file names, at its top or within a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{name}" for name in names]
        yield from (name.split(".")[1] for name in names if name.startswith("sjft_tf."))


def files(part):
    place = ROOT / "scripts" if part == "scripts" else ROOT / "sjft_tf" / part
    return sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]


@pytest.mark.parametrize("part", [*LAYERS, *sorted(GROUND)])
def test_imports_keep_to_the_table(part):
    found = {name for path in files(part) for name in imports(path)} - {part, "__version__"}
    assert found <= GROUND | set(LAYERS.get(part, ())), part
    assert set(LAYERS.get(part, ())) <= found, f"{part} no longer imports all that the table allows"


def test_nobody_reaches_past_a_public_surface():
    """What a package offers stands in its `__init__`; `pipeline` offers its rooms."""
    packages = {path.name for path in (ROOT / "sjft_tf").iterdir() if (path / "__init__.py").is_file()} - {"pipeline"}
    past = [
        f"{path.relative_to(ROOT)}: {node.module}"
        for part in [*LAYERS, *sorted(GROUND)]
        for path in files(part)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (names := (node.module or "").split("."))[0] == "sjft_tf"
        if len(names) > 2 and names[1] in packages - {part}
    ]
    assert past == []


def test_no_file_takes_the_place_of_a_public_name():
    """Python sets a package's attribute to a file of that name when it is imported, whatever the attribute was."""
    hidden = [
        f"{node.module}: {name.name}"
        for init in (ROOT / "sjft_tf").rglob("__init__.py")
        for node in ast.walk(ast.parse(init.read_text()))
        if isinstance(node, ast.ImportFrom)
        for name in node.names
        if (init.parent / f"{name.name}.py").is_file() and (node.module or "").split(".")[-1] != name.name
    ]
    assert hidden == []


def test_everything_is_in_the_table():
    parts = {path.stem for path in (ROOT / "sjft_tf").iterdir() if not path.name.startswith("__")}
    assert parts | {"scripts"} == GROUND | set(LAYERS)


def test_no_circles():
    above = set()
    for part, allowed in LAYERS.items():
        assert set(allowed) <= above, part
        above.add(part)


def table():
    """The table of docs/architecture.md."""
    rows = [
        f"| `{part}` | {', '.join(f'`{name}`' for name in allowed) or 'the ground alone'} |"
        for part, allowed in LAYERS.items()
    ]
    return "\n".join(["| Part | Imports the ground and |", "|---|---|", *rows])


def test_the_documents_show_this_table():
    assert table() in (ROOT / "docs" / "architecture.md").read_text(), f"docs/architecture.md must have:\n{table()}"
