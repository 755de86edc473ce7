"""Look at videos in a browser: `mer demo`, then open the address that it prints.

Drop a video of a face, or record one with the camera: a page says when something moved, which action units and which
emotion it may be, as `mer predict` does. The server listens on this machine only (127.0.0.1), asks no other host, and
keeps videos and answers in a temporary folder that is removed when it ends, by Ctrl-C. Needs pip install 'mer[demo]'.
Exit status: 0 ended by Ctrl-C or SIGTERM, 2 it could not begin.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console

from mer.cli import guarded
from mer.errors import MerError, is_users, sentence
from mer.utils.console import say
from mer.video.analysis import Analysis, Progress
from mer.video.answers.recognisers import Recogniser, load_prior
from mer.video.predict_video import Asked, predict_into
from mer.video.prediction_folder import INTERVALS, PAGE
from mer.video.reading.frame_source import FrameSource, VideoFrame

HOST = "127.0.0.1"
WORDS = """# When does a face move?
Drop a video of a face, or record one with the camera: look straight into it, and keep the head still. The answer says
when something in the face moved, which action units and which emotion it may be, and how sure that is.

**For research. A movement of the face is no proof of a feeling: this is not a lie detector, and nobody should be judged
by it.** The networks that answer learned from drawn motion only, from no recorded face.

Nothing leaves this machine. Videos and answers lie in a temporary folder, which is removed when `mer demo` ends; save
what you want to keep."""
#: The video leaves room for the answer.
CSS = "video { max-height: 24rem; }"
#: Where links of a page in a frame begin.
BASE = '<base href="about:srcdoc">'
#: Frames between two steps of the progress bar.
STEP = 10


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; wrong ones end the process with status 2."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="mer demo", description=__doc__, formatter_class=form)
    parser.add_argument("--port", type=int, default=7860, help="of the page, 1 to 65535 (default %(default)s)")
    chosen = parser.parse_args(arguments)
    if not 1 <= chosen.port <= 65535:
        parser.error(f"--port: expected 1 to 65535, got {chosen.port}")
    return chosen


def answer(video: Path, out: Path, asked: Asked, progress: Progress) -> tuple[str, list[str]]:
    """Return the answer about a video as HTML, and the files behind it; without files a sentence on what is wrong."""
    try:
        folder, _ = predict_into(video, out, asked, progress)
    except Exception as error:
        if not is_users(error):
            raise
        return f'<p role="alert">{escape(sentence(error).replace(str(video), video.name))}</p>', []
    # without a base, links inside the page would lead to the page around it
    page = (folder / PAGE).read_text(encoding="utf-8").replace("<head>", f"<head>{BASE}", 1)
    # a frame of its own, without scripts: neither style sheet touches the other; as high as what it shows
    frame = (
        f'<iframe title="Answer" srcdoc="{escape(page)}" sandbox="allow-same-origin" style="width:100%;height:80vh;'
        'border:0" onload="this.style.height = this.contentDocument.documentElement.scrollHeight + \'px\'"></iframe>'
    )
    return frame, [str(folder / PAGE), str(folder / INTERVALS)]


def limits(recognisers: Sequence[Recogniser]) -> str:
    """Return what the networks are and are not, by their cards, as Markdown."""
    cards = [one.network.card for one in recognisers]
    lines = dict.fromkeys(line for card in cards for line in card["limits"])
    return "\n".join([*(f"{card['what']}.\n" for card in cards), *(f"- {line}" for line in lines)])


def build(gradio: Any, out: Path, ending: threading.Event, busy: threading.Lock) -> Any:
    """Return the page.

    Args:
        gradio: the package.
        out: folder of the answers.
        ending: once it is set, no video is read any further.
        busy: held while a video is answered.
    """
    recognisers = load_prior()
    asked, bar = Asked(recognisers, Analysis()), gradio.Progress()

    def look(path: str | None, bar: Any = bar) -> tuple[str, Any]:
        def shown(source: FrameSource, what: str) -> Iterator[VideoFrame]:
            for frame in source:
                if ending.is_set():
                    raise MerError("mer demo has ended")
                if frame.index % STEP == 0:
                    bar((frame.index, source.frames or None), desc=what, unit="frames")
                yield frame

        with busy:
            text, files = answer(Path(path), out, asked, shown) if path else ("", [])
        return text, gradio.update(value=files, visible=bool(files))

    with gradio.Blocks(title="mer demo", analytics_enabled=False) as page:
        gradio.Markdown(WORDS)
        # with sound, since gradio needs the program ffmpeg to leave it out; the microphone is not asked for
        camera = gradio.WebcamOptions(mirror=False, constraints={"audio": False, "video": {"frameRate": {"ideal": 60}}})
        video = gradio.Video(label="Video", sources=["upload", "webcam"], include_audio=True, webcam_options=camera)
        with gradio.Accordion("What the networks are, and what they are not", open=False):
            gradio.Markdown(limits(recognisers))
        shown = gradio.HTML()
        files = gradio.File(label="Files to keep", file_count="multiple", interactive=False, visible=False)
        video.change(look, video, [shown, files], api_visibility="private")
    return page


def launch(page: Any, gradio: Any, port: int) -> None:
    """Serve a page to this machine alone, in the background."""
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    local = Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])  # not by a name of somebody else
    theme = gradio.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    try:
        page.launch(
            server_name=HOST, server_port=port, share=False, prevent_thread_lock=True, inbrowser=False, quiet=True,
            ssr_mode=False, mcp_server=False, run_history=False, enable_monitoring=False, footer_links=[],
            theme=theme, css=CSS, app_kwargs={"middleware": [local]},
        )  # fmt: skip
    except OSError as error:
        raise MerError(f"--port: expected one that is free, got {port}, in use or not allowed; give another") from error


@guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of `python -m mer.demo`; return the exit status."""
    port = parse(arguments).port
    if find_spec("gradio") is None:
        raise MerError("mer demo needs the package gradio, which is not installed: pip install 'mer[demo]'")
    with tempfile.TemporaryDirectory(prefix="mer_demo_") as place:
        # gradio reads these when it is imported; a proxy would be asked for the page itself
        os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": place, "NO_PROXY": "*", "no_proxy": "*"}
        import gradio

        ending, busy = threading.Event(), threading.Lock()
        page = build(gradio, Path(place) / "answers", ending, busy)
        launch(page, gradio, port)
        say(Console(), f"http://{HOST}:{port} shows the page, on this machine only; Ctrl-C ends it")
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
        ending.set()
        busy.acquire()  # nothing is written any more, so the folder can go
    page.close(verbose=False)  # takes seconds where a browser still shows the page
    busy.release()
    return 0


if __name__ == "__main__":
    sys.exit(main())
