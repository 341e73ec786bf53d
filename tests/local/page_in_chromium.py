"""The page of the local Import API in a headless Chromium: `make test-page`.

It is driven through the browser's own debugging protocol.
"""

import asyncio
import base64
import itertools
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import aiohttp
import httpx
import orjson
import pytest

from rjcli.local.server import LocalServer, Watch

from .conftest import API_KEY, CREDENTIALS

CHROMIUM = next(
    filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome", "chrome"])), ""
)
PICTURE = Path(__file__).parent.parent.parent / "demo" / "page.png"
_PATIENCE = 60.0  # seconds

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed: nothing was tested")


class Browser:
    """A tab of a headless Chromium."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    async def call(self, method: str, **parameters: object) -> Any:
        """Call the browser; return its result."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(_PATIENCE):
            while True:
                message = await self._socket.receive_json()
                if message.get("id") == number:
                    return message["result"]

    async def evaluate(self, expression: str) -> Any:
        """Evaluate JavaScript from outside the page, which itself may have none."""
        result = await self.call("Runtime.evaluate", expression=expression)
        return result["result"].get("value")

    async def open(self, url: str, text: str) -> None:
        """Open a page, and wait for a text on it."""
        await self.call("Page.navigate", url=url)
        await self.wait_for(text)

    async def wait_for(self, text: str) -> None:
        """Wait until a text is on the page."""
        deadline = time.monotonic() + _PATIENCE
        shown = ""
        while text not in shown:
            assert time.monotonic() < deadline, f"{text!r} did not appear: {shown}"
            await asyncio.sleep(0.1)
            shown = str(await self.evaluate("document.body && document.body.innerText"))


@contextmanager
def chromium(directory: Path) -> Iterator[str]:
    """A headless Chromium; yields the address of its debugging protocol."""
    port_file = directory / "DevToolsActivePort"
    command = [CHROMIUM, "--headless", "--no-sandbox", "--remote-debugging-port=0"]
    options = [f"--user-data-dir={directory}", "--disable-gpu", "--no-first-run", "about:blank"]
    with subprocess.Popen(
        [*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            deadline = time.monotonic() + _PATIENCE
            while not port_file.exists() or "\n" not in port_file.read_text():
                assert time.monotonic() < deadline, "Chromium did not start"
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port_file.read_text().splitlines()[0]}"
        finally:
            process.terminate()
            process.wait(_PATIENCE)


class ForeignPage(BaseHTTPRequestHandler):
    """A page of another site, with a form for a local Import API that it knows of."""

    target = ""

    def do_GET(self) -> None:
        """Answer with the page."""
        body = (
            f"<form method=post action='{self.target}'><input name=fail_rate value=1></form>foreign"
        )
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def foreign_site(target: str) -> Iterator[str]:
    """Serve a foreign page; yields its address."""
    handler = type("Handler", (ForeignPage,), {"target": target})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://localhost:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


def push(base_url: str, status: int) -> None:
    """Upsert records, one of which is markup."""
    records = [
        {"keys": ["id"], "id": 1001, "customer": "Ada", "total": 12.5, "note": None},
        {"keys": ["id"], "id": 1002, "customer": "Grace", "total": 8, "note": "<b>bold</b>"},
        {"keys": ["id"], "id": 1003, "customer": "Edsger", "total": 31.9, "note": "goto"},
    ]
    url = f"{base_url}/v2/client/12/table/orders/data?apikey={API_KEY}"
    content, headers = orjson.dumps(records), {"Content-Type": "application/json"}
    done = httpx.post(url, content=content, headers=headers, trust_env=False)
    assert done.status_code == status


def test_page_works_in_a_browser(tmp_path: Path) -> None:
    """A browser shows what arrived as text, changes faults, and no foreign form does."""
    with (
        LocalServer(tmp_path / "rjcli-local.db", CREDENTIALS, watch=Watch(page=True)) as server,
        foreign_site(f"{server.base_url}/faults") as foreign,
        chromium(tmp_path / "profile") as address,
    ):
        asyncio.run(visit(address, server.base_url, foreign))


async def visit(address: str, base_url: str, foreign: str) -> None:
    """Use the page as a person does."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{address}/json/list") as answer:
            [tab, *_] = [each for each in await answer.json() if each["type"] == "page"]
        async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            browser = Browser(socket)
            await browser.open(base_url, "Nothing has been pushed yet")
            push(base_url, 201)
            await browser.open(base_url, "<b>bold</b>")
            assert await browser.evaluate("getComputedStyle(document.body).maxWidth") != "none"
            await browser.evaluate(
                "document.querySelector('[name=fail_rate]').value = '1';"
                "document.forms[0].requestSubmit()"
            )
            await browser.wait_for("On: share answered with an error")
            push(base_url, 503)
            await take_picture(browser, base_url)
            await browser.evaluate("document.querySelector('[name=off]').click()")
            await browser.wait_for("All are off")
            await browser.open(foreign, "foreign")
            await browser.evaluate("document.forms[0].submit()")
            await browser.wait_for("answers no page of another site")
            await browser.open(base_url, "All are off")
            push(base_url, 201)


async def take_picture(browser: Browser, base_url: str) -> None:
    """Keep a picture of the page."""
    await browser.call(
        "Emulation.setDeviceMetricsOverride",
        width=900,
        height=880,
        deviceScaleFactor=1,
        mobile=False,
    )
    await browser.open(base_url, "503")
    picture = await browser.call("Page.captureScreenshot")
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_bytes(base64.b64decode(picture["data"]))
