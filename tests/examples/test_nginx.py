"""examples/nginx.conf in front of a gateway: streams come event by event, HTTPS holds, a client that leaves is seen."""

import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import ROOT, Running, running, surroundings

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")

# The name that the example's server answers to.
HOST = "llm.example.com"
AROUND = """
daemon off;
pid {home}/nginx.pid;
error_log {home}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {home}; proxy_temp_path {home}; fastcgi_temp_path {home};
    uwsgi_temp_path {home}; scgi_temp_path {home};
    include {home}/llmux.conf;
}}
"""


class Front:
    """nginx on the example, and the gateway behind it."""

    def __init__(self, home: Path, gateway: Running, ports: tuple[int, int]) -> None:
        self.gateway, (self.http, self.https) = gateway, ports
        self.trust = ssl.create_default_context(cafile=home / "certs/cert.pem")

    def post(self, body: dict[str, Any], **headers: str) -> http.client.HTTPSConnection:
        """Send a request of Claude's dialect; its answer is still to be read."""
        connection = http.client.HTTPSConnection("localhost", self.https, timeout=10, context=self.trust)
        given = {"content-type": "application/json", "x-api-key": "a token", "host": HOST, **headers}
        body = {"max_tokens": 99, "messages": [{"role": "user", "content": "one two three four five"}]} | body
        connection.request("POST", "/v1/messages", json.dumps(body), given)
        return connection

    def logged(self) -> dict[str, Any]:
        """The next request that the gateway's log tells of."""
        assert self.gateway.process.stderr is not None
        for line in self.gateway.process.stderr:
            if (told := json.loads(line))["event"] == "RequestFinished":
                return told
        raise AssertionError("the gateway has ended")


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    home = tmp_path_factory.mktemp("nginx")
    for folder in ("bin", "certs"):
        (home / folder).mkdir()
    shutil.copy(ROOT / "bin/cert", home / "bin")
    subprocess.run([home / "bin/cert", "--host", HOST], check=True, capture_output=True)
    (home / "config.toml").write_text('trusted_proxies = ["127.0.0.1"]\n[tokens]\nme = "a token"\n')
    ports = free_port(), free_port()
    with running("start", "--port", "0", env=surroundings(home), cwd=home) as gateway:
        (home / "llmux.conf").write_text(adapted(home, gateway, ports))
        (home / "nginx.conf").write_text(AROUND.format(home=home))
        with subprocess.Popen([str(NGINX), "-c", home / "nginx.conf", "-p", home]) as nginx:
            try:
                wait_for(ports[1])
                yield Front(home, gateway, ports)
            finally:
                nginx.terminate()


def adapted(home: Path, gateway: Running, ports: tuple[int, int]) -> str:
    """The example, on ports and with a certificate of the test's own; each line that is changed must be there."""
    conf = (ROOT / "examples/nginx.conf").read_text()
    changes = {
        "listen 80;": f"listen 127.0.0.1:{ports[0]};",
        "listen 443 ssl;": f"listen 127.0.0.1:{ports[1]} ssl;",
        "    listen [::]:80;\n": "",
        "    listen [::]:443 ssl;\n": "",
        "127.0.0.1:8082": gateway.url.removeprefix("http://"),
        f"/etc/letsencrypt/live/{HOST}/fullchain.pem": f"{home}/certs/cert.pem",
        f"/etc/letsencrypt/live/{HOST}/privkey.pem": f"{home}/certs/key.pem",
    }
    for old, new in changes.items():
        assert old in conf
        conf = conf.replace(old, new)
    return conf


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    """Until somebody listens there: nginx says nothing when it is ready."""
    for _ in range(500):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise AssertionError("nginx did not start")


def test_events_arrive_while_the_answer_goes_on(front: Front) -> None:
    """The demo says three deltas and is then silent for ever: what is read here was not held back."""
    with closing(front.post({"model": "demo:hang", "stream": True})) as connection:
        reply = connection.getresponse()
        assert reply.status == 200
        read = b""
        while read.count(b"content_block_delta") < 2 * 3:  # each in its `event:` and its `data:` line
            read += reply.read1()
        assert b"message_stop" not in read
        reply.close()
    told = front.logged()  # the client has left in the middle, and the gateway has seen it
    assert told["model"] == "demo:hang"
    assert told["status"] == 499


def test_a_large_request_passes(front: Front) -> None:
    text = "word " * 500_000
    body = {"model": "demo:echo", "messages": [{"role": "user", "content": text}]}
    with closing(front.post(body)) as connection:
        assert connection.getresponse().status == 200
    front.logged()


def test_a_client_cannot_choose_its_address(front: Front) -> None:
    claims = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "gopher"}
    with closing(front.post({"model": "demo:echo"}, **claims)) as connection:
        assert connection.getresponse().status == 200
    assert front.logged()["remote"] == "127.0.0.1"


def test_a_request_without_a_token_is_refused_in_the_clients_dialect(front: Front) -> None:
    with closing(front.post({"model": "demo:echo"}, **{"x-api-key": "wrong"})) as connection:
        reply = connection.getresponse()
        assert reply.status == 401
        assert json.load(reply)["error"]["type"] == "authentication_error"
    front.logged()


def test_plain_http_is_sent_to_https(front: Front) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", front.http, timeout=10)) as connection:
        connection.request("POST", "/v1/messages", "{}", {"host": HOST})
        reply = connection.getresponse()
        assert reply.status == 308
        assert reply.headers["location"] == f"https://{HOST}/v1/messages"
