"""HTTPS with the pair that bin/cert makes."""

import ssl
import subprocess
from pathlib import Path

import aiohttp
import pytest

from tests.cli.running import llmux, surroundings
from tests.whole.conftest import Start

CONFIG = 'port = 0\nstore.url = "memory:"\nprovider.demo = {}\n[[backend]]\nmodel = "demo:*"\n'


def pair(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate."""
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run([*made, *names, "-keyout", key, "-out", cert], check=True, capture_output=True)
    return key, cert


async def test_https(start: Start, tmp_path: Path) -> None:
    key, cert = pair(tmp_path)
    with start(CONFIG, "--https", "--ssl-key", str(key), "--ssl-cert", str(cert)) as gateway:
        assert gateway.url.startswith("https://")
        tls = ssl.create_default_context(cafile=str(cert))
        body = {"model": "echo", "stream": True, "messages": [{"role": "user", "content": "hello"}]}
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as session,
            session.post(gateway.url + "/v1/chat/completions", json=body) as answer,
        ):
            assert b"[DONE]" in await answer.read()


def test_nothing_older_than_tls_1_2(start: Start, tmp_path: Path) -> None:
    key, cert = pair(tmp_path)
    with start(CONFIG, "--https", "--ssl-key", str(key), "--ssl-cert", str(cert)) as gateway:
        at = gateway.url.removeprefix("https://")
        for version, works in (("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)):
            command = ["openssl", "s_client", "-connect", at, version, "-cipher", "DEFAULT@SECLEVEL=0"]
            done = subprocess.run(command, input="", capture_output=True, text=True, timeout=20, check=False)
            assert ("BEGIN CERTIFICATE" in done.stdout) is works, (version, done.stdout)


@pytest.mark.parametrize("wrong", ["swapped", "not a certificate"])
def test_a_wrong_pair_is_said_in_a_sentence(tmp_path: Path, wrong: str) -> None:
    key, cert = pair(tmp_path)
    if wrong == "swapped":
        key, cert = cert, key
    else:
        cert.write_text("nothing")
    (tmp_path / "config.toml").write_text(CONFIG)
    options = ("--config", "config.toml", "--https", "--ssl-key", str(key), "--ssl-cert", str(cert))
    done = llmux("start", *options, env=surroundings(tmp_path), cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "certificate" in done.stderr
