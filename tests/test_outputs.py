"""Digests of what is left for the user: what was changed is known, what was never recorded passes."""

import pytest

from sjft_tf import artifacts, outputs
from sjft_tf.errors import InputError


def test_a_changed_file_is_refused_and_others_pass(tmp_path):
    table, other = tmp_path / "table.csv", tmp_path / "other.csv"
    table.write_text("a,b\n1,2\n")
    outputs.check(table, "Make it again.")
    outputs.record(table, other)
    outputs.check(table, "Make it again.")
    outputs.check(tmp_path / "third.csv", "Make it again.")
    table.write_text("a,b\n1,3\n")
    other.touch()
    for path in (table, other):
        with pytest.raises(InputError, match=rf"{path.name} is damaged: .*Make it again"):
            outputs.check(path, "Make it again.")
    outputs.record(table)
    outputs.check(table, "Make it again.")


def test_a_damaged_record_vouches_for_nothing(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("a,b\n")
    outputs.record(table)
    for content in ({"files": {"table.csv": 7}}, {"files": None}):
        artifacts.write_json(tmp_path / outputs.FILE, content)
        assert not outputs.intact(table)
        with pytest.raises(InputError, match=r"outputs\.json .*Make it again"):
            outputs.check(table, "Make it again.")
