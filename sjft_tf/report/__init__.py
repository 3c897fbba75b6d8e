"""A run, a comparison of arms over seeds or a probe of layers, as one HTML file that needs nothing beside it.

- `write_report`: finds out what lies in a workdir and writes the page.
- `write_features`: the picture of a probe's features as files.
- `reading`, `comparison`, `probe`, `curves`: what the artifacts say; `pictures`: thumbnails of the images.
- `schema`, `damage`: what those files must hold, and what becomes of damaged ones; `bounds`: numbers for charts.
- `run_sections`, `run_images`, `run_rows`, `comparison_sections`: the values of each section; `run_charts`,
  `comparison_charts`, `svg`: the charts; `page` and `templates/`: how it looks.
"""

from sjft_tf.report.probe import write_features
from sjft_tf.report.write import write_report

__all__ = ["write_features", "write_report"]
