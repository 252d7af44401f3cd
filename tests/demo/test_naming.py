"""A demo model's name."""

import pytest

from llmux.demo.naming import Name, Settings, read
from llmux.errors import BadRequest

NAMES = {
    "echo": Name("echo"),
    "demo:think": Name("think"),
    "claude-sonnet-4-5": Name("claude-sonnet-4-5"),
    "slow-2s": Name("slow", Settings(wait=2.0)),
    "demo:slow-stream-20ms": Name("slow-stream", Settings(wait=0.02)),
    "slow?wait=0.5s": Name("slow", Settings(wait=0.5)),
    "echo?delay=20ms&chunk=4": Name("echo", Settings(delay=0.02, chunk=4)),
    "fail-429?retry-after=3": Name("fail-429", Settings(retry_after=3.0)),
    "cut?after=0": Name("cut", Settings(after=0)),
    "fail-529": Name("fail-529"),
    "": Name(""),
}
WRONG = {
    "echo?nothing=1": "unknown field",
    "echo?delay=soon": "not a duration",
    "echo?chunk=many": "chunk",
}


@pytest.mark.parametrize(("text", "name"), NAMES.items(), ids=NAMES)
def test_a_name_is_read(text: str, name: Name) -> None:
    assert read(text) == name


@pytest.mark.parametrize(("text", "reason"), WRONG.items(), ids=WRONG)
def test_a_wrong_setting_is_the_clients_error(text: str, reason: str) -> None:
    with pytest.raises(BadRequest, match=reason) as caught:
        read(text, param="x-llmux-demo")
    assert caught.value.param == "x-llmux-demo"
