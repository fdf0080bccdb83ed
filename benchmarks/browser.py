"""Chromium without a window, driven through its DevTools protocol: open, click by text, wait, take a picture."""

import asyncio
import base64
import itertools
import json
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

SECONDS = 60.0  # in which what is waited for must show
SETTLED = 1.5  # seconds that charts take to draw themselves once their page is there
LARGEST_MESSAGE = 2**28

# Clicks the last, innermost element whose text is exactly this; the first in the page are often headings.
CLICK = """
(() => {
  const all = [...document.querySelectorAll('button, a, [role], label, span, div, td, th, li, p')];
  const found = all.filter(e => e.offsetParent !== null && e.textContent.trim() === %s);
  const inner = found.filter(e => !found.some(o => o !== e && e.contains(o)));
  if (!inner.length) return false;
  const chosen = inner[%d < 0 ? inner.length + %d : %d] || inner[0];
  chosen.scrollIntoView({block: 'center'});
  const box = chosen.getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
})()
"""


class Page:
    """A tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Take the connection."""
        self.socket, self.numbers = socket, itertools.count(1)

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        number = next(self.numbers)
        await self.socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            answer = json.loads((await self.socket.receive()).data)
            if answer.get("id") == number:
                if "error" in answer:
                    raise SystemExit(f"{method}: {answer['error']['message']}")
                return dict(answer["result"])

    async def run(self, script: str) -> Any:
        """Return what a script in the page comes to."""
        done = await self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        return done["result"].get("value")

    async def open(self, address: str, text: str) -> None:
        """Open an address and wait until the page shows a text."""
        await self.send("Page.navigate", url=address)
        await self.wait(text)

    async def wait(self, text: str) -> None:
        """Wait until the page shows a text, and what belongs to it has settled."""
        await self.until(f"document.body && document.body.innerText.includes({json.dumps(text)})", text)
        await asyncio.sleep(SETTLED)

    async def until(self, script: str, told: str) -> Any:
        """Wait until a script comes to something; return that."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            if found := await self.run(script):
                return found
            await asyncio.sleep(0.2)
        raise SystemExit(f"the page never shows {told!r}")

    async def click(self, text: str, place: int = 0) -> None:
        """Click on what has exactly this text; ``place`` chooses among several, from the end if negative."""
        x, y = await self.until(CLICK % (json.dumps(text), place, place, place), text)
        await self.click_at(x, y)

    async def click_on(self, selector: str) -> None:
        """Click on the first element that a selector of CSS finds."""
        chosen = f"document.querySelector({json.dumps(selector)})"
        middle = f"(() => {{ const e = {chosen}; if (!e) return null; e.scrollIntoView({{block: 'center'}});"
        middle += "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        x, y = await self.until(middle, selector)
        await self.click_at(x, y)

    async def click_at(self, x: float, y: float) -> None:
        """Click at a place, and give the page a moment."""
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            button = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
            await self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button)
        await asyncio.sleep(SETTLED)

    async def type(self, text: str) -> None:
        """Type into what has the focus."""
        await self.send("Input.insertText", text=text)
        await asyncio.sleep(SETTLED)

    async def leave(self) -> None:
        """Move the mouse to the edge, where nothing changes under it."""
        await self.send("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)

    async def press_escape(self) -> None:
        """Press the key that closes windows."""
        for kind in ("keyDown", "keyUp"):
            await self.send("Input.dispatchKeyEvent", type=kind, key="Escape", code="Escape", windowsVirtualKeyCode=27)
        await asyncio.sleep(SETTLED)

    async def size(self, width: int, height: int) -> None:
        """Make the window so large, in pixels."""
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    async def picture(self, path: Path) -> None:
        """Save what is seen as a PNG file."""
        shot = await self.send("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))


@asynccontextmanager
async def browser(program: str = "chromium") -> AsyncIterator[Page]:
    """Start Chromium with a profile of its own, and yield its one tab."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        words = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-port=0"]
        words += [f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen([program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            place = Path(profile) / "DevToolsActivePort"
            while not place.exists() or not place.read_text().strip():
                await asyncio.sleep(0.1)
            port = place.read_text().split()[0]
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    tabs = await answer.json()
                address = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
                async with session.ws_connect(address, max_msg_size=LARGEST_MESSAGE) as socket:
                    page = Page(socket)
                    await page.send("Page.enable")
                    await page.size(1500, 1000)
                    yield page
        finally:
            process.terminate()
            process.wait()
