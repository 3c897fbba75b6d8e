"""docs/flags.md is what the settings say."""

import dataclasses
from pathlib import Path

from sjft_tf.config import RunConfig
from sjft_tf.config.reference import COMMAND, reference

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_of_flags_is_current():
    assert (ROOT / "docs" / "flags.md").read_text() == reference(), f"Run: {COMMAND}"


def test_it_has_every_setting_with_its_values():
    page = reference()
    for section in RunConfig().sections():
        for item in dataclasses.fields(section):
            assert f"\n| `--{item.name}`" in page, item.name
    assert "| `--k0` | `auto` | text |" in page
    assert "| `--audit` | on | `--noaudit` |" in page
    assert "| `--bins` | `100` | 2 to 65535 |" in page
    assert "| `--jit` | off | `--jit` |" in page
