"""Why a provider lets us in."""

import pytest

from llmux.config.endpoint import Endpoint
from llmux.config.schema import Secret
from llmux.credentials.keys import sign
from llmux.errors import Unauthenticated

OPENAI = Endpoint(name="o", dialect="openai_chat", api_key=Secret("k"), auth="bearer")
CLAUDE = Endpoint(name="c", dialect="claude", api_key=Secret("k"), auth="x-api-key")
CLIENT_OPENAI = Endpoint(name="o", dialect="openai_chat", api_key=Secret("client"), auth="client")
CLIENT_CLAUDE = Endpoint(name="c", dialect="claude", api_key=Secret("client"), auth="client")

SIGNED = {
    "a bearer": (OPENAI, "", {"authorization": "Bearer k"}),
    "a key of its own header": (CLAUDE, "", {"x-api-key": "k"}),
    "our key, whatever the caller has": (OPENAI, "theirs", {"authorization": "Bearer k"}),
    "none": (Endpoint(name="l", dialect="openai_chat", auth="none"), "theirs", {}),
    "the caller's, in OpenAI's form": (CLIENT_OPENAI, "theirs", {"authorization": "Bearer theirs"}),
    "the caller's, in Claude's form": (CLIENT_CLAUDE, "theirs", {"x-api-key": "theirs"}),
    "the caller's login": (CLIENT_CLAUDE, "sk-ant-oat01-x", {"authorization": "Bearer sk-ant-oat01-x"}),
    "headers of the provider's own": (
        Endpoint(name="l", dialect="openai_chat", auth="none", headers={"X-Team": "a", "Authorization": "Basic b"}),
        "",
        {"x-team": "a", "authorization": "Basic b"},
    ),
    "the key above a header": (
        Endpoint(name="l", dialect="claude", auth="x-api-key", api_key=Secret("k"), headers={"X-API-Key": "h"}),
        "",
        {"x-api-key": "k"},
    ),
}


@pytest.mark.parametrize("case", SIGNED)
def test_sign(case: str) -> None:
    endpoint, credential, expected = SIGNED[case]
    assert sign(endpoint, credential) == expected


def test_a_caller_without_a_key_is_told() -> None:
    with pytest.raises(Unauthenticated, match="your own API key"):
        sign(CLIENT_CLAUDE)
