"""A small test set with an unmistakable shape, reconstructions of it, and a browser."""

import base64
import itertools
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

SIZE = 32
SPACING = (3.0, 2.0, 1.0)


def column(offset: int) -> np.ndarray:
    """Return a spine-like column, off centre to the patient's right, as stored values."""
    ct = np.zeros((SIZE, SIZE, SIZE), np.int16)
    ct[:, 18:24, 8 + offset : 14 + offset] = 1400
    ct[::4] = 0
    ct[4:8, 4:8, 20:24] = 2200
    return ct


@dataclass
class FakeRun:
    """Paths of a test set and of predictions by row."""

    test: Path
    predictions: dict[str, Path]


def _write_strings(file, key, values):
    file.create_dataset(key, data=values, dtype=h5py.string_dtype())


@pytest.fixture(scope="session")
def fake_run(tmp_path_factory) -> FakeRun:
    """Write three test scans and the predictions of three rows in the stored layout."""
    folder = tmp_path_factory.mktemp("run")
    scans = ["sub-a_ct", "sub-b_ct", "sub-c_ct"]
    ct = np.stack([column(offset) for offset in range(len(scans))])
    with h5py.File(folder / "test.h5", "w") as file:
        file["ct"] = ct
        for name, axis in (("ap", 2), ("lateral", 3)):
            total = ct.sum(axis=axis, dtype=np.float64)
            file[name] = (total / total.max() * 65535).astype(np.uint16)
        file["full_scale_hu_mm"] = np.full((len(scans), 2), 5e4, np.float32)
        file["spacing_mm"] = np.tile(SPACING, (len(scans), 1))
        file["origin_mm"] = np.zeros((len(scans), 3))
        for key in ("scan", "patient", "source"):
            _write_strings(file, key, scans)
        file.attrs.update(size=SIZE, record="0123456789abcdef")
        file.attrs.update(source_to_isocentre_mm=541.0)
    predictions = {}
    for row, scale in (("ipf", 0.4), ("x2ct", 0.7), ("srnet3d", 0.9)):
        predictions[row] = folder / f"{row}.h5"
        with h5py.File(predictions[row], "w") as file:
            # The second scan comes out best, the third worst.
            factor = np.array([scale, 1.0, scale / 2])[:, None, None, None]
            file["ct"] = (ct / 2500 * factor).astype(np.float32)
            _write_strings(file, "scan", scans)
            file.attrs.update(row=np.bytes_(row.encode()), record="")
    return FakeRun(folder / "test.h5", predictions)


FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1280,1000",
    "--remote-debugging-pipe",
]


class Page:
    """One tab of a real headless Chromium, driven through its debugging pipe.

    Keeps the address of every request that the tab makes, and every exception.
    """

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._out, self._in = to_browser, from_browser
        self._ids, self._buffer = itertools.count(1), b""
        self._session: str | None = None
        self.requests: list[str] = []
        self.errors: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        message = {"id": next(self._ids), "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == message["id"]:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            chunk = os.read(self._in, 1 << 20)
            if not chunk:
                raise RuntimeError("the browser closed its pipe")
            self._buffer += chunk
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        if message.get("method") == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(message["params"]["exceptionDetails"]))
        return message

    def open(self, path: Path) -> None:
        self.call("Page.navigate", url=path.resolve().as_uri())

    def evaluate(self, expression: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")

    def wait_for(self, expression: str, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not self.evaluate(expression):
            if time.monotonic() > end:
                text = self.evaluate("document.body.innerText")
                raise TimeoutError(f"{expression} stayed false; {self.errors}; page: {text}")
            time.sleep(0.2)

    def screenshot(self, path: Path, selector: str | None = None) -> None:
        params: dict[str, Any] = {"captureBeyondViewport": True}
        if selector:
            box = self.evaluate(
                f"(() => {{const r = document.querySelector({json.dumps(selector)})"
                ".getBoundingClientRect(); return [r.x, r.y + scrollY, r.width, r.height]})()"
            )
            params["clip"] = dict(zip(("x", "y", "width", "height"), box, strict=True), scale=1)
        data = self.call("Page.captureScreenshot", **params)["data"]
        path.write_bytes(base64.b64decode(data))

    def click(self, x: float, y: float) -> None:
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


@contextmanager
def chromium(program: str, profile: Path) -> Iterator[Page]:
    """Yield a tab of a fresh browser that ends with the block."""
    browser_reads, we_write = os.pipe()
    we_read, browser_writes = os.pipe()

    def plumb() -> None:
        # The browser expects its pipes at descriptors 3 and 4.
        low, high = os.dup(browser_reads), os.dup(browser_writes)
        os.dup2(low, 3)
        os.dup2(high, 4)

    process = subprocess.Popen(
        [program, *FLAGS, f"--user-data-dir={profile}"],
        preexec_fn=plumb,
        close_fds=False,
        stderr=subprocess.DEVNULL,
    )
    os.close(browser_reads)
    os.close(browser_writes)
    try:
        yield Page(we_write, we_read)
    finally:
        process.terminate()
        process.wait(timeout=20)
        os.close(we_write)
        os.close(we_read)


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Page]:
    """Yield a tab of a real browser, or skip where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no chromium on this machine: nothing is tried in a real browser")
    with chromium(program, tmp_path / "profile") as page:
        yield page
