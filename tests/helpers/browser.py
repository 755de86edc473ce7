"""Pages in headless Chromium: screenshots, and whether anything is wider than the window."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

from PIL import Image

#: The browser by any of its usual names; None where there is none.
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome", "chrome") if (found := shutil.which(name))),
    None,
)

#: Asks the page for its width and for what sticks out, by a message to the page around it.
_PROBE = """<script>addEventListener('load', () => {
  const wide = [...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll, pre, svg')
    && getComputedStyle(e).position !== 'absolute' && e.getBoundingClientRect().right > innerWidth + 1);
  const tight = [...document.querySelectorAll('.scroll th, .scroll td')].filter(e => e.scrollWidth > e.clientWidth + 1);
  const reach = [...document.querySelectorAll('a[href], summary, [tabindex]')].filter(e => e.tabIndex >= 0).length;
  const scrolls = [...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth + 1);
  parent.postMessage(JSON.stringify({page: document.documentElement.scrollWidth, window: innerWidth,
    wide: wide.slice(0, 5).map(e => e.tagName + '.' + e.className), reach,
    tight: tight.slice(0, 5).map(e => e.tagName + ' ' + e.textContent.slice(0, 60)),
    unreachable: scrolls.filter(e => e.tabIndex < 0).length,
    paper: getComputedStyle(document.body).backgroundColor}), '*')})</script></body>"""

_FRAME = """<!doctype html><body style="margin:0">
<iframe src="page.html" style="border:0;width:{width}px;height:{height}px"></iframe><pre id="said"></pre>
<script>addEventListener('message', e => {{document.getElementById('said').textContent = e.data}})</script></body>"""


def _run(*arguments: str) -> str:
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def screenshot(page: Path, target: Path, *, width: int, height: int = 3000, dark: bool = False) -> Path:
    """`target`, a PNG of the page `width` pixels wide, in the light or the dark scheme."""
    scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
    work = target.with_suffix("")
    frame = _framed(page.read_text(encoding="utf-8"), work, width=width, height=height)
    _run(f"--screenshot={target}", f"--window-size={max(width, 500)},{height}", *scheme, frame)
    with Image.open(target) as picture:
        picture.crop((0, 0, width, height)).save(target)
    return target


def layout(page: Path, work: Path, *, width: int) -> dict:
    """Width of the page and of its window, what sticks out of it, and what a keyboard reaches, as the browser says."""
    frame = _framed(page.read_text(encoding="utf-8").replace("</body>", _PROBE), work, width=width, height=900)
    said = _run("--virtual-time-budget=5000", "--dump-dom", f"--window-size={max(width, 500)},1000", frame)
    found = re.search(r'<pre id="said">(.*?)</pre>', said, re.DOTALL)
    assert found is not None and found.group(1), "the page did not answer"
    return json.loads(found.group(1))


def _framed(text: str, work: Path, *, width: int, height: int) -> str:
    """Address of a page that holds this one in a frame: a window of Chromium cannot be as narrow as a phone."""
    work.mkdir(parents=True, exist_ok=True)
    (work / "page.html").write_text(text, encoding="utf-8")
    (work / "frame.html").write_text(_FRAME.format(width=width, height=height), encoding="utf-8")
    return (work / "frame.html").resolve().as_uri()
