"""A real browser, driven over its DevTools protocol: Chromium's own, without a package of its own.

Only what the Studio's tests need. One page, one connection, one request at a time.
"""

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from wsproto import ConnectionType, WSConnection
from wsproto.events import CloseConnection, Message, Ping, Request, TextMessage

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream", "--lang=en",
)  # fmt: skip
START_SECONDS = 60.0
WAIT_SECONDS = 120.0


class BrowserError(Exception):
    """The browser or the page did not do what was asked."""


def find_browser() -> str | None:
    """Return the path of a Chromium; None when there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """The one page of a browser."""

    def __init__(self, address: str) -> None:
        found = urlsplit(address)
        self._socket = socket.create_connection(
            (found.hostname or "", found.port or 0), START_SECONDS
        )
        self._connection = WSConnection(ConnectionType.CLIENT)
        self._ids, self._text, self._events = 0, "", list[dict[str, Any]]()
        host = f"{found.hostname}:{found.port}"
        self._socket.sendall(self._connection.send(Request(host=host, target=found.path)))
        self._receive()

    def send(self, method: str, **parameters: object) -> dict[str, Any]:
        """Call the protocol; return its result.

        Raises:
            BrowserError: the browser answers with an error, or not at all.
        """
        self._ids += 1
        text = json.dumps({"id": self._ids, "method": method, "params": parameters})
        self._socket.sendall(self._connection.send(TextMessage(text)))
        while True:
            for message in self._receive():
                if message.get("id") == self._ids:
                    if "error" in message:
                        raise BrowserError(f"{method}: {message['error']}")
                    result: dict[str, Any] = message["result"]
                    return result
                self._events.append(message)

    def events(self, method: str) -> list[dict[str, Any]]:
        """Return the parameters of the events of one name so far."""
        return [one["params"] for one in self._events if one.get("method") == method]

    def _receive(self) -> Iterator[dict[str, Any]]:
        self._socket.settimeout(WAIT_SECONDS)
        try:
            self._connection.receive_data(self._socket.recv(1 << 20))
        except TimeoutError:
            raise BrowserError("the browser does not answer") from None
        found = list(self._read())
        return iter(found)

    def _read(self) -> Iterator[dict[str, Any]]:
        for event in self._connection.events():
            if isinstance(event, Ping):
                self._socket.sendall(self._connection.send(event.response()))
            if isinstance(event, CloseConnection):
                raise BrowserError("the browser has closed the connection")
            if isinstance(event, Message):
                self._text += str(event.data)
                if event.message_finished:
                    yield json.loads(self._text)
                    self._text = ""

    # ---- what a person does ------------------------------------------------------------------

    def open(self, address: str) -> Self:
        """Go to an address."""
        self.send("Page.enable")
        self.send("Runtime.enable")
        self.send("Log.enable")
        self.send("Page.navigate", url=address)
        return self

    def reload(self) -> None:
        """Load the page anew, as when a closed tab is opened again."""
        self.ask("window.before = true")
        self.send("Page.reload")
        self.wait("!window.before && document.querySelector('h1')")

    def ask(self, expression: str) -> object:
        """Return the value of an expression of the page.

        Raises:
            BrowserError: the expression throws.
        """
        answer = self.send(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise BrowserError(json.dumps(answer["exceptionDetails"])[:2000])
        return answer["result"].get("value")

    def wait(self, expression: str, seconds: float = WAIT_SECONDS) -> None:
        """Return as soon as an expression is true.

        Raises:
            BrowserError: it is not, after so many seconds; says what the page shows.
        """
        end = time.monotonic() + seconds
        while not self.ask(f"Boolean({expression})"):
            if time.monotonic() > end:
                shown = self.ask("document.body.innerText.slice(0, 1500)")
                raise BrowserError(f"never true: {expression}\nthe page shows:\n{shown}")
            time.sleep(0.1)

    def click(self, words: str) -> None:
        """Press the button or link that has these words."""
        found = json.dumps(words)
        self.wait(
            "(() => { const one = [...document.querySelectorAll('button, a, summary')].reverse()"
            f".find((e) => e.innerText.trim() === {found} && !e.disabled);"
            " if (one) { one.click(); } return Boolean(one); })()"
        )

    def type(self, selector: str, text: str) -> None:
        """Write into a field."""
        self.wait(f"document.querySelector({json.dumps(selector)}) !== null")
        self.ask(f"document.querySelector({json.dumps(selector)}).focus()")
        self.send("Input.insertText", text=text)

    def press(self, key: str) -> None:
        """Press Tab, Enter or Space."""
        code, text = {"Tab": (9, ""), "Enter": (13, "\r"), " ": (32, " ")}[key]
        for kind in ("keyDown", "keyUp"):
            extra: dict[str, object] = {"text": text} if kind == "keyDown" and text else {}
            self.send(
                "Input.dispatchKeyEvent",
                type=kind, key=key, code="Space" if key == " " else key,
                windowsVirtualKeyCode=code, **extra,
            )  # fmt: skip

    def choose(self, selector: str, files: Sequence[Path]) -> None:
        """Give files to a file input."""
        root = self.send("DOM.getDocument")["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.send("DOM.setFileInputFiles", nodeId=node, files=[str(file) for file in files])

    # ---- how it looks ------------------------------------------------------------------------

    def look(self, width: int, height: int = 900, *, dark: bool = False) -> None:
        """Set the window's size and the colours that the person prefers."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        wanted = {
            "prefers-color-scheme": "dark" if dark else "light",
            "prefers-reduced-motion": "reduce",
        }
        features = [{"name": name, "value": value} for name, value in wanted.items()]
        self.send("Emulation.setEmulatedMedia", features=features)

    def screenshot(self, file: Path) -> None:
        """Write the whole page as a PNG."""
        file.parent.mkdir(parents=True, exist_ok=True)
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        answer = self.send("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        file.write_bytes(base64.b64decode(answer["data"]))

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


@contextmanager
def browsing(program: str, folder: Path, more: Sequence[str] = ()) -> Iterator[Page]:
    """Start a browser with an empty profile, and end it."""
    command = [program, *FLAGS, *more, f"--user-data-dir={folder}", "--remote-debugging-port=0"]
    running = subprocess.Popen(
        [*command, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        with closing(Page(_address(folder, lambda: running.poll() is None))) as page:
            yield page
    finally:
        running.terminate()
        running.wait(60)


def _address(folder: Path, is_alive: Callable[[], bool]) -> str:
    """Return where the browser's page listens."""
    end, port = time.monotonic() + START_SECONDS, folder / "DevToolsActivePort"
    while time.monotonic() < end and is_alive():
        lines = port.read_text().splitlines() if port.exists() else []
        if lines:
            with urllib.request.urlopen(f"http://127.0.0.1:{lines[0]}/json/list") as answer:
                targets: list[Mapping[str, str]] = json.load(answer)
            for target in targets:
                if target["type"] == "page":
                    return target["webSocketDebuggerUrl"]
        time.sleep(0.05)
    raise BrowserError("the browser did not start")
