"""`llmux start` as a real process: what it prints, how it answers, how it ends."""

import shutil
import signal
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.cli.running import ROOT, ask, running, surroundings

HELLO = {"model": "demo:echo", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}


def test_it_serves_both_dialects_and_says_how_to_reach_it(tmp_path: Path) -> None:
    with running("start", "--port", "0", env=surroundings(tmp_path), cwd=tmp_path) as gateway:
        assert gateway.line.startswith("llmux listens on http://127.0.0.1:")
        assert ask(gateway.url, "/v1/messages", HELLO)["type"] == "message"
        assert ask(gateway.url, "/v1/chat/completions", HELLO)["object"] == "chat.completion"
        assert gateway.stop() == 0
        assert gateway.process.stdout is not None
        said = gateway.process.stdout.read()
    assert "demo: no key and no model server was found" in said
    assert f"ANTHROPIC_BASE_URL={gateway.url} " in said
    assert f"OPENAI_BASE_URL={gateway.url}/v1 " in said
    assert "llmux launch claude" in said
    assert "/ui" not in said, "there is no page without an admin key"


def test_it_says_where_the_admin_page_is(tmp_path: Path) -> None:
    env = surroundings(tmp_path, LLMUX_ADMIN_KEY="office")
    with running("start", "--port", "0", env=env, cwd=tmp_path) as gateway:
        assert gateway.stop() == 0
        assert gateway.process.stdout is not None
        assert f"{gateway.url}/ui, with the admin key" in gateway.process.stdout.read()


def test_ctrl_c_is_an_orderly_end(tmp_path: Path) -> None:
    with running("start", "--port", "0", env=surroundings(tmp_path), cwd=tmp_path) as gateway:
        assert gateway.stop(signal.SIGINT) == 0
        assert gateway.process.stderr is not None
        assert "Traceback" not in gateway.process.stderr.read()


def test_two_workers_say_it_once(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    args = ("start", "--port", str(port), "--workers", "2")
    with running(*args, env=surroundings(tmp_path), cwd=tmp_path) as gateway:
        assert gateway.url == f"http://127.0.0.1:{port}"
        assert ask(gateway.url, "/v1/messages", HELLO)["type"] == "message"
        assert gateway.stop() == 0
        assert gateway.process.stdout is not None
        assert "listens on" not in gateway.process.stdout.read()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_https_with_a_pair_of_bin_cert(tmp_path: Path) -> None:
    for folder in ("bin", "certs"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / "bin/cert", tmp_path / "bin")
    subprocess.run([tmp_path / "bin/cert"], check=True, capture_output=True)
    pair = ("--https", "--ssl-key", "certs/key.pem", "--ssl-cert", "certs/cert.pem")
    with running("start", "--port", "0", *pair, env=surroundings(tmp_path), cwd=tmp_path) as gateway:
        assert gateway.url.startswith("https://127.0.0.1:")
        trust = ssl.create_default_context(cafile=tmp_path / "certs/cert.pem")
        assert ask(gateway.url, "/v1/messages", HELLO, trust)["type"] == "message"
        assert gateway.stop() == 0


def test_a_certificate_that_does_not_hold(call, home: Path) -> None:
    for name in ("key.pem", "cert.pem"):
        (home / name).write_text("not a certificate\n")
    told = call("start", "--port", "0", "--https", "--ssl-key", "key.pem", "--ssl-cert", "cert.pem")
    assert told.exit_code == 1
    assert told.stderr.startswith("llmux: the certificate and its key do not hold: ")
    assert "bin/cert" in told.stderr


def test_a_port_in_use(call) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        told = call("start", "--port", str(port))
    assert told.exit_code == 1
    assert (
        told.stderr == f"llmux: port {port} on 127.0.0.1 is in use. Stop what uses it, or choose another: --port N.\n"
    )


def test_an_address_of_another_machine(call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMUX_ALLOW_ANONYMOUS", "true")
    told = call("start", "--host", "192.0.2.1", "--port", "0")
    assert told.exit_code == 1
    assert told.stderr.startswith("llmux: 192.0.2.1 is no address of this machine.")


def test_a_store_that_cannot_be_opened(call, home: Path) -> None:
    (home / "config.toml").write_text('[store]\nurl = "sqlite:/proc/nowhere/llmux.db"\n')
    told = call("start", "--port", "0")
    assert told.exit_code == 1
    assert told.stderr.startswith("llmux: ")
    assert "/proc/nowhere" in told.stderr


@pytest.mark.parametrize("args", [("--port", "70000"), ("--workers", "0"), ("--ssl-key", "nowhere.pem"), ("extra",)])
def test_wrong_use(call, args: tuple[str, ...]) -> None:
    told = call("start", *args)
    assert told.exit_code == 2
    assert told.stderr.startswith("Usage: ")


def test_a_wrong_configuration_stops_the_start(call, home: Path) -> None:
    (home / "config.toml").write_text("prot = 1\n")
    told = call("start")
    assert told.exit_code == 2
    assert 'prot: unknown key; did you mean "port"?' in told.stderr


def test_mock_serves_the_demo_in_both_dialects(tmp_path: Path) -> None:
    with running("mock", "--port", "0", env=surroundings(tmp_path), cwd=tmp_path) as mock:
        assert mock.line.startswith("demo provider listens on http://127.0.0.1:")
        assert ask(mock.url, "/v1/messages", HELLO)["type"] == "message"
        assert ask(mock.url, "/v1/chat/completions", HELLO)["object"] == "chat.completion"
        assert mock.stop() == 0


def test_mock_on_a_port_in_use(call) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        told = call("mock", "--port", str(port))
    assert told.exit_code == 1
    assert f"port {port} on 127.0.0.1 is in use" in told.stderr
