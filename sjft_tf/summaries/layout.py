"""Which curves TensorBoard's custom-scalars tab draws into one chart."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tensorboard.plugins.custom_scalar.layout_pb2 import Layout

# What is compared with what: title of the chart, and the tags in it.
CHARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("accuracy: training images as tested, validation, test", ("train/top1", "validation/top1", "test/top1")),
    ("loss of the two heads, of validation and test", ("loss/target", "loss/source", "validation/loss", "test/loss")),
    ("hard target images", ("hard/wrong", "hard/uncertain")),
)


def chart_layout() -> Layout:
    """The `Layout` message of the plugin, for `RoundSummaries.layout`."""
    from tensorboard.plugins.custom_scalar import layout_pb2

    charts = [
        layout_pb2.Chart(title=title, multiline=layout_pb2.MultilineChartContent(tag=[f"^{tag}$" for tag in tags]))
        for title, tags in CHARTS
    ]
    return layout_pb2.Layout(category=[layout_pb2.Category(title="run", chart=charts)])
