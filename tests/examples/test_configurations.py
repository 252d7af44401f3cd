"""Every configuration of examples/: it holds, and a gateway on it answers, with the demo in its providers' place."""

import re
import tomllib
from pathlib import Path

import pytest

from llmux.config.load import Loaded, load
from llmux.config.problem import ConfigError
from llmux.routing.assemble import assemble
from tests.cli.running import ROOT, Running, ask, running, surroundings
from tests.examples.conftest import KEYS

EXAMPLES = sorted((ROOT / "examples").glob("*.toml"), key=lambda path: path.name)
ON_THE_NET = [path for path in EXAMPLES if path.name != "https.toml"]
# Where the demo speaks each provider's API; most speak OpenAI's.
VERSIONS = {"anthropic": "", "gemini": "/v1beta", "vertex": "/v1beta", "ollama": ""}
HELLO = {"max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}


def check(example: Path, folder: Path, keys: dict[str, str]) -> Loaded:
    """The example's configuration, read in a folder with a certificate in it."""
    (folder / "certs").mkdir()
    for name in ("key.pem", "cert.pem"):
        (folder / "certs" / name).touch()
    return load(example, env=keys, cwd=folder)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_it_holds(example: Path, tmp_path: Path) -> None:
    loaded = check(example, tmp_path, KEYS)
    assert assemble(loaded.config, loaded.tables).catalog.backends
    assert loaded.found == loaded.notices == ()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_it_holds_no_key_of_its_own(example: Path, tmp_path: Path) -> None:
    wanted = {name for name in KEYS if "${" + name + "}" in example.read_text()}
    try:
        check(example, tmp_path, {})
        named = set()
    except ConfigError as error:
        named = {name for name in KEYS if name in str(error)}
    assert named == wanted


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
        line = f'[provider.{name}]\nbase_url = "{mock.url}{VERSIONS.get(name, "/v1")}"\n'
        old = f'base_url = "{provider["base_url"]}"' if "base_url" in provider else None
        text = text.replace(old, "") if old else text
        text = re.sub(rf"\[provider\.{name}\].*\n", line, text)
    (tmp_path / "example.toml").write_text(text)
    args = ("start", "--config", "example.toml", "--port", "0")
    with running(*args, env=surroundings(tmp_path, **KEYS), cwd=tmp_path) as gateway:
        for backend in tomllib.loads(text)["backend"]:
            model = backend["model"]
            if backend.get("embeddings"):
                assert ask(gateway.url, "/v1/embeddings", {"model": model, "input": "Hello"})["data"]
                continue
            asked = HELLO | {"model": model.replace("*", "any")}
            assert ask(gateway.url, "/v1/messages", asked)["content"][-1]["text"]
            assert ask(gateway.url, "/v1/chat/completions", asked)["choices"][0]["message"]["content"]
