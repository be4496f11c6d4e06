"""A web page of another origin, in a real browser, gets nothing out of the embedded AWS.

The same page first asks a server that allows everything: so all its attempts are known to work.
"""

from __future__ import annotations

import base64
import shutil
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cloud import archive
from tests.integration.access_kit import SECRET, SVG, WIDTH, Victim

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.cloud.server import Cloud

PAGE = Path(__file__).with_name("foreign_page.html")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--host-resolver-rules=MAP rebound.test 127.0.0.1",
)  # fmt: skip
BROWSER_SECONDS = 600


@pytest.fixture(scope="module")
def browser() -> str:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is on the PATH (apt install chromium)")
    return found


class Permissive(BaseHTTPRequestHandler):
    """Allows every origin everything, and remembers what reached it."""

    protocol_version = "HTTP/1.1"
    server: Recorder

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.command != "OPTIONS":
            self.server.seen.append((self.command, self.path.partition("?")[0]))
        self.send_response(200)
        for name in ("Origin", "Methods", "Headers"):
            self.send_header(f"Access-Control-Allow-{name}", "*")
        if requested := self.headers.get("Access-Control-Request-Headers"):
            # `*` does not stand for Authorization.
            self.send_header("Access-Control-Allow-Headers", requested)
        self.send_header("Content-Type", SVG)
        self.send_header("Content-Length", str(len(SECRET)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(SECRET.encode())

    do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = answer  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Recorder(ThreadingHTTPServer):
    """The server that allows everything."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Permissive)
        self.seen: list[tuple[str, str]] = []


class Foreign(BaseHTTPRequestHandler):
    """Serves the hostile page, and hears what it found out."""

    protocol_version = "HTTP/1.1"
    server: Site

    def do_GET(self) -> None:
        self._send(self.server.page if self.path == "/" else "")

    def do_POST(self) -> None:
        self.server.report = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._send("")
        self.server.reported.set()

    def _send(self, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Site(ThreadingHTTPServer):
    """The origin of the hostile page."""

    def __init__(self, page: str) -> None:
        super().__init__(("127.0.0.1", 0), Foreign)
        self.page = page
        self.report = ""
        self.reported = threading.Event()


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[None]:
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def visit(browser: str, profile: Path, victim: Victim, port: int) -> dict[str, str]:
    """Open the page, which tries everything against a port; return what came of each attempt."""
    role = victim.cloud.client("iam").get_role(RoleName=victim.name)["Role"]["Arn"]
    page = PAGE.read_text()
    for word, value in {
        "PORT": str(port), "BUCKET": victim.name, "FUNCTION": victim.name, "ROLE": role,
        "ZIP": base64.b64encode(archive(app="def handler(event, context): pass")).decode(),
    }.items():  # fmt: skip
        page = page.replace(word, value)
    site = Site(page)
    with serving(site):
        url = f"http://127.0.0.1:{site.server_port}/"
        running = subprocess.Popen(
            [browser, *FLAGS, f"--user-data-dir={profile}", "--remote-debugging-port=0", url],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            assert site.reported.wait(BROWSER_SECONDS), "the page did not come to its end"
        finally:
            running.terminate()
            running.wait(300)
    return dict(line.split(": ", 1) for line in site.report.splitlines())


def test_a_web_page_creates_invokes_and_reads_nothing(
    cloud: Cloud, browser: str, tmp_path: Path
) -> None:
    victim = Victim.on(cloud)
    before = victim.state()

    recorder = Recorder()
    with serving(recorder):
        works = visit(browser, tmp_path / "works", victim, recorder.server_port)
    assert set(recorder.seen) == expected(victim.name)
    blind = {name for name in works if "no-cors" in name}  # sent, but the page cannot read
    read = works.keys() - blind - {"image", "websocket"}
    assert {works[name] for name in read} == {f"cors 200 {SECRET}"}
    assert works["image"] == str(WIDTH)

    refused = visit(browser, tmp_path / "refused", victim, cloud.port)
    assert {name: refused[name] for name in read} == dict.fromkeys(read, "TypeError")
    assert {refused[name].strip() for name in blind} == {"opaque 0"}
    assert (refused["image"], refused["websocket"]) == ("0", "refused")
    assert victim.state() == before


def expected(name: str) -> set[tuple[str, str]]:
    """Return every request that the page sends where nothing stops it."""
    function = f"/2015-03-31/functions/{name}/invocations"
    return {
        ("GET", "/"), ("POST", "/"), ("POST", f"/{name}"), ("GET", f"/{name}/secret.svg"),
        ("DELETE", f"/{name}/secret.svg"), ("PUT", f"/{name}/by-fetch"), ("GET", "/secret.svg"),
        ("POST", "/2015-03-31/functions"), ("GET", "/2015-03-31/functions"),
        ("POST", function), ("POST", "/_ministack/reset"),
        ("POST", "/_ministack/config"), ("GET", "/_aws/execute-api/abc/prod"),
    }  # fmt: skip
