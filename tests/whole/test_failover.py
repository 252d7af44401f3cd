"""Failover seen for real: two backends over real sockets, one failing in every way, and what the client hears."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.cli.running import running, surroundings

CONFIG = """
port = 0
request_timeout = 0.5
idle_timeout = 0.5
max_retries = 1

[store]
url = "memory:"

[provider.oa]
api = "openai"
base_url = "{mock}/v1"

[provider.cl]
api = "claude"
base_url = "{mock}"

[provider.gone]
api = "openai"
base_url = "http://127.0.0.1:9"

{backends}
"""
BACKEND = '[[backend]]\nname = "{name}"\nmodel = "{provider}:{model}"\nmodel_match = ["{match}"]\n'

# Faults before content: the next backend answers, and the client never knows.
HIDDEN = [
    "refuse", "fail-401", "fail-404", "fail-429", "fail-500", "fail-503", "fail-529", "slow", "slow-start",
    "hang-first", "hang-start", "error-first", "cut-early", "garbage", "html", "empty",
]  # fmt: skip
# Faults behind content: one error, and no clean end.
# Content and the error behind it come in two reads: in one, the client has seen neither, and the next backend answers.
SLOWLY = "?delay=30ms"
SEEN = ["cut", "cut-clean", "error-in-stream", "hang"]
PATHS = {"/v1/messages": b"event: message_stop", "/v1/chat/completions": b'"finish_reason":"stop"'}
ERRORS = {"/v1/messages": b"event: error", "/v1/chat/completions": b'data: {"error":'}
SAID = "seven small words for the echo"


def config(mock: str) -> str:
    """For each fault and dialect of backend: one that has it, and one that answers."""
    backends = []
    # A backend that fails is put to rest, so each case has its own.
    seen = [f"{fault}{path.replace('/', '-')}" for fault in SEEN for path in PATHS]
    for provider in ("oa", "cl"):
        for case in [*HIDDEN, *seen]:
            fault, match = case.partition("-v1")[0], f"{provider}-{case}"
            if fault in SEEN:
                fault += SLOWLY
            backends.append(BACKEND.format(name=f"{match}.1", provider=provider, model=fault, match=match))
            backends.append(BACKEND.format(name=f"{match}.2", provider=provider, model="echo", match=match))
    backends.append(BACKEND.format(name="gone.1", provider="gone", model="x", match="gone"))
    backends.append(BACKEND.format(name="gone.2", provider="oa", model="echo", match="gone"))
    return CONFIG.format(mock=mock, backends="\n".join(backends))


@pytest.fixture(scope="module")
def gateway(mock: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home: Path = tmp_path_factory.mktemp("failover")
    (home / "config.toml").write_text(config(mock))
    with running(
        "start", "--config", "config.toml", env=surroundings(home), cwd=home, stderr=subprocess.DEVNULL
    ) as process:
        yield process.url


async def ask(url: str, path: str, model: str, *, stream: bool) -> tuple[int, dict[str, str], bytes]:
    body = {"model": model, "max_tokens": 99, "stream": stream, "messages": [{"role": "user", "content": SAID}]}
    async with aiohttp.ClientSession() as session, session.post(url + path, json=body) as answer:
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}, await answer.read()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("model", [*(f"{p}-{fault}" for p in ("oa", "cl") for fault in HIDDEN), "gone"])
async def test_one_correct_answer(gateway: str, path: str, model: str) -> None:
    for stream in (True, False):
        status, headers, body = await ask(gateway, path, model, stream=stream)
        assert status == 200
        assert headers["x-llmux-backend"] == f"{model}.2"
        assert body.count(b"seven") == 1
        assert not stream or PATHS[path] in body


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("fault", [f"{p}-{fault}" for p in ("oa", "cl") for fault in SEEN])
async def test_one_correct_error(gateway: str, path: str, fault: str) -> None:
    model = fault + path.replace("/", "-")
    status, headers, body = await ask(gateway, path, model, stream=True)
    assert (status, headers["x-llmux-backend"]) == (200, f"{model}.1")
    assert b"seven" in body
    assert body.count(b"seven") == 1
    assert ERRORS[path] in body
    assert PATHS[path] not in body
