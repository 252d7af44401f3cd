"""Every configuration of examples/: it holds, and a gateway on it answers, with the demo in its providers' place."""

import tomllib
from pathlib import Path

import pytest

from tests.cli.running import ROOT, Running, ask, llmux, running, surroundings
from tests.examples.conftest import KEYS

EXAMPLES = sorted((ROOT / "examples").glob("*.toml"), key=lambda path: path.name)
ON_THE_NET = [path for path in EXAMPLES if path.name != "https.toml"]
HELLO = {"max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_it_holds(example: Path, tmp_path: Path) -> None:
    (tmp_path / "certs").mkdir()
    for name in ("key.pem", "cert.pem"):
        (tmp_path / "certs" / name).touch()
    told = llmux("check", "--config", str(example), env=surroundings(tmp_path, **KEYS), cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "made-up" not in told.stdout


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_its_keys_are_the_ones_that_the_tests_know(example: Path, tmp_path: Path) -> None:
    """Without them the start stops and names them: no example holds a key of its own."""
    wanted = [name for name in KEYS if "${" + name + "}" in example.read_text()]
    told = llmux("check", "--config", str(example), env=surroundings(tmp_path), cwd=tmp_path)
    assert (told.returncode == 2) is bool(wanted)
    assert all(name in told.stderr for name in wanted)


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Running:
    home = tmp_path_factory.mktemp("mock")
    with running("mock", "--port", "0", env=surroundings(home), cwd=home) as started:
        yield started


@pytest.mark.parametrize("example", ON_THE_NET, ids=lambda path: path.stem)
def test_a_gateway_on_it_answers(example: Path, mock: Running, tmp_path: Path) -> None:
    """Each provider's address is replaced by that of the demo provider; everything else is as it is written."""
    text = example.read_text()
    for name, provider in tomllib.loads(text)["provider"].items():
        version = "" if name == "anthropic" else "/v1"
        line = f'[provider.{name}]\nbase_url = "{mock.url}{version}"\n'
        old = f'base_url = "{provider["base_url"]}"' if "base_url" in provider else None
        text = text.replace(old, "") if old else text
        text = text.replace(f"[provider.{name}]\n", line)
    (tmp_path / "example.toml").write_text(text)
    args = ("start", "--config", "example.toml", "--port", "0")
    with running(*args, env=surroundings(tmp_path, **KEYS), cwd=tmp_path) as gateway:
        for model in [backend["model"] for backend in tomllib.loads(text)["backend"]]:
            asked = HELLO | {"model": model.replace("*", "any")}
            assert ask(gateway.url, "/v1/messages", asked)["content"][-1]["text"]
            assert ask(gateway.url, "/v1/chat/completions", asked)["choices"][0]["message"]["content"]
