"""A conversation that the server is to remember: refused in the words that let the SDKs send it whole instead.

The SDKs' tool runners ask for one by themselves. Taken and not kept, it would lose the conversation without a word.
"""

import json

import pytest

from llmux.dialects.claude import CLAUDE
from llmux.errors import Unsupported

BODY = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi."}]}


@pytest.mark.parametrize("thread", [{"type": "create"}, {"type": "continue", "previous_message_id": "msg_1"}, "odd"])
def test_a_thread_is_refused(thread: object) -> None:
    with pytest.raises(Unsupported) as caught:
        CLAUDE.decode_request(json.dumps({**BODY, "thread": thread}).encode())
    assert caught.value.param == "thread"
    told = CLAUDE.encode_error(caught.value, "req_1")
    error = json.loads(told.body)["error"]
    assert (told.status, error["type"]) == (400, "invalid_request_error")
    assert error["details"] == {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}


def test_no_thread_is_nothing_to_refuse() -> None:
    CLAUDE.decode_request(json.dumps({**BODY, "thread": None}).encode())


def test_other_refusals_have_no_details() -> None:
    told = CLAUDE.encode_error(Unsupported("llmux: no backend supports vision."), "req_1")
    assert "details" not in json.loads(told.body)["error"]
