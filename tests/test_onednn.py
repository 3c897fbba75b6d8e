"""What TensorFlow is told before it is imported."""

import importlib
import os
import platform
import sys

import pytest

import sjft_tf

NAME = "TF_ENABLE_ONEDNN_OPTS"


@pytest.mark.parametrize(
    ("machine", "imported", "before", "after"),
    [
        ("x86_64", False, None, "1"),
        ("AMD64", False, None, "1"),
        ("x86_64", False, "0", "0"),
        ("x86_64", True, None, None),
        ("aarch64", False, None, None),
    ],
)
def test_onednn_is_on_unless_somebody_said_otherwise(monkeypatch, machine, imported, before, after):
    monkeypatch.setenv(NAME, before or "")
    if before is None:
        monkeypatch.delenv(NAME)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    if imported:
        monkeypatch.setitem(sys.modules, "tensorflow", pytest)
    else:
        monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    importlib.reload(sjft_tf)
    assert os.environ.get(NAME) == after
