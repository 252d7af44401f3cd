import json
from pathlib import Path

import pytest

from llmux.cli.explain import guess

CLAUDE = {
    "model": "claude-x",
    "max_tokens": 10,
    "system": "Be brief.",
    "top_k": 5,
    "messages": [{"role": "user", "content": "Hello"}],
}
OPENAI = {"model": "gpt-x", "messages": [{"role": "user", "content": "Hello"}]}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}

TOOL = {"name": "f", "input_schema": {"type": "object"}}
GUESSES = [
    ({"messages": []}, "openai_chat"),
    ({"contents": []}, "gemini"),
    ({"system": "x"}, "claude"),
    ({"messages": [], "options": {}}, "ollama"),
    ({"thinking": {}}, "claude"),
    ({"tools": [TOOL]}, "claude"),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "openai_chat"),
    ({"tools": "nonsense"}, "openai_chat"),
    ({"input": "x"}, "openai_responses"),
    ({"input": "x", "messages": []}, "openai_chat"),
    ({"top_k": 3, "messages": [{"content": [{"type": "image_url", "image_url": {}}]}]}, "openai_chat"),
]


@pytest.mark.parametrize(("body", "dialect"), GUESSES)
def test_the_dialect_is_guessed(body, dialect: str) -> None:
    assert guess(body) == dialect


@pytest.fixture
def box(home: Path) -> None:
    """Two backends: a small one that cannot see, and one of the other dialect."""
    (home / "config.toml").write_text("""
[store]
url = "memory:"
[provider.box]
base_url = "http://127.0.0.1:1/v1"
api_key = "sk-secret"
[[backend]]
model = "box:little"
vision = false
context = 1000
[[backend]]
model = "box:opus"
vision = true
model_match = ["*opus*"]
""")


def explained(call, body: object, *args: str):
    return call("explain", "-", *args, stdin=json.dumps(body))


def test_to_a_person(call, box) -> None:
    told = explained(call, CLAUDE)
    assert told.exit_code == 0, told.output
    assert "claude request for claude-x: about " in told.output
    assert "  1  box:little\n" in told.output
    assert "box:opus  unfit  model_match does not match claude-x" in told.output
    assert "Sent to box:little\nPOST " in told.output
    assert "dropped=top_k" in told.output
    assert "sk-secret" not in told.output


def test_as_json(call, box) -> None:
    told = explained(call, OPENAI, "--json", "--model", "box:opus")
    assert told.exit_code == 0, told.output
    found = json.loads(told.output)
    assert found["plan"] == ["box:opus"]
    assert found["upstream"]["lane"] == "verbatim"
    assert found["upstream"]["body"]["model"] == "opus"


def test_from_a_file_in_a_named_dialect(call, box, home: Path) -> None:
    (home / "request.json").write_text(json.dumps(OPENAI | {"max_tokens": 5}))
    told = call("explain", "request.json", "--dialect", "claude")
    assert told.exit_code == 0, told.output
    assert told.output.startswith("claude request for gpt-x")


def test_what_nobody_can_answer_fails(call, box) -> None:
    told = explained(call, CLAUDE | {"messages": [{"role": "user", "content": [IMAGE]}]})
    assert told.exit_code == 1
    assert "  none\n" in told.stdout
    assert "box:little  unfit  lacks vision" in told.stdout
    assert told.stderr.startswith("llmux: ")
    assert "vision" in told.stderr


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "<stdin>: not JSON: "),
        ("[]", "<stdin>: a JSON object is expected"),
        ('{"system": 1, "messages": 2}', "not a request in the dialect claude: "),
    ],
)
def test_what_is_no_request(call, box, text: str, complaint: str) -> None:
    told = call("explain", "-", stdin=text)
    assert told.exit_code == 2
    assert complaint in told.stderr


def test_a_file_that_is_not_there(call) -> None:
    assert call("explain", "nowhere.json").exit_code == 2


def test_a_store_that_cannot_be_opened(call, home: Path) -> None:
    (home / "config.toml").write_text('[store]\nurl = "sqlite:/proc/nowhere/llmux.db"\n')
    told = explained(call, OPENAI)
    assert told.exit_code == 1
    assert told.stderr.startswith("llmux: ")


def test_a_body_that_its_backend_cannot_be_sent(call, home: Path) -> None:
    """Two answers were asked for, and a Claude backend gives one: that is said where the body would stand."""
    (home / "config.toml").write_text('backend = [{ model = "demo_claude:*" }]\n')
    told = explained(call, OPENAI | {"n": 2})
    assert told.exit_code == 0, told.output
    assert "Sent to demo_claude:*\nnothing: " in told.output


def test_it_says_how_the_backends_of_a_role_are_asked_and_why_in_this_order(call, home: Path) -> None:
    roles = '[role.r]\nbackends = ["demo:echo", "demo:think"]\nexecution = "hedge"\npolicy = "round_robin"\n'
    (home / "config.toml").write_text(f'[[backend]]\nmodel = "demo:echo"\n[[backend]]\nmodel = "demo:think"\n{roles}')
    told = explained(call, OPENAI | {"model": "r"})
    wanted = "Tried, in this order, the next one too where the first is silent, by round_robin: demo:echo in turn"
    assert wanted in told.output
