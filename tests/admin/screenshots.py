"""The pictures of docs/ui.md: `python -m tests.admin.screenshots`, from the root of the repository.

The page and its gateway are real, and so are the last requests; the hour before them is made up.
"""

import asyncio
import base64
import random
import struct
import tempfile
import zlib
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from playwright.async_api import Page, async_playwright

from llmux.clock import SystemClock
from llmux.config.load import Loaded, load
from llmux.ground import open_ground
from llmux.ir.usage import Usage
from llmux.serve import Serving
from llmux.telemetry import AttemptFailed, Fact, Planned, RequestFinished, Spent, Voice
from tests.admin.chromium import CHROMIUM, KEY, MISSING, OPTIONS
from tests.cli.running import ROOT

IMAGES = ROOT / "docs/images"
CONFIG = """
port = 0
admin_key = "office"
store.url = "memory:"
tokens.frontend = "k-frontend"
tokens.batch = "k-batch"
tokens.claude-code = "k-claude-code"
provider.demo = {}

[[backend]]
name = "sonnet"
model = "demo:fail-429?retry-after=47"
model_match = ["claude-*"]
max_per_5hours = 400

[[backend]]
name = "gpt-small"
model = "demo:echo?delay=20ms"
context = 120
max_per_hour = 40
max_per_day = 1000

[[backend]]
name = "local"
model = "demo:echo?delay=40ms"
concurrent = 4
"""
MODELS = ("claude-sonnet-5", "gpt-5-mini", "gpt-5-mini", "qwen3:8b")
CLIENTS = ("frontend", "frontend", "batch", "claude-code")
PROMPT = "Name three things that a gateway for language models must never do."


# A picture's pixels, read by the browser: [width, height, their bytes in base64].
PIXELS = """async (png) => {
    const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    const bytes = canvas.getImageData(0, 0, image.width, image.height).data;
    const parts = [];
    for (let at = 0; at < bytes.length; at += 8192) parts.push(String.fromCharCode(...bytes.subarray(at, at + 8192)));
    return [image.width, image.height, btoa(parts.join(""))];
}"""


class Shifted(SystemClock):
    """Time that can be put back."""

    ago = 0.0

    def now(self) -> float:
        return super().now() - self.ago


def request(chance: random.Random, number: int) -> Iterator[Fact]:
    """One made-up request, as the house tells it."""
    name, model, client = f"req_{number:08x}", chance.choice(MODELS), chance.choice(CLIENTS)
    usage = Usage(chance.randrange(200, 4000), chance.randrange(20, 900))
    first = chance.lognormvariate(-0.7, 0.5)
    backend = "gpt-small" if model.startswith("gpt") else "local"
    yield Planned(name, model, ("gpt-small", "local"), {})
    failed = chance.random() < 0.04
    if failed:
        yield AttemptFailed(name, backend, "Overloaded", "The backend is overloaded.", 0.2)
    else:
        usd = (usage.input_tokens * 0.25 + usage.output_tokens * 2) / 1e6
        yield Spent(
            request_id=name, client=client, backend=backend, provider="demo", model=model, usage=usage, usd=usd,
            complete=True,
        )  # fmt: skip
    yield RequestFinished(
        request_id=name, client=client, dialect="openai_chat", path="/v1/chat/completions", model=model,
        backend=backend, attempts=1, status=529 if failed else 200, stream=True, usage=None if failed else usage,
        first_event_s=None if failed else first, duration_s=first + usage.output_tokens / 90,
        error="Overloaded" if failed else "",
    )  # fmt: skip


def an_hour(tell: Voice, clock: Shifted) -> None:
    """Ups and downs."""
    chance, number = random.Random(11), 0  # noqa: S311  # the same picture each time
    for minute in range(59, 0, -1):
        clock.ago = minute * 60.0
        for _ in range(int(chance.gauss(9, 2) + 6 * (minute % 25 < 9))):
            number += 1
            for fact in request(chance, number):
                tell(fact)
    clock.ago = 0.0


@asynccontextmanager
async def gateway(folder: Path) -> AsyncGenerator[str, None]:
    (folder / "config.toml").write_text(CONFIG)
    clock, voice = Shifted(), Voice()

    def loader() -> Loaded:
        return load(folder / "config.toml", env={}, cwd=folder, home=folder)

    async with open_ground(loader(), voice, clock) as ground:
        serving = Serving(loader, loader(), ground)
        an_hour(voice, clock)
        async with asyncio.TaskGroup() as tasks, serving.listening(shared_port=False) as url:
            background = [
                tasks.create_task(ground.ledger.run()), tasks.create_task(ground.board.run(serving.standings))
            ]  # fmt: skip
            yield url
            for task in background:
                task.cancel()


async def traffic(url: str) -> None:
    """The last requests, which are real."""
    async with aiohttp.ClientSession() as session:
        for number in range(26):
            model, client = MODELS[number % 4 if number >= 20 else 1 + number % 3], CLIENTS[number // 2 % 4]
            text = f"{PROMPT} " * (6 if number % 5 == 4 else 1)
            body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": number % 3 > 0}
            async with session.post(
                f"{url}/v1/chat/completions", json=body, headers={"x-api-key": f"k-{client}"}
            ) as reply:
                await reply.read()
        async with session.post(f"{url}/v1/chat/completions", json={}, headers={"x-api-key": "old"}) as reply:
            await reply.read()


async def compact(blank: Page, png: bytes) -> bytes:
    """The same picture in a quarter fewer bytes: flat colours are packed best as they are, which browsers do not do."""
    width, height, encoded = await blank.evaluate(PIXELS, base64.b64encode(png).decode())
    rgba = base64.b64decode(encoded)
    rgb = bytearray(width * height * 3)
    for color in range(3):
        rgb[color::3] = rgba[color::4]
    rows = b"".join(b"\0" + rgb[at : at + width * 3] for at in range(0, len(rgb), width * 3))
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0),
        b"IDAT": zlib.compress(rows, 9),
        b"IEND": b"",
    }
    packed = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


async def pictures(page: Page, blank: Page, url: str) -> None:
    await page.goto(f"{url}/ui")
    await page.fill("#key", KEY)
    await page.keyboard.press("Enter")
    await page.locator("#house").wait_for()
    await traffic(url)
    await page.fill("#model", "gpt-5-mini")
    await page.fill("#prompt", PROMPT)
    await page.click("#send")
    await page.get_by_text("The answer is complete.").wait_for(state="attached")
    await page.locator("#requests .chip.failed").wait_for()
    row = page.locator("#requests tr", has=page.locator(".chip.failed"))
    await row.get_by_role("button").click()
    await page.locator("#requests tr", has_text="admin").first.wait_for()
    await page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    for theme in ("light", "dark"):
        await page.wait_for_timeout(1200)  # one more second of what happens
        png = await compact(blank, await page.screenshot(full_page=True))
        (IMAGES / f"ui-{theme}.png").write_bytes(png)
        await page.click("#theme")
        await page.evaluate("document.activeElement.blur()")


async def main() -> None:
    """Take them."""
    if CHROMIUM is None:
        raise SystemExit(MISSING)
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with gateway(Path(folder)) as url, async_playwright() as play:
            browser = await play.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
            page = await browser.new_page(viewport={"width": 1200, "height": 800}, color_scheme="light")
            await pictures(page, await browser.new_page(), url)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
