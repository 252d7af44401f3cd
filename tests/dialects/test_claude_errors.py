"""Fields that Claude's backends refuse, by the place where a request has them."""

import orjson
import pytest

from llmux.dialects.claude import CLAUDE
from llmux.errors import ClientErrorUpstream, FieldRefused, GatewayError

REFUSALS: dict[str, tuple[type[GatewayError], str | None]] = {
    "This model does not support the effort parameter.": (FieldRefused, "output_config.effort"),
    "`temperature` is deprecated for this model.": (FieldRefused, "temperature"),
    "messages: Field required": (ClientErrorUpstream, None),
}


@pytest.mark.parametrize("message", REFUSALS)
def test_the_place_of_what_is_refused(message: str) -> None:
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
    error = CLAUDE.decode_error(400, {}, orjson.dumps(body))
    assert (type(error), error.param) == REFUSALS[message]
