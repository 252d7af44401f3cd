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
        old = ssl.create_default_context(cafile=str(cert))
        old.maximum_version = ssl.TLSVersion.TLSv1_1 if ssl.HAS_TLSv1_1 else ssl.TLSVersion.TLSv1_2
        if ssl.HAS_TLSv1_1:
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=old)) as session:
                with pytest.raises(aiohttp.ClientConnectorError):
                    await session.get(gateway.url + "/health")


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
