"""A page that a test acts on in headless Chromium, over the pipe of its DevTools protocol: no package is needed.

https://chromedevtools.github.io/devtools-protocol
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.helpers.browser import CHROMIUM

#: Chromium reads commands from descriptor 3 and answers on 4.
_START = "import os, sys; a, b = map(int, sys.argv[1:3]); os.dup2(a, 13); os.dup2(b, 14); "
_START += "os.dup2(13, 3); os.dup2(14, 4); os.execv(sys.argv[3], sys.argv[3:])"


class DrivenPage:
    """One page; a context. `requests` grows by the address of each request that it and its frames make.

    Args:
        profile: folder for what the browser keeps.
        options: further ones of Chromium.
    """

    def __init__(self, profile: Path, *options: str) -> None:
        (read_here, write_there), (read_there, write_here) = os.pipe(), os.pipe()
        command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
        command += [f"--user-data-dir={profile}", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", *options]
        self._browser = subprocess.Popen(
            [sys.executable, "-c", _START, str(read_there), str(write_there), *command],
            pass_fds=(read_there, write_there), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(read_there)
        os.close(write_there)
        self._in, self._out, self._number = os.fdopen(read_here, "rb"), os.fdopen(write_here, "wb"), 0
        self._rest, self._session = b"", ""
        self.requests: list[str] = []

    def __enter__(self) -> DrivenPage:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *error: object) -> None:
        self._browser.terminate()
        self._browser.wait(20)
        self._in.close()
        self._out.close()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to a command."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        message |= {"sessionId": self._session} if self._session else {}
        self._out.write(json.dumps(message).encode() + b"\0")
        self._out.flush()
        while (said := self._message()).get("id") != self._number:
            if said.get("method") == "Network.requestWillBeSent":
                self.requests.append(said["params"]["request"]["url"])
        assert "error" not in said, f"{method}: {said['error']}"
        return said["result"]

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = os.read(self._in.fileno(), 1 << 16)
            assert more, "the browser ended"
            self._rest += more
        said, _, self._rest = self._rest.partition(b"\0")
        return json.loads(said)

    def open(self, address: str, *, width: int, height: int = 900) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Page.navigate", url=address)

    def value(self, script: str) -> Any:
        """What an expression of JavaScript gives."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, script: str, seconds: float = 60) -> None:
        """Return once an expression is true."""
        end = time.monotonic() + seconds
        while not self.value(f"!!({script})"):
            assert time.monotonic() < end, (
                f"after {seconds:g} s still not: {script}\n{self.value('document.body.innerText')}"
            )
            time.sleep(0.2)

    def drop(self, file: Path, selector: str) -> None:
        """Drop a file onto the middle of an element, as a hand with a mouse does."""
        element = f"document.querySelector({json.dumps(selector)})"
        self.value(f"{element}.scrollIntoView({{block: 'center'}})")
        box = self.value(f"{element}.getBoundingClientRect().toJSON()")
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.call("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def screenshot(self, target: Path) -> Path:
        """`target`, a PNG of the whole page."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        target.write_bytes(base64.b64decode(shot["data"]))
        return target
