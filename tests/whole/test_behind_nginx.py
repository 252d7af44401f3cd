"""nginx in front, with the example configuration: TLS, streams event by event, clients that leave, real addresses."""

import asyncio
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import orjson
import pytest

from tests.cli.running import ROOT, Running, running, surroundings

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed: apt-get install nginx-light")

CONFIG = """
port = 0
idle_timeout = 30
log_format = "json"
trusted_proxies = ["127.0.0.1"]
store.url = "memory:"
tokens.me = "secret"
provider.demo = {}

[[backend]]
model = "demo:*"
"""
HEADERS = {"authorization": "Bearer secret"}
OUTSIDE = (
    "daemon off; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\nhttp {{ access_log off;\n{site}\n}}\n"
)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def site(upstream: int, http: int, https: int, folder: Path) -> str:
    """The example, with this test's ports and certificate in it."""
    text = (ROOT / "examples" / "nginx.conf").read_text()
    changes = {
        "127.0.0.1:8082": f"127.0.0.1:{upstream}",
        "listen 80;": f"listen 127.0.0.1:{http};",
        "listen 443 ssl;": f"listen 127.0.0.1:{https} ssl;",
    }
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    text = re.sub(r"\n\s*listen \[::\].*", "", text)
    text = re.sub(r"(ssl_certificate\s+)\S+;", rf"\g<1>{folder}/cert.pem;", text)
    return re.sub(r"(ssl_certificate_key\s+)\S+;", rf"\g<1>{folder}/key.pem;", text)


class Front:
    """llmux with nginx before it."""

    def __init__(self, gateway: Running, url: str, tls: ssl.SSLContext, log: Path) -> None:
        self.gateway, self.url, self.tls, self.log = gateway, url, tls, log

    def session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=self.tls), headers=HEADERS)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder: Path = tmp_path_factory.mktemp("nginx")
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*made, "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
    (folder / "config.toml").write_text(CONFIG)
    http, https = free_port(), free_port()
    with (
        (folder / "log").open("w") as log,
        running("start", "--config", "config.toml", env=surroundings(folder), cwd=folder, stderr=log) as gateway,
    ):
        upstream = int(gateway.url.rpartition(":")[2])
        (folder / "nginx.conf").write_text(OUTSIDE.format(folder=folder, site=site(upstream, http, https, folder)))
        command = [str(NGINX), "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "error.log")]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as nginx:
            try:
                for _ in range(100):
                    with socket.socket() as probe:
                        if probe.connect_ex(("127.0.0.1", https)) == 0:
                            break
                    time.sleep(0.05)
                tls = ssl.create_default_context(cafile=str(folder / "cert.pem"))
                yield Front(gateway, f"https://127.0.0.1:{https}", tls, folder / "log")
            finally:
                nginx.terminate()
                nginx.wait(10)


def body(model: str, **more: object) -> dict[str, object]:
    return {"model": model, "max_tokens": 99, "messages": [{"role": "user", "content": "one two three four"}]} | more


async def in_flight(front: Front) -> int:
    async with aiohttp.ClientSession(headers=HEADERS) as session:
        answer = await session.get(front.gateway.url + "/health?deep=true")
        return int((await answer.json())["backends"][0]["in_flight"])


@asynccontextmanager
async def asked(front: Front, path: str, document: dict[str, object]) -> AsyncGenerator[asyncio.StreamReader, None]:
    """A connection on which `document` was sent. It ends at once, like that of a client that is killed."""
    host, _, port = front.url.removeprefix("https://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=front.tls)
    sent = orjson.dumps(document)
    head = [f"POST {path} HTTP/1.1", "host: localhost", "authorization: Bearer secret", f"content-length: {len(sent)}"]
    writer.write("\r\n".join([*head, "", ""]).encode() + sent)
    try:
        yield reader
    finally:
        writer.transport.abort()


async def until_nobody_is_asked(front: Front) -> None:
    async with asyncio.timeout(1):
        while await in_flight(front):
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
async def test_events_come_one_by_one_and_a_client_that_leaves_cancels_the_backend(front: Front, path: str) -> None:
    """The backend says three words and then nothing for ever: who buffers shows nothing."""
    async with asked(front, path, body("hang", stream=True)) as reader, asyncio.timeout(5):
        await reader.readuntil(b"one")
        assert await in_flight(front) == 1
    await until_nobody_is_asked(front)


async def test_a_client_that_leaves_before_a_whole_answer_cancels_the_backend(front: Front) -> None:
    async with asked(front, "/v1/messages", body("hang")), asyncio.timeout(5):
        while not await in_flight(front):
            await asyncio.sleep(0.02)
    await until_nobody_is_asked(front)


async def test_a_whole_answer_and_an_error(front: Front) -> None:
    async with front.session() as session:
        answer = await session.post(front.url + "/v1/messages", json=body("echo"))
        assert (answer.status, (await answer.json())["type"]) == (200, "message")
        answer = await session.post(front.url + "/v1/messages", data=b"{")
        assert (answer.status, (await answer.json())["type"]) == (400, "error")
        answer = await session.post(front.url + "/v1/messages", json=body("x"), headers={"authorization": "Bearer no"})
        assert answer.status == 401


async def test_the_log_names_the_client_and_not_nginx(front: Front) -> None:
    async with front.session() as session:
        answer = await session.post(
            front.url + "/v1/messages", json=body("echo"), headers={"x-forwarded-for": "6.6.6.6"}
        )
        wanted = answer.headers["x-request-id"]
    lines: list[bytes] = []
    async with asyncio.timeout(5):
        while not lines:
            lines = [line for line in front.log.read_bytes().splitlines() if wanted.encode() in line]
            await asyncio.sleep(0.02)
    told = orjson.loads(lines[0])
    assert (told["client"], told["remote"]) == ("me", "127.0.0.1")
