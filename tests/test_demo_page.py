"""`mer demo`: the function behind its page, and the page in a browser, for which gradio and Chromium are needed."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from mer.data.synthetic.videos.video_file import read_truth
from mer.demo import BASE, HOST, answer
from mer.video.analysis import Analysis, silent
from mer.video.answers.recognisers import load_prior
from mer.video.predict_video import Asked
from tests.helpers.browser import CHROMIUM
from tests.helpers.command import command, process
from tests.helpers.driven_browser import DrivenPage
from tests.helpers.videos import pictures, write_video

DROP = "[aria-dropeffect]"
DRIVEN = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("gradio") is None, reason="needs gradio: pip install 'mer[demo]'"),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, e.g. Debian's package chromium"),
]


def test_the_answer_is_the_page_of_predict_in_a_frame_or_a_sentence(tmp_path: Path) -> None:
    asked = Asked(load_prior(), Analysis())
    html, files = answer(write_video(tmp_path / 'a"b.mp4', pictures(6), rate=25), tmp_path / "out", asked, silent)
    framed = re.fullmatch(r'<iframe .*? srcdoc="([^"]*)" sandbox="allow-same-origin" .*></iframe>', html, re.DOTALL)
    assert framed is not None
    assert unescape(framed.group(1)).replace(BASE, "") == Path(files[0]).read_text(encoding="utf-8")
    assert [Path(file).name for file in files] == ["report.html", "intervals.csv"] and Path(files[1]).is_file()
    (tmp_path / "<b>.mp4").write_text("no video\n", encoding="utf-8")
    html, files = answer(tmp_path / "<b>.mp4", tmp_path / "out", asked, silent)
    assert "&lt;b&gt;.mp4: expected a video" in html and str(tmp_path) not in html and 'role="alert"' in html
    assert files == []


def test_a_defect_of_ours_is_not_told_as_a_fault_of_the_video(tmp_path: Path) -> None:
    def broken(source: object, what: str) -> list:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        answer(write_video(tmp_path / "a.mp4", pictures(3), rate=25), tmp_path, Asked([], Analysis()), broken)


def test_without_gradio_one_sentence_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "gradio" else real(name, *rest)
    )
    done = command("mer", "demo", cwd=tmp_path)
    assert done.returncode == 2 and "pip install 'mer[demo]'" in done.stderr and "Traceback" not in done.stderr
    assert "--port" in command("mer", "demo", "--port", "0", cwd=tmp_path).stderr
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Address of a running `mer demo`, and a drawn video; Ctrl-C, while it reads another one, leaves nothing behind."""
    videos, work, temporary = (tmp_path_factory.mktemp(name) for name in ("videos", "work", "temporary"))
    small = ("--seconds", "3", "--rate", "40", "--size", "240", "180", "--plain")
    assert command("mer", "synthetic", "video", "drawn.mp4", *small, cwd=videos).returncode == 0
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1]), "TMPDIR": str(temporary)}
    server = subprocess.Popen(
        [sys.executable, "-m", "mer.demo", "--port", str(port)],
        cwd=work, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        assert f"http://{HOST}:{port}" in line, line or server.communicate()[1]
        assert "one that is free" in process("mer.demo", "--port", str(port), cwd=work).stderr
        yield f"http://{HOST}:{port}/", videos / "drawn.mp4"
        assert [one.name.startswith("mer_demo_") for one in temporary.iterdir()] == [True]
        other = videos / "other.mp4"
        other.write_bytes((videos / "drawn.mp4").read_bytes() + bytes(8))  # one that has no answer yet
        with DrivenPage(work / "profile") as page:
            page.open(f"http://{HOST}:{port}/", width=1280)
            page.wait(f"document.querySelector('{DROP}')")
            page.drop(other, DROP)
            page.wait("document.body.innerText.includes('faces and motion')")
            server.send_signal(signal.SIGINT)  # in the middle of a video
            assert server.wait(60) == 0
        assert [one.name for one in work.iterdir()] == ["profile"] and not list(temporary.iterdir())
    finally:
        server.kill()
        server.communicate()


@pytest.mark.parametrize("width", [pytest.param(width, marks=DRIVEN) for width in (390, 1280)])
def test_a_dropped_video_is_answered_on_the_page_and_no_other_host_is_asked(
    served: tuple[str, Path], width: int, tmp_path: Path
) -> None:
    address, video = served
    with DrivenPage(tmp_path / "profile") as page:
        page.open(address, width=width)
        page.wait(f"document.querySelector('{DROP}')")
        assert "not a lie detector" in page.value("document.body.innerText")
        page.drop(video, DROP)
        inside = "document.querySelector('iframe')?.contentDocument?.body"
        page.wait(f"{inside}?.innerText.includes('Provenance')")
        label = read_truth(video).query("kind == 'micro'")["label"].iloc[0]
        assert re.search(rf"^1\. [\d.]+ to [\d.]+ s, \w+: {label} ", page.value(f"{inside}.innerText"), re.MULTILINE)
        assert "intervals" in page.value("document.body.innerText"), "files to keep"
        for where in ("document.documentElement", f"{inside}.parentElement"):
            page.wait(f"{where}.scrollWidth <= {where}.clientWidth")
        page.wait(f"{inside}.parentElement.scrollHeight <= document.querySelector('iframe').clientHeight")
        page.screenshot(tmp_path / "page.png")
        page.value(f"{inside}.querySelector('a[href=\"#worth\"]').click()")
        page.wait("scrollY > 500")
        strange = [one for one in page.requests if not one.startswith((address, "data:", f"blob:{address}"))]
        assert len(page.requests) > 20 and strange == []
    with pytest.raises(urllib.error.HTTPError, match="400"):  # by a name of somebody else that leads here
        urllib.request.urlopen(urllib.request.Request(address, headers={"Host": "elsewhere.example"}))


@pytest.mark.parametrize("width", [pytest.param(390, marks=DRIVEN)])
def test_a_bad_file_is_one_sentence_and_its_name_is_text(served: tuple[str, Path], width: int, tmp_path: Path) -> None:
    bad = tmp_path / "${document.title='ran'}<img src=x onerror=document.title='ran'>.mp4"
    bad.write_text("no video\n", encoding="utf-8")
    with DrivenPage(tmp_path / "profile") as page:
        page.open(served[0], width=width)
        page.wait(f"document.querySelector('{DROP}')")
        page.drop(bad, DROP)
        page.wait("[...document.querySelectorAll('[role=alert]')].some(e => e.innerText.includes('expected a video'))")
        assert page.value("document.title") == "mer demo"
        assert page.value("document.documentElement.scrollWidth <= innerWidth")
