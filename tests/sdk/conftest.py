"""A real gateway on loopback, as its own process, with the demo provider behind it in every dialect, over HTTP."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.sdk.house import CONFIG, SDKS, Gateway

# The tests of an SDK whose dialect llmux does not speak are not there.
FILES = {"responses": "test_responses.py", "google": "test_google_genai.py", "ollama": "test_ollama.py"}
collect_ignore = [file for sdk, file in FILES.items() if sdk not in SDKS]

ADDRESS = re.compile(r"https?://127\.0\.0\.1:\d+")


@contextmanager
def running(*command: str) -> Iterator[str]:
    """An llmux command as a process of its own. Gives the address that it says it listens at."""
    process = subprocess.Popen([sys.executable, "-m", "llmux", *command], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = list[str]()
    # It goes on talking, and would wait for a reader where a pipe is full.
    rest = threading.Thread(target=process.stdout.read, daemon=True)
    try:
        for line in process.stdout:
            said.append(line)
            if found := ADDRESS.search(line):
                rest.start()
                yield found[0]
                return
        raise AssertionError(f"llmux {command[0]} ended without listening:\n{''.join(said)}")
    finally:
        process.terminate()
        process.wait(10)
        if rest.ident:
            rest.join()
        process.stdout.close()


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The gateway, once for all of these tests."""
    folder: Path = tmp_path_factory.mktemp("sdk")
    with running("mock", "--port", "0") as mock:
        config = folder / "config.toml"
        config.write_text(CONFIG.replace("MOCK", mock))
        with running("start", "--config", str(config), "--port", "0") as url:
            yield Gateway(url)
