"""`llmux launch` with a stand-in for Claude Code, which tells what it was given and asks the gateway."""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from llmux.cli.clients import CLIENTS
from llmux.cli.main import llmux as command
from tests.cli.running import COMMAND, ask, llmux, running, surroundings

CLAUDE = f"""#!{sys.executable}
import json, os, sys, urllib.request
url = os.environ["ANTHROPIC_BASE_URL"]
body = {{"model": "claude-x", "max_tokens": 9, "messages": [{{"role": "user", "content": "Hi"}}]}}
headers = {{"authorization": "Bearer " + os.environ["ANTHROPIC_AUTH_TOKEN"], "content-type": "application/json"}}
with urllib.request.urlopen(urllib.request.Request(url + "/v1/messages", json.dumps(body).encode(), headers)) as told:
    answer = json.load(told)
print(json.dumps({{"args": sys.argv[1:], "env": dict(os.environ), "type": answer["type"]}}))
sys.exit(int(os.environ.get("CODE", "0")))
"""


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder for the PATH, with a `claude` in it."""
    folder = tmp_path / "tools"
    folder.mkdir()
    (folder / "claude").write_text(CLAUDE)
    (folder / "claude").chmod(0o755)
    return folder


def env(home: Path, tools: Path, **more: str) -> dict[str, str]:
    return surroundings(home, PATH=f"{tools}:{os.environ['PATH']}", **more)


def told_by(done: subprocess.CompletedProcess[str]) -> dict:
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def free_port(tmp_path: Path) -> int:
    """A port at which nothing listens, which the configuration in the folder names."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "config.toml").write_text(f'port = {port}\nbackend = [{{ model = "demo:*" }}]\n')
    return port


def test_with_a_gateway_of_its_own(tmp_path: Path, tools: Path, free_port: int) -> None:
    done = llmux("launch", "claude", "-p", "two words", "--config", "x", env=env(tmp_path, tools), cwd=tmp_path)
    told = told_by(done)
    assert done.returncode == 0
    assert told["args"] == ["-p", "two words", "--config", "x"]
    assert told["type"] == "message"
    url = told["env"]["ANTHROPIC_BASE_URL"]
    assert url.startswith("http://127.0.0.1:")
    assert url != f"http://127.0.0.1:{free_port}"
    with pytest.raises(ConnectionRefusedError):  # it has gone with the client
        ask(url, "/health")


def test_with_the_gateway_that_runs(tmp_path: Path, tools: Path, free_port: int) -> None:
    with running("start", env=env(tmp_path, tools), cwd=tmp_path) as gateway:
        told = told_by(llmux("launch", "claude", env=env(tmp_path, tools), cwd=tmp_path))
        assert told["env"]["ANTHROPIC_BASE_URL"] == gateway.url == f"http://127.0.0.1:{free_port}"
        assert gateway.process.poll() is None


def test_the_exit_code_is_the_clients(tmp_path: Path, tools: Path, free_port: int) -> None:
    assert llmux("launch", "claude", env=env(tmp_path, tools, CODE="7"), cwd=tmp_path).returncode == 7


def test_a_token_is_handed_over_and_a_key_of_anthropics_is_not(tmp_path: Path, tools: Path, free_port: int) -> None:
    with (tmp_path / "config.toml").open("a") as file:
        file.write('[tokens]\nme = "let-me-in"\n')
    surrounded = env(tmp_path, tools, ANTHROPIC_API_KEY="sk-ant-mine")
    told = told_by(llmux("launch", "claude", env={**surrounded, "LLMUX_X": ""}, cwd=tmp_path))
    assert told["env"]["ANTHROPIC_AUTH_TOKEN"] == "let-me-in"
    assert "ANTHROPIC_API_KEY" not in told["env"]


def test_a_proxy_is_not_asked_for_loopback(tmp_path: Path, tools: Path, free_port: int) -> None:
    surrounded = env(tmp_path, tools, HTTP_PROXY="http://127.0.0.1:1", NO_PROXY="intranet")
    told = told_by(llmux("launch", "claude", env=surrounded, cwd=tmp_path))
    assert told["env"]["NO_PROXY"] == "intranet,127.0.0.1,localhost"


