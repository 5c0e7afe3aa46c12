"""A real browser to look at pages with: Chromium by its DevTools protocol, over a pipe, without any package.

    with Chromium() as browser:
        browser.open("http://127.0.0.1:8095/")
        browser.value("document.title")

What always holds: the browser has a profile of its own, which is gone afterwards; an exception in the page's
script is an exception here; what the page logged as an error, its policy's refusals among it, is in `errors`.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class PageError(Exception):
    """The page's script failed, or what was waited for did not come."""


class Chromium:
    """One browser with one page. Sizes are CSS pixels, seconds wall clock."""

    def __init__(self, width: int = 1440, height: int = 900, seconds: float = 60) -> None:
        if PROGRAM is None:
            raise PageError("there is no Chromium: apt-get install chromium")
        self.seconds = seconds
        self.errors: list[str] = []
        self.requests: list[str] = []
        """Every address that the page asked for."""
        self._profile = tempfile.mkdtemp(prefix="chromium-")
        self._number = 0
        self._rest = b""
        self._events: list[dict[str, Any]] = []
        flags = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
        ]
        flags += [
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--mute-audio",
        ]
        flags += ["--remote-debugging-pipe", f"--user-data-dir={self._profile}", "--force-color-profile=srgb"]
        to_browser, from_browser = os.pipe(), os.pipe()
        # The browser reads from 3 and writes to 4; copies far above, lest one overwrites the other.
        far = [fcntl.fcntl(one, fcntl.F_DUPFD, 50) for one in (to_browser[0], from_browser[1])]

        def wire() -> None:
            os.dup2(far[0], 3)
            os.dup2(far[1], 4)

        self._process = subprocess.Popen(
            [PROGRAM, *flags, "about:blank"],
            preexec_fn=wire,
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for one in (to_browser[0], from_browser[1], *far):
            os.close(one)
        self._write, self._read = to_browser[1], from_browser[0]
        target = self._ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session = self._ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        self.resize(width, height)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._write)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._read)
        shutil.rmtree(self._profile, ignore_errors=True)

    # ---- what one does with it

    def open(self, address: str, ready: str = "document.readyState === 'complete'") -> None:
        """Go there and wait until `ready` holds."""
        self.value("window.left = true")
        told = self.send("Page.navigate", {"url": address})
        other = "!window.left && " if "loaderId" in told else ""  # not where only what is behind # changes
        self.wait(f"{other}({ready})")

    def value(self, expression: str) -> Any:
        """What a JavaScript expression comes to; a promise is waited for."""
        given = {"expression": expression, "awaitPromise": True, "returnByValue": True, "userGesture": True}
        told = self.send("Runtime.evaluate", given)
        if "exceptionDetails" in told:
            details = told["exceptionDetails"]
            raise PageError(details.get("exception", {}).get("description") or details["text"])
        return told["result"].get("value")

    def wait(self, expression: str) -> None:
        """Until the expression is true."""
        end = time.monotonic() + self.seconds
        while True:
            try:
                if self.value(f"Boolean({expression})"):
                    return
            except PageError as problem:
                if "Cannot find context" not in str(problem) and "is not defined" not in str(problem):
                    raise
            if time.monotonic() > end:
                raise PageError(f"waited {self.seconds:g} s for {expression}")
            time.sleep(0.02)

    def key(self, key: str, modifiers: int = 0) -> None:
        """Press and release a key, such as "j", "Enter" or "Escape"."""
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        code = {"Enter": 13, "Escape": 27, "Tab": 9, "ArrowDown": 40, "ArrowUp": 38, "End": 35, "Home": 36}
        about = {
            "key": key,
            "modifiers": modifiers,
            "windowsVirtualKeyCode": code.get(key, ord(key[0].upper())),
        }
        self.send("Input.dispatchKeyEvent", {"type": "keyDown", "text": text, **about})
        self.send("Input.dispatchKeyEvent", {"type": "keyUp", **about})

    def type(self, text: str) -> None:
        """Write into whatever has the focus."""
        self.send("Input.insertText", {"text": text})

    def resize(self, width: int, height: int, *, dark: bool = False) -> None:
        phone = width < 600
        size = {"width": width, "height": height, "deviceScaleFactor": 2 if phone else 1, "mobile": phone}
        self.send("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", {"features": [scheme]})

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """What is in sight, or the whole page, as a PNG, WebP or JPEG file."""
        kind = path.suffix[1:].replace("jpg", "jpeg")
        given = {"format": kind, "captureBeyondViewport": whole} | ({"quality": 80} if kind != "png" else {})
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", given)["data"]))

    # ---- the protocol

    def send(self, method: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
        """A command of the DevTools protocol to the page."""
        return self._ask(method, parameters or {}, self._session)

    def _ask(self, method: str, parameters: dict[str, Any], session: str = "") -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        data = json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0"
        while data:
            data = data[os.write(self._write, data) :]
        end = time.monotonic() + self.seconds
        while True:
            answer = self._receive(end)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise PageError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self._note(answer)

    def _receive(self, end: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], max(0.0, end - time.monotonic()))
            data = os.read(self._read, 1 << 20) if ready else b""
            if not data:
                raise PageError("the browser does not answer" if not ready else "the browser has ended")
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def _note(self, event: dict[str, Any]) -> None:
        about = event.get("params", {})
        if event.get("method") == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.errors.append(about["entry"]["text"])
        elif event.get("method") == "Runtime.exceptionThrown":
            details = about["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif event.get("method") == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"])
