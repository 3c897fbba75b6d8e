"""Lists of classes in a study's workdir, and the specs that name them."""

from pathlib import Path

import pytest

from sjft_tf.study.classes import at, with_classes, write_classes

LIST = "only_classes=@{workdir}/shared/classes/a.txt"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("digits", f"digits?{LIST}"),
        ("folder:x#train?label=a", f"folder:x#train?label=a&{LIST}"),
        # Only one list counts; the option keeps its place behind the others.
        ("folder:x?only_classes=1,2&label=a", f"folder:x?label=a&{LIST}"),
        ("folder:x?only_classes=@b%26c.txt", f"folder:x?{LIST}"),
        ("folder:why?/x", f"folder:why?/x?{LIST}"),
    ],
)
def test_a_spec_takes_a_list(spec, said):
    assert with_classes(spec, "a") == said


def test_the_workdir_is_written_as_the_spec_wants_it(tmp_path):
    assert at(Path("runs/a#b&c"), with_classes("digits", "a")).endswith("=@runs/a%23b%26c/shared/classes/a.txt")
    write_classes(tmp_path, "a", ["one", "two"])
    assert (tmp_path / "shared/classes/a.txt").read_text() == "one\ntwo\n"
