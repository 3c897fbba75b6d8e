"""The cards, turned into HTML by what TensorBoard's text tab uses."""

from __future__ import annotations

import types

import numpy as np
from tensorboard import plugin_util

from sjft_tf.config import RunConfig
from sjft_tf.summaries import configuration_card, image_set_card


def rows(markdown):
    html = plugin_util.markdown_to_safe_html(markdown)
    lines = html.replace("\n", "").replace("</tr>", "\n").split("\n")
    cells = [[cell.split("<", 1)[0] if "<strong>" not in cell else cell for cell in cells_of(line)] for line in lines]
    return html, [row for row in cells if row]


def cells_of(line):
    return [part.split(">", 1)[1].removesuffix("</td>") for part in line.split("<td")[1:]]


def test_every_setting_is_there_and_changed_ones_are_marked():
    config, defaults = RunConfig().to_json(), RunConfig().to_json()
    config["training"]["rounds"] = 7
    config["data"] |= {"target": "folder:a_b|c*<x>", "source": ["one", "two"]}
    html, table = rows(configuration_card(config, defaults, {"devices": "CPU only", "revision": None}))
    names = [row[0] for row in table]
    for section, settings in config.items():
        assert f"<h3>{section}</h3>" in html
        for name in settings:
            assert f"<strong>{name}</strong>" in names or name in names, name
    assert ["devices", "CPU only"] in table
    assert "revision" not in html
    assert ["<strong>rounds</strong>", "<strong>7</strong>", "5"] in table
    assert ["<strong>source</strong>", "<strong>one, two</strong>", "(empty)"] in table
    [target] = [row for row in table if "target</strong>" in row[0]]
    assert target[1] == "<strong>folder:a_b|c*&lt;x&gt;</strong>"
    assert html.count("<strong>") == 2 * 3


def test_a_setting_that_has_no_default_counts_as_changed():
    _, table = rows(configuration_card({"new": {"a": 1}}, {}, {}))
    assert ["<strong>a</strong>", "<strong>1</strong>", ""] in table


def test_image_sets():
    class Images(types.SimpleNamespace):
        def __len__(self):
            return int(self.class_counts.sum())

    even = Images(name="folder:x#train", class_counts=np.array([4, 4]), fingerprint="aa")
    uneven = Images(name="npz", class_counts=np.array([1, 5, 3]), fingerprint="bb")
    _, table = rows(image_set_card({"target": even, "source": uneven}))
    assert table == [
        ["target", "folder:x#train", "8", "2", "4", "aa"],
        ["source", "npz", "9", "3", "1 to 5", "bb"],
    ]
