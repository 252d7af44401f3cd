"""A client names its conversation in its body, or else in a header."""

from collections.abc import AsyncGenerator

import pytest

from llmux.ir.events import Batch
from llmux.ir.request import Request
from llmux.responder import Context
from tests.server.house import BODIES, answers, running

CLAUDE, OPENAI = tuple(BODIES)

CASES = {
    "in a header": (CLAUDE, {"x-claude-code-session-id": "h"}, {}, "h"),
    "in both": (CLAUDE, {"x-claude-code-session-id": "h"}, {"metadata": {"user_id": "user_1_session_0a"}}, "0a"),
    "in either of two headers": (OPENAI, {"session-id": "h"}, {}, "h"),
    "in the body": (OPENAI, {"session_id": "h"}, {"prompt_cache_key": "b"}, "b"),
    "in another dialect's header": (OPENAI, {"x-claude-code-session-id": "h"}, {}, None),
    "in an empty header": (CLAUDE, {"x-claude-code-session-id": ""}, {}, None),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_the_name_of_a_conversation(case: tuple[str, dict[str, str], dict[str, object], str | None]) -> None:
    path, headers, fields, session = case
    seen: list[str | None] = []

    async def respond(request: Request, context: Context) -> AsyncGenerator[Batch, None]:
        seen.append(request.session)
        async for batch in answers(request, context):
            yield batch

    async with (
        running(respond) as house,
        house.session.post(house.url + path, json=BODIES[path] | fields, headers=headers) as answer,
    ):
        assert answer.status == 200
    assert seen == [session]