def test_a_request_to_stop_is_passed_on(tmp_path: Path, tools: Path, free_port: int) -> None:
    (tools / "claude").write_text("#!/bin/sh\necho started\nexec sleep 60\n")
    process = subprocess.Popen(
        [*COMMAND, "launch", "claude"], env=env(tmp_path, tools), cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 128 + signal.SIGTERM


def test_a_request_to_stop_while_its_gateway_starts(tmp_path: Path, tools: Path, free_port: int, monkeypatch) -> None:
    """The gateway that was being started goes too."""
    began: list[subprocess.Popen[bytes]] = []

    def stop_instead(child: subprocess.Popen[bytes], log: object) -> str:
        began.append(child)
        signal.raise_signal(signal.SIGTERM)
        return ""

    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for name, value in env(tmp_path, tools).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("llmux.cli.beside._url", stop_instead)
    try:
        told = CliRunner().invoke(command, ["launch", "claude"], prog_name="llmux")
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert told.exit_code == 128 + signal.SIGTERM
    assert began[0].poll() is not None


def test_a_gateway_that_does_not_start(tmp_path: Path, tools: Path, free_port: int) -> None:
    with (tmp_path / "config.toml").open("a") as file:
        file.write('[store]\nurl = "sqlite:/proc/nowhere/llmux.db"\n')
    done = llmux("launch", "claude", env=env(tmp_path, tools), cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("llmux: the gateway did not start. It said: ")


def test_a_client_that_is_not_installed(call, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    told = call("launch", "claude")
    assert told.exit_code == 1
    assert (
        told.output == "llmux: there is no claude on the PATH. Install it: npm install -g @anthropic-ai/claude-code\n"
    )


def test_an_unknown_client(call) -> None:
    told = call("launch", "emacs")
    assert told.exit_code == 2
    assert "claude" in told.stderr


PRINTED = {
    "": [
        "unset ANTHROPIC_API_KEY",
        "export ANTHROPIC_BASE_URL=http://127.0.0.1:8082",
        "export ANTHROPIC_AUTH_TOKEN=llmux",
    ],
    "host = '0.0.0.0'\nport = 9000\ntokens.me = 'a b'\n": [
        "unset ANTHROPIC_API_KEY",
        "export ANTHROPIC_BASE_URL=http://127.0.0.1:9000",
        "export ANTHROPIC_AUTH_TOKEN='a b'",
    ],
    "provider.anthropic.api_key = 'client'\nbackend = [{ model = 'anthropic:*' }]\n": [
        "export ANTHROPIC_BASE_URL=http://127.0.0.1:8082"
    ],
    "https_enabled = true\nssl_key_file = 'k.pem'\nssl_cert_file = 'c.pem'\n": [
        "unset ANTHROPIC_API_KEY",
        "export ANTHROPIC_BASE_URL=https://127.0.0.1:8082",
        "export ANTHROPIC_AUTH_TOKEN=llmux",
        "export NODE_EXTRA_CA_CERTS={home}/c.pem",
    ],
}


@pytest.mark.parametrize(("config", "lines"), PRINTED.items(), ids=["plain", "token", "own key", "https"])
def test_the_environment_is_printed(call, home: Path, config: str, lines: list[str]) -> None:
    for name in ("k.pem", "c.pem"):
        (home / name).touch()
    (home / "config.toml").write_text(config)
    told = call("launch", "--print", "claude")
    assert told.exit_code == 0
    assert told.output.splitlines() == [line.format(home=home) for line in lines]


def test_an_api_key_of_ones_own_is_handed_over(call, home: Path, monkeypatch) -> None:
    (home / "config.toml").write_text("api_key_required = true\n")
    told = call("launch", "--print", "claude")
    assert (told.exit_code, told.stdout) == (1, "")
    assert "llmux keys create NAME makes one. Set it as LLMUX_KEY" in told.stderr
    monkeypatch.setenv("LLMUX_KEY", "lmx-mine")
    assert "export ANTHROPIC_AUTH_TOKEN=lmx-mine" in call("launch", "--print", "claude").stdout


def test_codex_is_told_on_its_command_line(tmp_path: Path, tools: Path, free_port: int) -> None:
    """It reads no address from the environment."""
    (tools / "codex").write_text(f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    (tools / "codex").chmod(0o755)
    with running("start", env=env(tmp_path, tools), cwd=tmp_path) as gateway:
        told = llmux("launch", "codex", "exec", "hello", env=env(tmp_path, tools), cwd=tmp_path)
    *_, provider, own, prompt = json.loads(told.stdout)
    assert f'base_url="{gateway.url}/v1"' in provider
    assert (own, prompt) == ("exec", "hello")


def test_and_by_an_alias_in_a_shell(call, home: Path) -> None:
    told = call("launch", "--print", "codex")
    variable, alias = told.output.splitlines()
    assert variable == "export LLMUX_TOKEN=llmux"
    words = shlex.split(shlex.split(alias)[1].removeprefix("codex="))
    assert words[1:] == [argument.format(url="http://127.0.0.1:8082") for argument in CLIENTS["codex"].arguments]


def test_gemini_cli_is_kept_from_a_login_of_its_own(call, home: Path, monkeypatch) -> None:
    """Its settings would lead it to Google; those that a variable names stand above them."""
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    lines = call("launch", "--print", "gemini").output.splitlines()
    settings = home / "state" / "llmux" / "gemini-cli.json"
    assert f"export GEMINI_CLI_SYSTEM_SETTINGS_PATH={settings}" in lines
    assert json.loads(settings.read_text())["security"]["auth"]["selectedType"] == "gemini-api-key"


def test_a_place_where_nothing_can_be_written(call, home: Path, monkeypatch) -> None:
    (home / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "file"))
    told = call("launch", "--print", "gemini")
    assert told.exit_code == 1
    assert "which gemini needs: " in told.output


def test_rows_say_how_to_install_their_client() -> None:
    assert all(program.install and program.command for program in CLIENTS.values())
