"""Every client script of examples/clients, run as it is against a gateway on the demo."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import ROOT, Running, surroundings

CLIENTS = ROOT / "examples/clients"
MODULES = ROOT / "tests/sdk/node_modules"
# A script's ending -> what runs it.
RUNNERS = {".py": sys.executable, ".mjs": "node", ".sh": "sh"}
SAID = "Say hello to llmux."
needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not MODULES.is_dir(), reason="needs node, and `npm ci` in tests/sdk"
)
STREAMS = [
    "python_openai.py",
    "python_openai_responses.py",
    "python_anthropic.py",
    "python_google.py",
    "python_ollama.py",
    pytest.param("typescript_openai.mjs", marks=needs_node),
    pytest.param("typescript_anthropic.mjs", marks=needs_node),
    pytest.param("typescript_google.mjs", marks=needs_node),
    pytest.param("typescript_ollama.mjs", marks=needs_node),
]


def run(name: str, gateway: Running, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script, in a folder beside the packages that it imports."""
    script = Path(shutil.copy(CLIENTS / name, folder))
    if script.suffix == ".mjs":
        (folder / "node_modules").symlink_to(MODULES)
    return subprocess.run(
        [RUNNERS[script.suffix], script],
        env=surroundings(folder, LLMUX_URL=gateway.url, **variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", STREAMS)
def test_a_streamed_answer(gateway: Running, tmp_path: Path, name: str) -> None:
    done = run(name, gateway, tmp_path)
    assert done.returncode == 0, done.stderr
    *answer, usage = done.stdout.splitlines()
    assert SAID in "\n".join(answer)
    numbers = [int(word) for word in usage.split() if word.isdigit()]
    assert len(numbers) == 2
    assert all(numbers)


@pytest.mark.parametrize("name", STREAMS)
def test_a_failure_is_seen(gateway: Running, tmp_path: Path, name: str) -> None:
    done = run(name, gateway, tmp_path, LLMUX_MODEL="demo:fail-400")
    assert done.returncode != 0
    assert "400" in done.stderr


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_by_hand(gateway: Running, tmp_path: Path) -> None:
    done = run("curl.sh", gateway, tmp_path)
    assert done.returncode == 0, done.stderr
    for word in ('"status":"ok"', '"object":"list"', '"chat.completion"', "event: message_stop", '"input_tokens"'):
        assert word in done.stdout


def test_every_script_is_run() -> None:
    tried = {getattr(one, "values", (one,))[0] for one in STREAMS} | {"curl.sh"}
    assert tried == {path.name for path in CLIENTS.iterdir()}
