"""A gateway with demo backends, and its admin page in a real Chromium."""

import http.client
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, sync_playwright

from tests.cli.running import Running, running, surroundings

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
MISSING = "there is no Chromium: apt-get install chromium, or set CHROMIUM to where it is"
OPTIONS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
KEY = "office"
CONFIG = """
port = 0
admin_key = "office"
store.url = "memory:"
tokens.ann = "k-ann"
tokens.bob = "k-bob"
provider.demo = {}

[[backend]]
name = "shaky"
model = "demo:fail-429?retry-after=3"
model_match = ["claude-*"]
max_per_day = 500

[[backend]]
name = "narrow"
model = "demo:echo"
context = 20
max_per_5hours = 100

[[backend]]
name = "steady"
model = "demo:echo?delay=30ms"
max_per_hour = 60
max_per_day = 1000
"""


@contextmanager
def gateway(folder: Path) -> Iterator[Running]:
    (folder / "config.toml").write_text(CONFIG)
    arguments = ("start", "--config", str(folder / "config.toml"))
    with running(*arguments, env=surroundings(folder), cwd=folder, stderr=subprocess.DEVNULL) as process:
        yield process


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        try:
            yield browser
        finally:
            browser.close()


def ask(url: str, model: str, text: str = "Say hello to the world.", key: str = "k-ann", **more: Any) -> int:
    """Ask as a client does; the status."""
    parts = urlsplit(url)
    body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
    headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)) as connection:
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        reply = connection.getresponse()
        reply.read()
        return reply.status
