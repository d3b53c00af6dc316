"""A page in headless Chromium, driven through its own debugging pipe: no driver, no network."""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


def chromium() -> str | None:
    """Path of a Chromium or Chrome, if there is one."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if found := shutil.which(name):
            return found
    return None


class Browser:
    """One headless browser with one page.

    Attributes:
        errors: console errors, exceptions and blocked loads, in order.
        requests: every address that was asked for, the page itself left out.
    """

    def __init__(self, program: str) -> None:
        self._profile = tempfile.mkdtemp(prefix="sufficiency-browser-")
        read_here, self._from = _pipe()
        self._to, write_here = _pipe()

        def place() -> None:
            os.dup2(read_here, 3)
            os.dup2(write_here, 4)

        # read_here is what the browser reads, self._from what we write, and the other way round.
        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={self._profile}", "--remote-debugging-pipe",
             "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(3, 4),
            preexec_fn=place,
        )  # fmt: skip
        os.close(read_here)
        os.close(write_here)
        self._number = 0
        self._buffer = b""
        self._seen: list[dict[str, Any]] = []
        self.errors: list[str] = []
        self.requests: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = ""
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call(
            "Network.emulateNetworkConditions",
            offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1,
        )  # fmt: skip

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if getattr(self, "_session", ""):
            message["sessionId"] = self._session
        os.write(self._from, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next(30.0)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return dict(answer["result"])

    def open(self, page: Path, width: int) -> None:
        """Open a page at a width in pixels and wait until it is loaded."""
        self.errors.clear()
        self.requests.clear()
        self._seen.clear()
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=900, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        address = page.resolve().as_uri()
        self._page = address
        self.call("Page.navigate", url=address)
        ends = time.monotonic() + 30
        while not any(e.get("method") == "Page.loadEventFired" for e in self._seen):
            self._next(max(0.1, ends - time.monotonic()))

    def evaluate(self, expression: str) -> Any:
        """The value of a script expression in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return result["result"].get("value")

    def close(self) -> None:
        """End this browser, and no other."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._from)
        os.close(self._to)
        shutil.rmtree(self._profile, ignore_errors=True)

    def _next(self, seconds: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._to], [], [], seconds)
            if not ready:
                raise TimeoutError("the browser did not answer")
            part = os.read(self._to, 1 << 16)
            if not part:
                raise RuntimeError("the browser ended")
            self._buffer += part
        text, self._buffer = self._buffer.split(b"\0", 1)
        event: dict[str, Any] = json.loads(text)
        self._note(event)
        return event

    def _note(self, event: dict[str, Any]) -> None:
        self._seen.append(event)
        method, found = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown" or (
            method == "Runtime.consoleAPICalled" and found.get("type") in ("error", "assert")
        ):
            self.errors.append(json.dumps(found)[:500])
        elif method == "Log.entryAdded" and found["entry"].get("level") == "error":
            self.errors.append(found["entry"].get("text", ""))
        elif method == "Network.requestWillBeSent":
            url = found["request"]["url"]
            if url.split("#")[0] != getattr(self, "_page", "") and not url.startswith("data:"):
                self.requests.append(url)


def _pipe() -> tuple[int, int]:
    """A pipe whose ends lie above the numbers that the browser expects."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]
