"""Other parts of the package take what they need from `sjft_tf.images` itself, never from the files within it."""

import ast
from pathlib import Path

from sjft_tf import images

ROOT = Path(__file__).resolve().parents[2]


def users():
    for folder in ("sjft_tf", "scripts", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            if ROOT / "sjft_tf" / "images" not in path.parents:
                yield path


def names_within(path):
    """Modules within `sjft_tf.images` that a file imports, or imports from, at its top or within a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
            if node.module == "sjft_tf.images":
                names += [f"sjft_tf.images.{alias.name}" for alias in node.names if alias.name not in images.__all__]
        else:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        yield from (name for name in names if name.startswith("sjft_tf.images."))


def test_nobody_reaches_past_the_public_names():
    reached = {str(path.relative_to(ROOT)): sorted(names_within(path)) for path in users()}
    assert len(reached) > 100
    assert {path: names for path, names in reached.items() if names} == {}


def test_every_public_name_is_there():
    assert [name for name in images.__all__ if not hasattr(images, name)] == []
    assert len(set(images.__all__)) == len(images.__all__)
