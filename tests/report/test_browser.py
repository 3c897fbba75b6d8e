"""The pages in a browser: they render, fit on a screen and on a phone, and nothing complains."""

import base64
import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from sjft_tf.report import write_report

pytestmark = pytest.mark.slow

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Each width is a frame of its own: a window of the browser has a smallest width, a frame has none.
FRAME = '<iframe srcdoc="{page}" style="border:0;width:{width}px;height:900px"></iframe>'
MEASURE = """<script>
addEventListener("load", () => {
  const found = [...document.querySelectorAll("iframe")].map((frame) => {
    const inside = frame.contentDocument, root = inside.documentElement;
    const broken = [...inside.images].filter((image) => !image.naturalWidth).length;
    const charts = [...inside.querySelectorAll("svg.chart")].map((svg) => svg.getBoundingClientRect().height);
    return {client: root.clientWidth, scroll: root.scrollWidth, broken, charts};
  });
  document.body.innerHTML = "<p id=found>" + btoa(JSON.stringify(found)) + "</p>";
});
</script>"""


@pytest.fixture(scope="module")
def browse(tmp_path_factory):
    """Starts a headless browser with these arguments; returns the finished process."""
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(f"no browser is installed ({', '.join(BROWSERS)})")
    profile = tmp_path_factory.mktemp("profile")

    def start(*arguments):
        fixed = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={profile}")
        command = [path, *fixed, "--enable-logging=stderr", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)

    return start


@pytest.mark.parametrize("which", ["run", "comparison"])
def test_it_fits_and_nothing_complains(which, browse, request, tmp_path):
    page = write_report(request.getfixturevalue(which), tmp_path / "page.html")
    text = html.escape(page.read_text())
    harness = tmp_path / "harness.html"
    frames = "".join(FRAME.format(page=text, width=width) for width in (1280, 390))
    harness.write_text(f"<!DOCTYPE html><meta charset=utf-8><body>{frames}{MEASURE}</body>")
    done = browse("--virtual-time-budget=10000", "--dump-dom", harness.as_uri())
    assert "CONSOLE" not in done.stderr
    (found,) = re.findall(r'<p id="found">([\w+/=]+)</p>', done.stdout)
    for width, frame in zip((1280, 390), json.loads(base64.b64decode(found)), strict=True):
        assert width - 20 <= frame["client"] <= width  # a scroll bar aside
        assert frame["scroll"] <= frame["client"]
        assert frame["broken"] == 0
        assert len(frame["charts"]) >= 9
        assert min(frame["charts"]) > 60


def test_it_is_light_or_dark_as_the_reader_wants(browse, run, tmp_path):
    page, picture = write_report(run, tmp_path / "page.html"), tmp_path / "page.png"
    shades = []
    for more in ((), ("--blink-settings=preferredColorScheme=0",)):
        done = browse("--window-size=1280,900", f"--screenshot={picture}", *more, page.as_uri())
        assert "CONSOLE" not in done.stderr
        pixels = np.asarray(Image.open(picture).convert("L"))
        assert pixels.shape == (900, 1280)
        assert pixels.std() > 5  # something is written on it
        shades.append(np.median(pixels))
    assert shades[0] > 230
    assert shades[1] < 60
